//! What is known before a run reads anything.

use std::time::Duration;

use super::{FallBack, InventorySync, SyncError, record::is_contradiction};
use crate::{
    connector::{Listing, RequestCount},
    error::{ErrorContext, IntegrationError, Step, Unsupported},
    image::{BlindSpot, ChangeMark},
    inventory::{Binding, InventoryError, RunKind},
};

/// A listing that was opened, or why it could not be, with what is known before it is read.
pub(super) struct Opened {
    pub(super) kind: RunKind,
    pub(super) listing: Result<Box<dyn Listing>, IntegrationError>,
    /// The mark behind which lies whatever changes while the listing is read.
    pub(super) mark: Option<ChangeMark>,
    pub(super) blind_to: Vec<BlindSpot>,
    pub(super) requests: RequestCount,
    pub(super) began: Duration,
}

impl InventorySync {
    pub(super) async fn open_listing(&self) -> Opened {
        let (requests, began) = (RequestCount::new(), self.clock.monotonic());
        let listing = self.connector.open_listing(&requests).await;
        Opened {
            kind: RunKind::Full,
            mark: mark_of(&listing).await,
            listing,
            blind_to: Vec::new(),
            requests,
            began,
        }
    }

    /// The listing of what has changed since the last run, or why there is none.
    pub(super) async fn open_changes(
        &self,
        is_bound: bool,
    ) -> Result<Result<Opened, FallBack>, InventoryError> {
        let known = self.inventory.integrations().await?;
        let known = known
            .into_iter()
            .find(|known| known.binding.integration == self.integration);
        let Some(known) = known.filter(|_| is_bound) else {
            return Ok(Err(FallBack::NoMark));
        };
        if known.open_run.is_some_and(|run| run.kind == RunKind::Full) {
            return Ok(Err(FallBack::FullRunUnfinished));
        }
        let Some(mark) = known.change_mark else {
            return Ok(Err(FallBack::NoMark));
        };
        let (requests, began) = (RequestCount::new(), self.clock.monotonic());
        let (listing, blind_to) = match self.connector.open_changes(&mark, &requests).await {
            Ok(Some(changes)) => (Ok(changes.listing), changes.blind_to),
            Ok(None) => return Ok(Err(FallBack::NotTold)),
            Err(error) if is_contradiction(&error) => return Ok(Err(FallBack::Contradicted)),
            Err(error) => (Err(error), Vec::new()),
        };
        Ok(Ok(Opened {
            kind: RunKind::Incremental,
            mark: mark_of(&listing).await,
            listing,
            blind_to,
            requests,
            began,
        }))
    }

    /// That no run was begun after this one. Whether one is under way is seen when the run begins,
    /// so that only one that begins and ends in between would be missed.
    pub(super) async fn is_last(&self, run: Option<i64>) -> Result<(), InventoryError> {
        let Some(run) = run else { return Ok(()) };
        let known = self.inventory.integrations().await?;
        let known = known
            .into_iter()
            .find(|known| known.binding.integration == self.integration);
        match known {
            Some(known) if known.newest_run() > run => Err(InventoryError::RunInProgress {
                integration: self.integration.clone(),
                until: known
                    .open_run
                    .map_or_else(|| self.clock.now(), |open| open.lease_until),
            }),
            _ => Ok(()),
        }
    }

    /// Which registry the name is to stand for, where its images can be kept.
    pub(super) fn binding(&self) -> Result<Binding, SyncError> {
        if !self.connector.capabilities().sync {
            return Err(SyncError::Refused(IntegrationError::NotSupported {
                context: Box::new(self.at_listing()),
                what: Unsupported::Connector,
            }));
        }
        Ok(Binding {
            integration: self.integration.clone(),
            kind: self.connector.kind(),
            registry: self.connector.registry().to_owned(),
        })
    }

    /// Whether the name is this registry's already; not so where it is to be taken from another.
    pub(super) async fn is_bound(&self, binding: &Binding) -> Result<bool, InventoryError> {
        match self.inventory.is_bound(binding).await {
            Err(InventoryError::IntegrationRebound { .. }) if self.rehomes => Ok(false),
            bound => bound,
        }
    }

    pub(super) async fn take_name(&self, binding: &Binding) -> Result<(), InventoryError> {
        if self.rehomes {
            self.inventory.rehome(binding).await
        } else {
            self.inventory.bind(binding).await
        }
    }

    pub(super) fn at_listing(&self) -> ErrorContext {
        ErrorContext::new(self.connector.kind(), self.connector.host(), Step::Listing)
    }
}

async fn mark_of(listing: &Result<Box<dyn Listing>, IntegrationError>) -> Option<ChangeMark> {
    match listing {
        Ok(listing) => listing.mark().await,
        Err(_) => None,
    }
}
