use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use async_trait::async_trait;
use registry_intake::{
    connector::{Capabilities, Listing, PullAccess, RegistryConnector, RequestCount, Verification},
    error::{ErrorCode, IntegrationError},
    image::{Location, RegistryKind},
    ingest::{ImageIngester, IngestEvent, SinkError, Until},
    inventory::{Claim, ImageState, InventoryError},
};

use super::{Desk, Log, count, handed, ingester, registry, run, seconds, stage};
use crate::inventory::stage::{PROD, digest};

fn parked(log: &Log) -> Vec<(u32, ErrorCode, String)> {
    log.iter()
        .filter_map(|(_, event)| match event {
            IngestEvent::Parked { attempt, error, .. } => {
                Some((*attempt, error.code, error.message.clone()))
            }
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn a_failing_image_is_tried_again_after_growing_pauses_and_then_parked() {
    let stage = stage(1).await;
    let desk = Desk::new(|_| async { Err("the scanner is full".into()) });
    let ingester = ingester(&stage, desk)
        .max_attempts(count(4))
        .retry_pauses(seconds(60), seconds(600))
        .build()
        .unwrap();
    let (report, log) = run(&stage, &ingester, Until::IDLE).await;
    assert_eq!(
        handed(&log),
        [(0.0, 1), (60.0, 1), (300.0, 1), (900.0, 1)],
        "1, 4 and at most 10 minutes"
    );
    assert_eq!((report.failed, report.parked), (3, 1));
    let why = "the scanner is full".to_owned();
    assert_eq!(parked(&log), [(4, ErrorCode::SinkFailed, why)]);
    let images = stage.images().await;
    assert_eq!(images[0].state, ImageState::Parked);
    let failure = images[0].failure.as_ref().unwrap();
    assert_eq!(failure.message, "the scanner is full");

    // A parked image comes back when asked for, with its attempts anew.
    assert!(stage.request(&digest(1)).await);
    let ingester = super::ingester(&stage, Desk::willing()).build().unwrap();
    let (report, _) = run(&stage, &ingester, Until::IDLE).await;
    assert_eq!(report.acknowledged, 1);
}

#[tokio::test]
async fn a_retry_spends_a_token_of_the_limit() {
    let stage = stage(2).await;
    let desk = Desk::new(|delivery| async move {
        match delivery.attempt {
            1 => Err(SinkError::retry_after("busy", Duration::ZERO)),
            _ => Ok(()),
        }
    });
    let limit = registry_intake::config::SpeedLimit::PerHour(count(3600));
    let ingester = ingester(&stage, desk).pace(limit).build().unwrap();
    let (report, log) = run(&stage, &ingester, Until::IDLE).await;
    assert_eq!((report.handed, report.acknowledged), (4, 2));
    let times: Vec<_> = handed(&log).iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0.0, 1.0, 2.0, 3.0]);
}

#[tokio::test]
async fn a_permanent_failure_is_parked_at_once() {
    let stage = stage(1).await;
    let desk = Desk::new(|_| async { Err(SinkError::permanent("no such layer")) });
    let ingester = ingester(&stage, desk).build().unwrap();
    let (report, log) = run(&stage, &ingester, Until::IDLE).await;
    assert_eq!((report.handed, report.parked), (1, 1));
    assert_eq!(parked(&log)[0].0, 1);
}

#[tokio::test]
async fn a_panic_is_a_failure_and_ends_nothing_else() {
    let stage = stage(3).await;
    let desk = Desk::new(|delivery| async move {
        assert!(
            delivery.digest != digest(1) || delivery.attempt > 1,
            "out of paper"
        );
        Ok(())
    });
    let ingester = ingester(&stage, desk).build().unwrap();
    let (report, log) = run(&stage, &ingester, Until::IDLE).await;
    assert_eq!((report.failed, report.acknowledged), (1, 3));
    let message = log.iter().find_map(|(_, event)| match event {
        IngestEvent::Failed { error, .. } => Some(error.message.clone()),
        _ => None,
    });
    assert_eq!(message.unwrap(), "the sink panicked: out of paper");
}

/// A registry of which images may be listed, but not scanned.
#[derive(Debug)]
struct ListedOnly;

#[async_trait]
impl RegistryConnector for ListedOnly {
    fn kind(&self) -> RegistryKind {
        RegistryKind::AcrPersonal
    }

    fn host(&self) -> &str {
        "registry.example.com:443"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            sync: true,
            scan: false,
            scopes_in_flight: NonZeroUsize::MIN,
        }
    }

    async fn verify(&self) -> Verification {
        Verification::new(self.kind(), Vec::new())
    }

    async fn open_listing(
        &self,
        _requests: &RequestCount,
    ) -> Result<Box<dyn Listing>, IntegrationError> {
        panic!("nothing is listed")
    }

    async fn pull_access(&self, _location: &Location) -> Result<PullAccess, IntegrationError> {
        panic!("nothing is pulled")
    }
}

#[tokio::test]
async fn what_may_not_be_scanned_is_refused_before_a_token_is_spent() {
    let stage = stage(1).await;
    let inventory = Arc::clone(&stage.inventory);
    let refused = ImageIngester::builder(PROD, Arc::new(ListedOnly), inventory, Desk::willing());
    let error = refused.build().unwrap_err();
    assert_eq!(error.code(), ErrorCode::ScanNotSupported);
    let ten = registry_intake::pace::Pace::Spread(count(10));
    assert!(matches!(stage.claim_at(ten).await, Claim::Granted(_)));
}

#[tokio::test]
async fn an_integration_that_belongs_to_another_registry_is_refused() {
    let stage = stage(1).await;
    let inventory = Arc::clone(&stage.inventory);
    let mut elsewhere = crate::inventory::stage::binding("other");
    elsewhere.registry = "old.example.com:443".to_owned();
    inventory.bind(&elsewhere).await.unwrap();
    let ingester = ImageIngester::builder("other", registry(), inventory, Desk::willing());
    let ingester = ingester.build().unwrap();
    let error = ingester.run(Until::IDLE, std::future::pending()).await;
    let rebound = error.unwrap_err();
    assert!(
        matches!(rebound, InventoryError::IntegrationRebound { .. }),
        "{rebound}"
    );
}

#[tokio::test]
async fn an_integration_that_was_never_synced_is_refused_and_its_name_stays_free() {
    let stage = stage(1).await;
    let inventory = Arc::clone(&stage.inventory);
    let ingester = ImageIngester::builder("new", registry(), inventory, Desk::willing());
    let ingester = ingester.build().unwrap();
    let refused = ingester.run(Until::IDLE, std::future::pending()).await;
    let unknown = refused.unwrap_err();
    assert!(
        matches!(unknown, InventoryError::UnknownIntegration { .. }),
        "{unknown}"
    );
    assert!(unknown.to_string().contains("new"));
    assert_eq!(stage.inventory.integrations().await.unwrap().len(), 1);
}
