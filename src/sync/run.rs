use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::StreamExt;

use super::{
    FallBack, SyncError, SyncEvent,
    opening::Opened,
    record::{Recorder, Verdict},
    sieve::Sieve,
};
use crate::{
    clock::{Clock, SystemClock},
    connector::{Plan, RegistryConnector, Resumption, walk},
    inventory::{
        Binding, ClosedScope, Inventory, ResumedRun, RunEnd, RunKind, RunReport, RunRequest,
        RunStart, ScopeOutcome,
    },
    selection::Selection,
};

/// Makes the inventory's picture of one integration true again, one run at a time.
#[derive(Debug, Clone)]
pub struct InventorySync {
    pub(super) integration: String,
    pub(super) connector: Arc<dyn RegistryConnector>,
    pub(super) inventory: Arc<dyn Inventory>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) kind: RunKind,
    pub(super) selection: Selection,
    pub(super) lease: Duration,
    pub(super) rehomes: bool,
    after: Option<i64>,
}

impl InventorySync {
    /// For how long the right to write a run is good without a sign of life, unless
    /// [`with_lease`](Self::with_lease) says otherwise: so long a run waits to be gone on with after
    /// its process has died.
    pub const LEASE: Duration = Duration::from_secs(120);

    /// Sync of the registry behind `connector`, known to the inventory as `integration`, by full
    /// runs.
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
            kind: RunKind::Full,
            selection: Selection::default(),
            lease: Self::LEASE,
            rehomes: false,
            after: None,
        }
    }

    /// Sets what a run reads. An incremental run costs what has changed, and finds nothing gone; a
    /// full one is done in its place where the registry cannot tell what has changed since the last
    /// run, and the report says of which kind it was.
    #[must_use]
    pub const fn with_kind(mut self, kind: RunKind) -> Self {
        self.kind = kind;
        self
    }

    /// Sets which images are for ingestion. What it leaves out is stored and waits for nothing; what
    /// was ingested or is in hand stays so. A changed selection holds for everything with the next
    /// full run that begins anew, and until then for what is read.
    #[must_use]
    pub fn with_selection(mut self, selection: Selection) -> Self {
        self.selection = selection;
        self
    }

    /// Sets for how long the right to write a run is good without a sign of life. It is renewed
    /// three times in that time.
    #[must_use]
    pub const fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Moves the integration's name here where it belongs to another registry, as soon as this one
    /// has answered. What the inventory holds stays, and the run proves it anew.
    #[must_use]
    pub const fn rehoming(mut self) -> Self {
        self.rehomes = true;
        self
    }

    /// Begins no run where there is a later one than this by then, of whichever process, under way
    /// or ended: what was due is done.
    pub(crate) const fn after(mut self, run: Option<i64>) -> Self {
        self.after = run;
        self
    }

    /// Measures the run and renews its lease by this clock in place of the machine's. One that jumps
    /// ([`ManualClock::jumping_at`](crate::clock::ManualClock::jumping_at)) does nothing but renew.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Runs once. A listing that fails is no error here: the report says that it is not complete,
    /// and why. The integration's name is bound to the registry once the listing has begun, so that
    /// an address at which nobody answers binds nothing.
    ///
    /// A run that another process has left unfinished is gone on with: what it has read to its end
    /// is not read again, save the lists of scopes, which are proved anew. One of another kind, or
    /// that began more than [`RunRequest::RESUMED_WITHIN`] ago, is given up, but an incremental run
    /// never takes the place of an unfinished full one.
    ///
    /// Nothing is spawned. Dropping the future stops the work and leaves an unfinished run, which
    /// marks nothing as gone.
    ///
    /// # Errors
    /// [`SyncError::Refused`] with [`NotSupported`](crate::error::IntegrationError::NotSupported) where the registry's images
    /// cannot be kept in an inventory, and [`SyncError::Inventory`], with
    /// [`IntegrationRebound`](crate::inventory::InventoryError::IntegrationRebound) where the name belongs to another registry,
    /// [`RunInProgress`](crate::inventory::InventoryError::RunInProgress) where another process is at work on a run of the
    /// integration or may still be, and [`RunSuperseded`](crate::inventory::InventoryError::RunSuperseded) where another has taken
    /// this run over or begun a later one.
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
        let binding = self.binding()?;
        let is_bound = self.is_bound(&binding).await?;
        let mut after = self.after;
        if self.kind == RunKind::Incremental {
            let reason = match self.open_changes(is_bound).await? {
                Ok(opened) => {
                    let (report, verdict) = self.read(opened, None, after, &mut observe).await?;
                    if !verdict.is_contradicted {
                        return Ok(report);
                    }
                    after = None;
                    FallBack::Contradicted
                }
                Err(reason) => reason,
            };
            tracing::info!(
                integration = self.integration,
                reason = reason.as_str(),
                "a full sync is done in place of an incremental one"
            );
            observe(SyncEvent::FallsBack(reason));
        }
        let opened = self.open_listing().await;
        let to_bind = (!is_bound).then_some(&binding);
        let (report, _) = self.read(opened, to_bind, after, &mut observe).await?;
        Ok(report)
    }

    /// Reads what was opened, from where an unfinished run broke off, and ends the run. A name that
    /// is to be bound is so once the registry has shown something.
    async fn read(
        &self,
        opened: Opened,
        to_bind: Option<&Binding>,
        after: Option<i64>,
        observe: &mut (dyn FnMut(SyncEvent) + Send),
    ) -> Result<(RunReport, Verdict), SyncError> {
        let Opened { kind, began, .. } = opened;
        let started_at = self.clock.now();
        // Whoever has begun the run took the mark that holds for all of it.
        let end = |verdict: &Verdict, is_resumed: bool| RunEnd {
            proof: verdict.proof,
            failure: verdict.failure.clone(),
            mark: verdict.mark.clone().filter(|_| !is_resumed),
            blind_to: opened.blind_to.clone(),
            requests: opened.requests.get(),
            elapsed: self.clock.monotonic().saturating_sub(began),
        };
        let begin = async || {
            self.is_last(after).await?;
            let request = RunRequest {
                integration: &self.integration,
                kind,
                lease: self.lease,
                start: RunStart::Resume,
                mark: opened.mark.as_ref(),
            };
            self.inventory.begin_run(&request).await
        };
        let (listing, begun) = if let Some(binding) = to_bind {
            // No run of this registry is unfinished.
            let listing = walk(opened.listing, &*self.connector, self.plan(None));
            let mut listing = listing.peekable();
            // Nobody who can be listed has answered: nothing is known of the registry.
            if let Some(Err(error)) = Pin::new(&mut listing).next_if(Result::is_err).await {
                let event = SyncEvent::Failed(error);
                let mut verdict = Verdict::default();
                verdict.judge(&event, &self.at_listing());
                observe(event);
                let report =
                    RunReport::unbegun(kind, started_at, self.clock.now(), end(&verdict, false));
                return Ok((report, verdict));
            }
            self.take_name(binding).await?;
            (listing.boxed(), begin().await?)
        } else {
            let mut begun = match begin().await {
                Ok(begun) => begun,
                Err(error) => {
                    if let Ok(listing) = opened.listing {
                        listing.close().await;
                    }
                    return Err(error.into());
                }
            };
            let plan = self.plan(begun.resumed.as_mut());
            let listing = walk(opened.listing, &*self.connector, plan);
            (listing, begun)
        };
        let takeovers = begun.resumed.map_or(0, |resumed| resumed.takeovers);
        let (integration, run) = (&self.integration, begun.ticket.run);
        tracing::info!(
            integration,
            run,
            kind = kind.as_str(),
            takeovers,
            "sync begins"
        );
        observe(SyncEvent::Begins {
            run,
            kind,
            takeovers,
        });
        let recorder = Recorder {
            inventory: Arc::clone(&self.inventory),
            clock: Arc::clone(&self.clock),
            ticket: begun.ticket,
            lease: self.lease,
            at: self.at_listing(),
        };
        let sieve = self.sieve();
        let verdict = recorder.record(listing, sieve, observe).await?;
        let end = end(&verdict, takeovers > 0);
        let report = self.inventory.finish_run(&recorder.ticket, &end).await?;
        tracing::info!(
            integration,
            run,
            successful = report.is_successful(),
            listed = report.listed,
            new = report.new,
            changed = report.changed,
            gone = report.gone,
            held = report.held,
            "sync has ended"
        );
        Ok((report, verdict))
    }

    pub(super) fn plan(&self, resumed: Option<&mut ResumedRun>) -> Plan {
        Plan {
            selection: self.selection.clone(),
            resumption: resumed.map(resumption).unwrap_or_default(),
        }
    }

    pub(super) fn sieve(&self) -> Sieve {
        Sieve::new(self.selection.clone(), self.clock.now())
    }
}

/// What is left of a run that another process has begun. What could not be read is tried again.
fn resumption(run: &mut ResumedRun) -> Resumption {
    let is_listed = |closed: &ClosedScope| closed.outcome == ScopeOutcome::Listed;
    let is_skipped = |closed: &ClosedScope| matches!(closed.outcome, ScopeOutcome::Skipped(_));
    let closed = std::mem::take(&mut run.closed);
    let open = std::mem::take(&mut run.open);
    let skipped = closed.iter().filter(|closed| is_skipped(closed));
    let skipped: Vec<_> = skipped.map(|closed| (closed.scope.clone(), None)).collect();
    let listed = closed
        .into_iter()
        .filter(is_listed)
        .map(|closed| closed.scope);
    let open = open.into_iter().map(|open| (open.scope, open.cursor));
    Resumption::new(listed, open.chain(skipped))
}
