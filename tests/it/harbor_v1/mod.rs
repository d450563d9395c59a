//! The Harbor V1 connector against the simulated 1.10, and against what a real one answered.

mod incremental;
mod listing;
mod pull_token;
mod recordings;
mod resolving;
mod verification;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use registry_intake::{
    clock::Clock,
    config::{
        IntegrationConfig, IntegrationConfigBuilder, Protocol, RegistryType, RegistryVersion,
        Secret,
    },
    conformance::Shown,
    simulator::{HarborV1, HarborV1Builder, harbor_v1::Account},
};

pub(crate) use crate::harbor_v2::{connector, jumping_clock};

/// A simulated Harbor 1.10, and a clock that it shares with the connector.
pub(crate) async fn start(builder: HarborV1Builder) -> (HarborV1, Arc<dyn Clock>) {
    let clock = jumping_clock();
    let harbor = builder.clock(Arc::clone(&clock)).start().await.unwrap();
    (harbor, clock)
}

pub(crate) fn config(harbor: &HarborV1) -> IntegrationConfigBuilder {
    IntegrationConfig::builder("harbor")
        .registry_type(RegistryType::Harbor)
        .version(RegistryVersion::V1)
        .protocol(Protocol::Http)
        .domain(harbor.address().ip().to_string())
        .port(harbor.address().port())
        .connect_timeout(Duration::from_millis(300))
        .read_timeout(Duration::from_millis(300))
}

pub(crate) fn as_admin(harbor: &HarborV1) -> IntegrationConfigBuilder {
    config(harbor)
        .username(HarborV1::USERNAME)
        .password(Secret::new(HarborV1::PASSWORD))
}

/// A user without a role, who lists what is public.
fn plain() -> Account {
    Account::user("plain", "Plain12345")
}

fn as_plain(harbor: &HarborV1) -> IntegrationConfigBuilder {
    config(harbor)
        .username("plain")
        .password(Secret::new("Plain12345"))
}

/// A robot that pulls from `payments`.
fn robot() -> Account {
    Account::robot("payments", "puller", "Robot-secret-1")
}

fn as_robot(harbor: &HarborV1) -> IntegrationConfigBuilder {
    config(harbor)
        .username("robot$puller")
        .password(Secret::new("Robot-secret-1"))
}

/// What a complete listing of the simulator shows.
pub(crate) fn shown(harbor: &HarborV1) -> BTreeSet<Shown> {
    harbor
        .listed()
        .into_iter()
        .map(|row| Shown {
            repository: row.repository,
            digest: row.digest,
            tags: row.tags,
        })
        .collect()
}
