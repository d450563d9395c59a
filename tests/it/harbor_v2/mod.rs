//! The Harbor V2 connector against the simulated releases.

mod changes;
mod incremental;
mod listing;
pub(crate) mod pull_token;
mod recordings;
mod resolving;
pub(crate) mod session;
mod verification;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use registry_intake::{
    clock::{Clock, ManualClock, Timestamp},
    config::{
        IntegrationConfig, IntegrationConfigBuilder, Protocol, RegistryType, RegistryVersion,
        RequiredRole, Secret,
    },
    conformance::Shown,
    connector::{RegistryConnector, connect_with_clock},
    simulator::{HarborV2, HarborV2Builder, harbor_v2::Listed},
};

/// A simulated Harbor, and a clock that it shares with the connector: a sleep of either passes at
/// once, by both.
pub(crate) async fn start(builder: HarborV2Builder) -> (HarborV2, Arc<dyn Clock>) {
    let clock = jumping_clock();
    let harbor = builder.clock(Arc::clone(&clock)).start().await.unwrap();
    (harbor, clock)
}

pub(crate) fn jumping_clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::jumping_at(Timestamp::UNIX_EPOCH))
}

pub(crate) fn config(harbor: &HarborV2) -> IntegrationConfigBuilder {
    IntegrationConfig::builder("harbor")
        .registry_type(RegistryType::Harbor)
        .version(RegistryVersion::V2)
        .protocol(Protocol::Http)
        .domain(harbor.address().ip().to_string())
        .port(harbor.address().port())
        .connect_timeout(Duration::from_millis(300))
        .read_timeout(Duration::from_millis(300))
}

pub(crate) fn as_admin(harbor: &HarborV2) -> IntegrationConfigBuilder {
    config(harbor)
        .username(HarborV2::USERNAME)
        .password(Secret::new(HarborV2::PASSWORD))
}

pub(crate) fn as_robot(harbor: &HarborV2) -> IntegrationConfigBuilder {
    config(harbor)
        .username(HarborV2::ROBOT_USERNAME)
        .password(Secret::new(HarborV2::ROBOT_SECRET))
        .required_role(RequiredRole::List)
}

pub(crate) fn connector(
    config: IntegrationConfigBuilder,
    clock: &Arc<dyn Clock>,
) -> Arc<dyn RegistryConnector> {
    connect_with_clock(&config.build().unwrap(), Arc::clone(clock)).unwrap()
}

/// What a complete listing of the simulator shows, without what is left out by default.
pub(crate) fn shown(listed: Vec<Listed>) -> BTreeSet<Shown> {
    listed
        .into_iter()
        .filter(|row| !row.proxy_cache)
        .map(|row| Shown {
            repository: row.repository,
            digest: row.digest,
            tags: row.tags,
        })
        .collect()
}
