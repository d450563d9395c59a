use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::{StreamExt, future, stream::Peekable};
use tokio::sync::mpsc;

use super::{SyncError, SyncEvent};
use crate::{
    clock::{Clock, SystemClock},
    connector::{ListingEvent, ListingStream, RegistryConnector, RequestCount, list},
    error::{ErrorContext, ErrorRecord, Incompleteness, IntegrationError, Step, Unsupported},
    image::{Proof, Scope},
    inventory::{
        Binding, Inventory, InventoryError, RunEnd, RunKind, RunReport, RunRequest, RunStart,
        RunTicket, ScopeOutcome, Sighting,
    },
};

/// How many events the listing may be ahead of the writing.
const AHEAD: usize = 4;

/// How long a run is another's to take over after the last page was written.
const LEASE: Duration = Duration::from_secs(600);

/// Makes the inventory's picture of one integration true again, one run at a time.
#[derive(Debug, Clone)]
pub struct InventorySync {
    integration: String,
    connector: Arc<dyn RegistryConnector>,
    inventory: Arc<dyn Inventory>,
    clock: Arc<dyn Clock>,
    rehomes: bool,
}

/// What a listing that has ended leaves to be said of the run.
#[derive(Debug, Default)]
struct Verdict {
    proof: Option<Proof>,
    failure: Option<ErrorRecord>,
}

impl InventorySync {
    /// Sync of the registry behind `connector`, known to the inventory as `integration`.
    #[must_use]
    pub fn new(
        integration: impl Into<String>,
        connector: Arc<dyn RegistryConnector>,
        inventory: Arc<dyn Inventory>,
    ) -> Self {
        Self {
            integration: integration.into(),
            connector,
            inventory,
            clock: SystemClock::shared(),
            rehomes: false,
        }
    }

    /// Moves the integration's name here where it belongs to another registry, as soon as this one
    /// has answered. What the inventory holds stays, and the run proves it anew.
    #[must_use]
    pub const fn rehoming(mut self) -> Self {
        self.rehomes = true;
        self
    }

    /// Measures the run by this clock in place of the machine's.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Runs once. A listing that fails is no error here: the report says that it is not complete,
    /// and why. The integration's name is bound to the registry once the listing has begun, so that
    /// an address at which nobody answers binds nothing.
    ///
    /// Nothing is spawned. Dropping the future stops the work and leaves an unfinished run, which
    /// marks nothing as gone and which the next run supersedes.
    ///
    /// # Errors
    /// [`SyncError::Refused`] with [`IntegrationError::NotSupported`] where the registry's images
    /// cannot be kept in an inventory, and [`SyncError::Inventory`], with
    /// [`InventoryError::IntegrationRebound`] where the name belongs to another registry and
    /// [`InventoryError::RunSuperseded`] where a later run has begun meanwhile.
    pub async fn run(&self) -> Result<RunReport, SyncError> {
        self.run_observed(|_| ()).await
    }

    /// The same, telling `observe` each step as it is taken.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_observed(
        &self,
        mut observe: impl FnMut(SyncEvent) + Send,
    ) -> Result<RunReport, SyncError> {
        if !self.connector.capabilities().sync {
            return Err(SyncError::Refused(IntegrationError::NotSupported {
                context: self.at_listing(),
                what: Unsupported::Connector,
            }));
        }
        let (began, started_at) = (self.clock.monotonic(), self.clock.now());
        let binding = Binding {
            integration: self.integration.clone(),
            kind: self.connector.kind(),
            registry: self.connector.host().to_owned(),
        };
        let requests = RequestCount::new();
        let mut listing = list(Arc::clone(&self.connector), requests.clone()).peekable();
        if !self.is_bound(&binding).await? {
            // Nobody who can be listed has answered: nothing is known of the registry.
            if let Some(Err(error)) = Pin::new(&mut listing).next_if(Result::is_err).await {
                let event = SyncEvent::Failed(error);
                let mut verdict = Verdict::default();
                self.judge(&event, &mut verdict);
                observe(event);
                let end = self.end(verdict, &requests, began);
                return Ok(RunReport::unbegun(
                    RunKind::Full,
                    started_at,
                    self.clock.now(),
                    end,
                ));
            }
            self.take_name(&binding).await?;
        }
        let request = RunRequest {
            integration: &self.integration,
            kind: RunKind::Full,
            lease: LEASE,
            start: RunStart::Anew,
            mark: None,
        };
        let ticket = self.inventory.begin_run(&request).await?.ticket;
        tracing::info!(
            integration = self.integration,
            run = ticket.run,
            "sync begins"
        );

        let verdict = self.record(&ticket, listing, &mut observe).await?;
        let end = self.end(verdict, &requests, began);
        let report = self.inventory.finish_run(&ticket, &end).await?;
        tracing::info!(
            integration = self.integration,
            run = ticket.run,
            complete = report.is_complete(),
            listed = report.listed,
            new = report.new,
            changed = report.changed,
            gone = report.gone,
            held = report.held,
            "sync has ended"
        );
        Ok(report)
    }

    /// Whether the name is this registry's already; not so where it is to be taken from another.
    async fn is_bound(&self, binding: &Binding) -> Result<bool, InventoryError> {
        match self.inventory.is_bound(binding).await {
            Err(InventoryError::IntegrationRebound { .. }) if self.rehomes => Ok(false),
            bound => bound,
        }
    }

    async fn take_name(&self, binding: &Binding) -> Result<(), InventoryError> {
        if self.rehomes {
            self.inventory.rehome(binding).await
        } else {
            self.inventory.bind(binding).await
        }
    }

    fn end(&self, verdict: Verdict, requests: &RequestCount, began: Duration) -> RunEnd {
        RunEnd {
            proof: verdict.proof,
            failure: verdict.failure,
            mark: None,
            blind_to: Vec::new(),
            requests: requests.get(),
            elapsed: self.clock.monotonic().saturating_sub(began),
        }
    }

    /// Lists and writes at once, so that neither the registry nor the store waits for the other.
    async fn record(
        &self,
        ticket: &RunTicket,
        mut listing: Peekable<ListingStream>,
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
                let event = match event {
                    Ok(event) => self.write(ticket, event).await?,
                    Err(error) => SyncEvent::Failed(error),
                };
                self.judge(&event, &mut verdict);
                observe(event);
            }
            Ok::<_, InventoryError>(verdict)
        };
        let ((), verdict) = future::try_join(reading, writing).await?;
        Ok(verdict)
    }

    async fn write(
        &self,
        ticket: &RunTicket,
        event: ListingEvent,
    ) -> Result<SyncEvent, InventoryError> {
        Ok(match event {
            ListingEvent::Page {
                scope,
                images,
                checkpoint,
            } => {
                let sightings: Vec<_> = images.iter().map(Sighting::of).collect();
                let changes = self
                    .inventory
                    .store_page(ticket, &scope, &sightings, checkpoint.as_ref())
                    .await?;
                SyncEvent::Page { scope, changes }
            }
            ListingEvent::Listed(scope) => {
                self.close(ticket, &scope, &ScopeOutcome::Listed).await?;
                SyncEvent::Listed(scope)
            }
            ListingEvent::Excluded(scope, reason) => {
                self.close(ticket, &scope, &ScopeOutcome::Excluded(reason))
                    .await?;
                SyncEvent::Excluded(scope, reason)
            }
            ListingEvent::Skipped(scope, error) => {
                self.close(ticket, &scope, &ScopeOutcome::Skipped((&error).into()))
                    .await?;
                SyncEvent::Skipped(scope, error)
            }
            ListingEvent::Finished(proof) => SyncEvent::Proved(proof),
        })
    }

    async fn close(
        &self,
        ticket: &RunTicket,
        scope: &Scope,
        outcome: &ScopeOutcome,
    ) -> Result<(), InventoryError> {
        self.inventory.close_scope(ticket, scope, outcome).await
    }

    fn judge(&self, event: &SyncEvent, verdict: &mut Verdict) {
        match event {
            SyncEvent::Skipped(scope, error) => {
                tracing::warn!(
                    integration = self.integration,
                    %scope,
                    %error,
                    "a scope could not be read"
                );
            }
            SyncEvent::Proved(proof) => {
                verdict.proof = proof.proof;
                if proof.unread > 0 {
                    let error = IntegrationError::IncompleteListing {
                        context: self.at_listing(),
                        reason: Incompleteness::ScopesSkipped {
                            skipped: proof.unread,
                        },
                    };
                    verdict.failure = Some((&error).into());
                }
            }
            SyncEvent::Failed(error) => {
                tracing::warn!(integration = self.integration, %error, "the listing broke off");
                verdict.failure = Some(error.into());
            }
            _ => {}
        }
    }

    fn at_listing(&self) -> Box<ErrorContext> {
        Box::new(ErrorContext::new(
            self.connector.kind(),
            self.connector.host(),
            Step::Listing,
        ))
    }
}
