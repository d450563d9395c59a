use std::{panic::AssertUnwindSafe, pin::pin, time::Duration};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Either, select},
};

use super::{
    Delivery, ImageIngester, IngestEvent, SinkError,
    patience::{Abandon, is_transient},
    sink::{self, SinkFault, panicked},
};
use crate::{
    clock::Timestamp,
    error::ErrorRecord,
    image::Digest,
    inventory::{ClaimedImage, Failure, Inventory, InventoryError, Lease},
};

/// A renewal is due when this part of the lease has passed: two may fail before it ends.
const RENEWALS_PER_LEASE: u32 = 3;

/// One image in hand: the sink works, the lease is kept, and the end is recorded.
pub(super) struct Hand<'a> {
    ingester: &'a ImageIngester,
    abandon: Abandon,
    lease: Lease,
    lease_until: Timestamp,
    attempt: u32,
    /// Monotonic time at which the image came into the hand.
    since: Duration,
}

/// How the sink's part ended.
enum Outcome {
    Taken,
    Refused(SinkError),
    LeaseLost(InventoryError),
    Abandoned,
}

impl<'a> Hand<'a> {
    pub(super) fn new(ingester: &'a ImageIngester, image: &ClaimedImage, abandon: Abandon) -> Self {
        Self {
            ingester,
            abandon,
            lease: image.lease.clone(),
            lease_until: image.lease_until,
            attempt: image.attempt,
            since: ingester.clock.monotonic(),
        }
    }

    /// Hands the image over and records the end. The lease is not renewed while that is recorded,
    /// so that no renewal finds it ended by its own acknowledgement.
    pub(super) async fn deliver(self, delivery: Delivery) -> IngestEvent {
        let attempt = self.attempt;
        match self.offer(delivery).await {
            Outcome::Taken => {
                let elapsed = self.elapsed();
                let acknowledged = self.settle(|inventory| inventory.acknowledge(&self.lease));
                self.recorded(acknowledged.await, |digest| IngestEvent::Acknowledged {
                    digest,
                    elapsed,
                })
            }
            Outcome::Refused(error) => {
                let pause = error.pause(self.ingester.retry_pauses.after(attempt));
                let retries = attempt < self.ingester.max_attempts.get();
                let failure = Failure {
                    error: self.record_of(error.error()),
                    retry_at: pause
                        .filter(|_| retries)
                        .map(|pause| self.inventory_now().saturating_add(pause)),
                };
                self.give_back(failure).await
            }
            Outcome::Abandoned => {
                let failure = Failure {
                    error: self.record_of(&SinkFault::Stopped),
                    retry_at: Some(self.inventory_now()),
                };
                self.give_back(failure).await
            }
            Outcome::LeaseLost(error) => self.lost(&error),
        }
    }

    async fn offer(&self, delivery: Delivery) -> Outcome {
        let sink = &self.ingester.sink;
        let work = AssertUnwindSafe(async move { sink.ingest(delivery).await }).catch_unwind();
        let (keeping, abandoned) = (pin!(self.keep()), pin!(self.abandon.told()));
        match select(pin!(work), select(keeping, abandoned)).await {
            Either::Left((Ok(Ok(())), _)) => Outcome::Taken,
            Either::Left((Ok(Err(error)), _)) => Outcome::Refused(error),
            Either::Left((Err(panic), _)) => Outcome::Refused(panicked(&*panic).into()),
            Either::Right((Either::Left((lost, _)), _)) => Outcome::LeaseLost(lost),
            Either::Right((Either::Right(((), _)), _)) => Outcome::Abandoned,
        }
    }

    /// Renews the lease until it is lost.
    async fn keep(&self) -> InventoryError {
        let Self {
            ingester, lease, ..
        } = self;
        let due = ingester.lease / RENEWALS_PER_LEASE;
        let mut pause = due;
        loop {
            ingester.clock.sleep(pause).await;
            let until = self.inventory_now().saturating_add(ingester.lease);
            pause = match ingester.inventory.renew(lease, until).await {
                Ok(()) => due,
                Err(error) if is_transient(&error) => {
                    tracing::warn!(%error, digest = %lease.digest, "a lease could not be renewed");
                    due / RENEWALS_PER_LEASE
                }
                Err(error) => return error,
            };
        }
    }

    async fn give_back(&self, failure: Failure) -> IngestEvent {
        let given_back = self.settle(|inventory| inventory.fail(&self.lease, &failure));
        let recorded = given_back.await;
        let attempt = self.attempt;
        self.recorded(recorded, |digest| match failure {
            Failure {
                error,
                retry_at: Some(retry_at),
            } => IngestEvent::Failed {
                digest,
                attempt,
                error,
                retry_at,
            },
            Failure {
                error,
                retry_at: None,
            } => IngestEvent::Parked {
                digest,
                attempt,
                error,
            },
        })
    }

    /// Records the end, asking again for as long as the lease surely holds.
    async fn settle<'s>(
        &'s self,
        mut record: impl FnMut(&'s dyn Inventory) -> BoxFuture<'s, Result<(), InventoryError>> + Send,
    ) -> Result<(), InventoryError> {
        let ImageIngester {
            inventory,
            clock,
            lease,
            ..
        } = self.ingester;
        self.abandon
            .insist(&**clock, *lease / 2, || record(&**inventory))
            .await
    }

    fn recorded(
        &self,
        answer: Result<(), InventoryError>,
        event: impl FnOnce(Digest) -> IngestEvent,
    ) -> IngestEvent {
        match answer {
            Ok(()) => event(self.lease.digest.clone()),
            Err(error) => self.lost(&error),
        }
    }

    fn lost(&self, error: &InventoryError) -> IngestEvent {
        IngestEvent::Lost {
            digest: self.lease.digest.clone(),
            error: error.into(),
        }
    }

    fn record_of(&self, error: &(dyn std::error::Error + 'static)) -> ErrorRecord {
        sink::record(error, self.ingester.connector.kind())
    }

    fn elapsed(&self) -> Duration {
        self.ingester.clock.monotonic().saturating_sub(self.since)
    }

    /// Now by the clock that granted the lease, which may be another machine's.
    fn inventory_now(&self) -> Timestamp {
        self.lease_until
            .saturating_sub(self.ingester.lease)
            .saturating_add(self.elapsed())
    }
}
