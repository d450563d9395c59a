//! How registries are reached: where nobody goes, whom one trusts, by which way, and how much is read.
//! Through the connectors, over real sockets.

mod authority;
mod egress;
mod every_connector;
mod front;
mod limits;
mod overrides;
mod proxies;
mod proxy;
mod puller;
mod tls;
mod told;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use futures_util::TryStreamExt;
use registry_intake::{
    config::{
        IntegrationConfig, IntegrationConfigBuilder, Protocol, RegistryType, RegistryVersion,
        Secret,
    },
    connector::{
        ConnectContext, ListingEvent, PullAccess, RegistryConnector, RequestCount, connect_within,
        list,
    },
    error::IntegrationError,
    image::Location,
    simulator::HarborV2,
};
use tokio::net::TcpListener;
use tokio_rustls::rustls::ServerConfig;

use self::front::Front;

const DOMAIN: &str = "harbor.example.com";

/// Longer than any test of these takes, so that a machine under load fails none.
const PATIENCE: Duration = Duration::from_secs(20);

async fn harbor() -> HarborV2 {
    HarborV2::builder().sized(2, 4, 8).start().await.unwrap()
}

/// A Harbor that says of itself that it is found there.
async fn harbor_at(external: &str) -> HarborV2 {
    let builder = HarborV2::builder().sized(2, 4, 8);
    builder.external_url(external).start().await.unwrap()
}

/// A Harbor behind TLS, at the domain and the front's port.
async fn fronted(tls: ServerConfig) -> (HarborV2, Front) {
    fronted_at(Ipv4Addr::LOCALHOST.into(), tls).await
}

async fn fronted_at(at: IpAddr, tls: ServerConfig) -> (HarborV2, Front) {
    let listener = TcpListener::bind((at, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let harbor = harbor_at(&format!("https://{DOMAIN}:{port}")).await;
    let front = Front::on(listener, tls, harbor.address());
    (harbor, front)
}

/// A Harbor of this domain and port, by https.
fn config(port: u16) -> IntegrationConfigBuilder {
    IntegrationConfig::builder("harbor")
        .registry_type(RegistryType::Harbor)
        .version(RegistryVersion::V2)
        .protocol(Protocol::Https)
        .domain(DOMAIN)
        .port(port)
        .username(HarborV2::USERNAME)
        .password(Secret::new(HarborV2::PASSWORD))
        .connect_timeout(PATIENCE)
        .read_timeout(PATIENCE)
}

fn connected(config: IntegrationConfigBuilder) -> Arc<dyn RegistryConnector> {
    connect_within(&config.build().unwrap(), &ConnectContext::new()).unwrap()
}

/// The error of connecting, or else of verifying.
async fn failure(config: IntegrationConfigBuilder, context: &ConnectContext) -> IntegrationError {
    match connect_within(&config.build().unwrap(), context) {
        Ok(connector) => connector.verify().await.into_result().unwrap_err(),
        Err(error) => error,
    }
}

/// The places of all images that a complete listing shows.
async fn listed(connector: &Arc<dyn RegistryConnector>) -> Result<Vec<Location>, IntegrationError> {
    let requests = RequestCount::new();
    let events: Vec<_> = list(Arc::clone(connector), requests).try_collect().await?;
    let mut locations = Vec::new();
    for event in events {
        match event {
            ListingEvent::Page { images, .. } => {
                locations.extend(images.into_iter().map(|image| Location {
                    repository: image.repository,
                    digest: image.digest,
                    tags: Vec::new(),
                }));
            }
            ListingEvent::Skipped(_, error) => return Err(error),
            _ => {}
        }
    }
    Ok(locations)
}

/// Verify, list, and both kinds of access for a scanner, all of which must work.
async fn everything(config: IntegrationConfigBuilder) -> Vec<PullAccess> {
    let connector = connected(config);
    connector.verify().await.into_result().unwrap();
    let locations = listed(&connector).await.unwrap();
    assert!(!locations.is_empty());
    vec![
        connector.pull_access(&locations[0]).await.unwrap(),
        connector.pull_token(&locations[0]).await.unwrap(),
    ]
}
