//! Which registry a name stands for.

use std::num::NonZeroUsize;

use async_trait::async_trait;
use registry_intake::{
    connector::{Capabilities, Listing, PullAccess, RequestCount, Verification},
    error::IntegrationError,
    image::{Location, RegistryKind},
};

use super::*;

#[tokio::test]
async fn a_name_stays_with_its_registry() {
    let stage = Stage::of(contents()).await;
    stage.sync().run().await.unwrap();
    let other = Stage::of(contents()).await;
    let registry = connector(as_admin(&other.harbor), &other.clock);
    let moved = InventorySync::new(NAME, registry, Arc::clone(&stage.inventory));
    let error = moved.run().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::IntegrationRebound);
    assert_eq!(other.harbor.log().total(), 0);
}

#[tokio::test]
async fn a_listing_that_never_begins_binds_nothing_and_is_reported() {
    let stage = Stage::of(contents()).await;
    let wrong = as_admin(&stage.harbor).password(Secret::new("wrong"));
    let failed = Mutex::new(Vec::new());
    let sync = stage.sync_by(wrong);
    let report = sync.run_observed(|event| failed.lock().unwrap().push(event));
    let report = report.await.unwrap();
    let events = failed.into_inner().unwrap();
    assert!(matches!(&events[..], [SyncEvent::Failed(_)]), "{events:?}");
    assert_eq!((report.run, report.proof, report.listed), (None, None, 0));
    assert_eq!(report.requests, stage.harbor.log().total());
    let failure = report.failure.unwrap();
    assert_eq!(failure.code, ErrorCode::FailedToVerifyUsernameOrPwd);
    assert_eq!(stage.inventory.integrations().await.unwrap(), []);

    // The name is free for the registry that was meant.
    let meant = Stage::of(contents()).await;
    let registry = connector(as_admin(&meant.harbor), &meant.clock);
    let sync = InventorySync::new(NAME, registry, Arc::clone(&stage.inventory));
    assert!(sync.run().await.unwrap().is_complete());
}

#[tokio::test]
async fn a_name_moves_on_purpose_once_the_new_registry_has_answered() {
    let stage = Stage::of(contents()).await;
    stage.sync().run().await.unwrap();
    let before = stage.held().await;
    let bound_to = async || {
        let summary = stage.inventory.integrations().await.unwrap().remove(0);
        summary.binding.registry
    };
    let other = Stage::of(contents()).await;
    let there = |config| {
        let registry = connector(config, &other.clock);
        InventorySync::new(NAME, registry, Arc::clone(&stage.inventory)).rehoming()
    };
    let wrong = as_admin(&other.harbor).password(Secret::new("wrong"));
    let report = there(wrong).run().await.unwrap();
    assert_eq!((report.run, report.is_complete()), (None, false));
    assert_eq!(bound_to().await, stage.harbor.address().to_string());
    assert_eq!(stage.held().await, before);

    let report = there(as_admin(&other.harbor)).run().await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(bound_to().await, other.harbor.address().to_string());
    assert_eq!(report.gone, 0);
    let report = there(as_admin(&other.harbor)).run().await.unwrap();
    assert_eq!(report.unchanged, 124);
}

/// A connector of another crate, for a registry that it does not list.
#[derive(Debug)]
struct NeverListed;

#[async_trait]
impl RegistryConnector for NeverListed {
    fn kind(&self) -> RegistryKind {
        RegistryKind::Other
    }

    fn host(&self) -> &str {
        "registry.example.com:443"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            sync: false,
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
async fn a_registry_that_cannot_be_kept_is_refused_before_anything_is_written() {
    let stage = Stage::of(Contents::empty()).await;
    let inventory = Arc::clone(&stage.inventory);
    let sync = InventorySync::new("other", Arc::new(NeverListed), inventory);
    let error = sync.run().await.unwrap_err();
    assert!(matches!(&error, SyncError::Refused(_)), "{error}");
    assert_eq!(error.code(), ErrorCode::NotSupported);
    assert_eq!(stage.inventory.integrations().await.unwrap(), []);
}
