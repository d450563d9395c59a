//! A listing, written into the inventory while it goes on.

use std::{pin::pin, sync::Arc, time::Duration};

use futures_util::{
    StreamExt,
    future::{self, Either},
};
use tokio::sync::mpsc;

use super::{
    SyncEvent,
    sieve::{Sieve, Sifted},
};
use crate::{
    clock::Clock,
    connector::{ListingEvent, ListingStream},
    error::{ErrorCode, ErrorContext, ErrorRecord, Incompleteness, IntegrationError},
    image::{ChangeMark, Cursor, Proof, Scope},
    inventory::{Inventory, InventoryError, PageChanges, RunTicket, ScopeOutcome},
};

/// How many events the listing may be ahead of the writing.
const AHEAD: usize = 4;

/// The lease is renewed that often while it lasts, whether anything is written or not.
const RENEWALS: u32 = 3;

/// The most images written at once, of those that were held until their scope had ended.
const PORTION: usize = 100;

/// What a listing that has ended leaves to be said of the run.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) proof: Option<Proof>,
    pub(super) failure: Option<ErrorRecord>,
    /// The listing's last change mark.
    pub(super) mark: Option<ChangeMark>,
    /// Whether the registry's answers contradict each other.
    pub(super) is_contradicted: bool,
}

/// The writing side of one run.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) inventory: Arc<dyn Inventory>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ticket: RunTicket,
    pub(super) lease: Duration,
    pub(super) at: ErrorContext,
}

impl Recorder {
    /// Lists and writes at once, so that neither the registry nor the store waits for the other.
    /// A run whose lease has passed on to another ends at the latest with its next renewal.
    pub(super) async fn record(
        &self,
        mut listing: ListingStream,
        mut sieve: Sieve,
        observe: &mut (dyn FnMut(SyncEvent) + Send),
    ) -> Result<Verdict, InventoryError> {
        let (sender, mut receiver) = mpsc::channel(AHEAD);
        let reading = async move {
            while let Some(event) = listing.next().await {
                if sender.send(event).await.is_err() {
                    break;
                }
            }
            Ok::<_, InventoryError>(())
        };
        let writing = async move {
            let mut verdict = Verdict::default();
            while let Some(event) = receiver.recv().await {
                let mut told = |event| {
                    verdict.judge(&event, &self.at);
                    observe(event);
                };
                match event {
                    Ok(event) => self.write(event, &mut sieve, &mut told).await?,
                    Err(error) => told(SyncEvent::Failed(error)),
                }
            }
            Ok::<_, InventoryError>(verdict)
        };
        let work = future::try_join(reading, writing);
        match future::select(pin!(work), pin!(self.stay_alive())).await {
            Either::Left((ended, _)) => ended.map(|((), verdict)| verdict),
            Either::Right((error, _)) => Err(error),
        }
    }

    async fn stay_alive(&self) -> InventoryError {
        loop {
            self.clock.sleep(self.lease / RENEWALS).await;
            let until = self.clock.now().saturating_add(self.lease);
            if let Err(error) = self.inventory.renew_run(&self.ticket, until).await {
                return error;
            }
        }
    }

    async fn write(
        &self,
        event: ListingEvent,
        sieve: &mut Sieve,
        told: &mut (dyn FnMut(SyncEvent) + Send),
    ) -> Result<(), InventoryError> {
        let event = match event {
            ListingEvent::Page {
                scope,
                images,
                checkpoint,
            } => {
                let sifted = sieve.sift(&scope, images);
                let checkpoint = checkpoint.filter(|_| !sieve.holds(&scope));
                let changes = self.store(&scope, &sifted, checkpoint.as_ref()).await?;
                SyncEvent::Page { scope, changes }
            }
            ListingEvent::Listed(scope) => {
                for portion in sieve.end(&scope).chunks(PORTION) {
                    let changes = self.store(&scope, portion, None).await?;
                    let scope = scope.clone();
                    told(SyncEvent::Page { scope, changes });
                }
                self.close(&scope, &ScopeOutcome::Listed).await?;
                SyncEvent::Listed(scope)
            }
            ListingEvent::Excluded(scope, reason) => {
                self.close(&scope, &ScopeOutcome::Excluded(reason)).await?;
                SyncEvent::Excluded(scope, reason)
            }
            ListingEvent::Skipped(scope, error) => {
                sieve.void(&scope);
                let outcome = ScopeOutcome::Skipped((&error).into());
                self.close(&scope, &outcome).await?;
                SyncEvent::Skipped(scope, error)
            }
            ListingEvent::Finished(proof) => SyncEvent::Proved(proof),
        };
        told(event);
        Ok(())
    }

    async fn store(
        &self,
        scope: &Scope,
        sifted: &[Sifted],
        checkpoint: Option<&Cursor>,
    ) -> Result<PageChanges, InventoryError> {
        if sifted.is_empty() {
            return Ok(PageChanges::default());
        }
        let sightings: Vec<_> = sifted.iter().map(Sifted::sighting).collect();
        self.inventory
            .store_page(&self.ticket, scope, &sightings, checkpoint)
            .await
    }

    async fn close(&self, scope: &Scope, outcome: &ScopeOutcome) -> Result<(), InventoryError> {
        self.inventory
            .close_scope(&self.ticket, scope, outcome)
            .await
    }
}

impl Verdict {
    pub(super) fn judge(&mut self, event: &SyncEvent, at: &ErrorContext) {
        match event {
            SyncEvent::Skipped(scope, error) => {
                tracing::warn!(%scope, %error, "a scope could not be read");
            }
            SyncEvent::Proved(proof) => {
                self.proof = proof.proof;
                self.mark.clone_from(&proof.mark);
                if proof.unread > 0 {
                    let error = IntegrationError::IncompleteListing {
                        context: Box::new(at.clone()),
                        reason: Incompleteness::ScopesSkipped {
                            skipped: proof.unread,
                        },
                    };
                    self.failure = Some((&error).into());
                }
            }
            SyncEvent::Failed(error) => {
                tracing::warn!(%error, "the listing broke off");
                self.is_contradicted = is_contradiction(error);
                self.failure = Some(error.into());
            }
            _ => {}
        }
    }
}

/// Whether the registry has answered, and what it said cannot be.
pub(super) fn is_contradiction(error: &IntegrationError) -> bool {
    matches!(
        error.code(),
        ErrorCode::ProtocolViolation | ErrorCode::IncompleteListing
    )
}
