//! The Harbor V2 connector against the simulated releases.

mod listing;
mod verification;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::StreamExt;
use registry_intake::{
    clock::{Clock, ManualClock, Timestamp},
    config::{
        IntegrationConfig, IntegrationConfigBuilder, Protocol, RegistryType, RegistryVersion,
        RequiredRole, Secret,
    },
    connector::{
        ListingEvent, RegistryConnector, RequestCount, RunProof, connect_with_clock, list,
    },
    error::IntegrationError,
    image::Scope,
    simulator::{HarborV2, HarborV2Builder, Listed},
};

/// Repository, digest and tags of an image.
pub(crate) type Shown = (String, String, Vec<String>);

/// A simulated Harbor, and a clock that it shares with the connector: a sleep of either passes at
/// once, by both.
pub(crate) async fn start(builder: HarborV2Builder) -> (HarborV2, Arc<dyn Clock>) {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::jumping_at(Timestamp::UNIX_EPOCH));
    let harbor = builder.clock(Arc::clone(&clock)).start().await.unwrap();
    (harbor, clock)
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

/// What a listing told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) images: Vec<Shown>,
    pub(crate) listed: Vec<Scope>,
    pub(crate) excluded: Vec<Scope>,
    pub(crate) skipped: Vec<(Scope, IntegrationError)>,
    pub(crate) end: Option<Result<RunProof, IntegrationError>>,
    pub(crate) requests: u64,
}

impl Told {
    pub(crate) fn is_complete(&self) -> bool {
        matches!(&self.end, Some(Ok(proof)) if proof.is_complete())
    }

    /// The images, each of which must have been told once.
    pub(crate) fn set(&self) -> BTreeSet<Shown> {
        let set: BTreeSet<Shown> = self.images.iter().cloned().collect();
        assert_eq!(set.len(), self.images.len(), "an image was told twice");
        set
    }
}

pub(crate) async fn listing(connector: &Arc<dyn RegistryConnector>) -> Told {
    let requests = RequestCount::new();
    let mut events = list(Arc::clone(connector), requests.clone());
    let mut told = Told::default();
    while let Some(event) = events.next().await {
        assert!(told.end.is_none(), "an event behind the last one");
        match event {
            Ok(ListingEvent::Page { images, .. }) => {
                told.images.extend(images.into_iter().map(|image| {
                    (
                        image.repository.to_string(),
                        image.digest.to_string(),
                        image.tags.iter().map(|tag| tag.name.to_string()).collect(),
                    )
                }));
            }
            Ok(ListingEvent::Listed(scope)) => told.listed.push(scope),
            Ok(ListingEvent::Excluded(scope, _)) => told.excluded.push(scope),
            Ok(ListingEvent::Skipped(scope, error)) => told.skipped.push((scope, error)),
            Ok(ListingEvent::Finished(proof)) => told.end = Some(Ok(proof)),
            Ok(other) => panic!("an unknown event: {other:?}"),
            Err(error) => told.end = Some(Err(error)),
        }
    }
    told.requests = requests.get();
    told
}

pub(crate) fn shown(listed: Vec<Listed>) -> BTreeSet<Shown> {
    listed
        .into_iter()
        .filter(|row| !row.proxy_cache)
        .map(|row| (row.repository, row.digest, row.tags))
        .collect()
}
