//! The same way for every registry: an own authority, a client certificate, and a proxy that alone knows
//! the name.

use std::sync::Arc;

use registry_intake::{
    config::{
        AcrInstance, CaMode, IntegrationConfig, IntegrationConfigBuilder, RegistryType,
        RegistryVersion, Secret,
    },
    connector::{ConnectContext, RegistryConnector, connect_within},
    error::{ErrorCode, RefusedAddress},
    network::EgressPolicy,
    simulator::{AcrEnterprise, AcrPersonal, HarborV1, Quay},
};
use std::net::SocketAddr;

use super::{
    DOMAIN, PATIENCE,
    authority::Authority,
    failure,
    front::Front,
    listed,
    proxies::{Proxy, Rules},
};
use crate::acr::key;

struct Way {
    authority: Authority,
    front: Front,
    proxy: Proxy,
}

impl Way {
    async fn to(server: SocketAddr) -> Self {
        let authority = Authority::new();
        let front = Front::start(authority.closed_server(DOMAIN), server).await;
        let rules = Rules::default().name(DOMAIN, front.address);
        Self {
            proxy: Proxy::http(rules.account("scanner", "swordfish")).await,
            authority,
            front,
        }
    }

    fn configured(&self, config: IntegrationConfigBuilder) -> IntegrationConfigBuilder {
        let own = self.authority.client();
        config
            .ca_bundle(self.authority.bundle(), CaMode::Replace)
            .client_identity(own.certificate(), own.key())
            .proxy(format!("http://{}", self.proxy.address))
            .proxy_account("scanner", Secret::new("swordfish"))
            .connect_timeout(PATIENCE)
            .read_timeout(PATIENCE)
    }

    /// Verified, listed and ready to be pulled from by this way and no other.
    async fn leads(&self, config: IntegrationConfigBuilder) {
        let config = self.configured(config);
        let context = ConnectContext::new();
        let connector: Arc<dyn RegistryConnector> =
            connect_within(&config.clone().build().unwrap(), &context).unwrap();
        connector.verify().await.into_result().unwrap();
        let locations = listed(&connector).await.unwrap();
        let access = connector.pull_access(&locations[0]).await.unwrap();
        assert!(access.proxy.is_some() && access.tls.client_identity.is_some());
        let shown = format!("{access:?}");
        assert!(
            !shown.contains("swordfish") && !shown.contains("PRIVATE"),
            "{shown}"
        );
        assert!(self.front.names().iter().all(|name| name == DOMAIN));
        let targets = self.proxy.targets();
        assert!(!targets.is_empty());
        assert!(
            targets
                .iter()
                .all(|target| target == &format!("{DOMAIN}:443")),
            "{targets:?}"
        );
        // What is never dialled is no way for any of them.
        let strict = ConnectContext::new().with_egress(EgressPolicy::strict());
        let error = failure(config, &strict).await;
        assert_eq!(error.code(), ErrorCode::AddressRefused, "{error:?}");
        assert!(
            error
                .to_string()
                .contains(&RefusedAddress::Loopback.to_string()),
            "{error}"
        );
    }
}

fn with_domain(registry_type: RegistryType, version: RegistryVersion) -> IntegrationConfigBuilder {
    IntegrationConfig::builder("one")
        .registry_type(registry_type)
        .version(version)
        .domain(DOMAIN)
}

#[tokio::test]
async fn a_harbor_v1_is_reached_so() {
    let harbor = HarborV1::builder().sized(2, 4, 8).start().await.unwrap();
    let way = Way::to(harbor.address()).await;
    let config = with_domain(RegistryType::Harbor, RegistryVersion::V1)
        .username(HarborV1::USERNAME)
        .password(Secret::new(HarborV1::PASSWORD));
    way.leads(config).await;
}

#[tokio::test]
async fn a_quay_is_reached_so() {
    let quay = Quay::builder().sized(2, 4, 8).start().await.unwrap();
    let way = Way::to(quay.address()).await;
    let config = with_domain(RegistryType::Quay, RegistryVersion::V2);
    let config = quay.organizations().iter().fold(config, |config, name| {
        config.namespace(name, Secret::new(Quay::AUTH_TOKEN))
    });
    way.leads(config).await;
}

fn acr(registry_type: RegistryType) -> IntegrationConfigBuilder {
    IntegrationConfig::builder("acr")
        .registry_type(registry_type)
        .region_id(AcrEnterprise::REGION_ID)
        .api_endpoint(format!("https://{DOMAIN}"))
}

#[tokio::test]
async fn an_acr_enterprise_is_reached_so() {
    let server = AcrEnterprise::builder()
        .sized(1, 2, 4)
        .start()
        .await
        .unwrap();
    let way = Way::to(server.address()).await;
    let config = acr(RegistryType::AcrEnterprise)
        .instance(AcrInstance::Id(AcrEnterprise::INSTANCE_ID.to_owned()))
        .credentials(key(
            AcrEnterprise::ACCESS_KEY_ID,
            AcrEnterprise::ACCESS_KEY_SECRET,
        ));
    way.leads(config).await;
}

#[tokio::test]
async fn an_acr_personal_is_reached_so() {
    let server = AcrPersonal::builder().sized(1, 2, 4).start().await.unwrap();
    let way = Way::to(server.address()).await;
    let config = acr(RegistryType::AcrPersonal).credentials(key(
        AcrPersonal::ACCESS_KEY_ID,
        AcrPersonal::ACCESS_KEY_SECRET,
    ));
    way.leads(config).await;
}
