//! The Quay connector against a simulated Quay 3.

mod incremental;
mod listing;
mod pull_token;
mod resolving;
mod session;
mod verification;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use registry_intake::{
    clock::Clock,
    config::{
        IntegrationConfig, IntegrationConfigBuilder, Protocol, RegistryType, RegistryVersion,
        Secret,
    },
    conformance::Shown,
    connector::{RegistryConnector, connect_with_clock},
    simulator::{Quay, QuayBuilder},
};

use crate::harbor_v2::jumping_clock;

pub(crate) async fn start(builder: QuayBuilder) -> (Quay, Arc<dyn Clock>) {
    let clock = jumping_clock();
    let quay = builder.clock(Arc::clone(&clock)).start().await.unwrap();
    (quay, clock)
}

/// An integration of these organisations, all by one token.
pub(crate) fn config(quay: &Quay, organizations: &[&str], token: &str) -> IntegrationConfigBuilder {
    let server = IntegrationConfig::builder("quay")
        .registry_type(RegistryType::Quay)
        .version(RegistryVersion::V2)
        .protocol(Protocol::Http)
        .domain(quay.address().ip().to_string())
        .port(quay.address().port())
        .connect_timeout(Duration::from_millis(300))
        .read_timeout(Duration::from_millis(300));
    organizations.iter().fold(server, |config, organization| {
        config.namespace(*organization, Secret::new(token))
    })
}

/// All organisations of the registry by its owner's token.
pub(crate) fn as_owner(quay: &Quay) -> IntegrationConfigBuilder {
    let organizations = quay.organizations();
    let names: Vec<&str> = organizations.iter().map(String::as_str).collect();
    config(quay, &names, Quay::AUTH_TOKEN)
}

pub(crate) fn connector(
    config: IntegrationConfigBuilder,
    clock: &Arc<dyn Clock>,
) -> Arc<dyn RegistryConnector> {
    connect_with_clock(&config.build().unwrap(), Arc::clone(clock)).unwrap()
}

/// What a complete listing of these organisations shows.
pub(crate) fn shown(quay: &Quay, organizations: &[String]) -> BTreeSet<Shown> {
    let rows = organizations.iter().flat_map(|name| quay.listed(name));
    rows.map(|row| Shown {
        repository: row.repository,
        digest: row.digest,
        tags: row.tags,
    })
    .collect()
}
