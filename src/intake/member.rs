use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::select;
use tokio::sync::{Notify, watch};

use super::{builder::Parts, image_name::ImageName};
use crate::{
    clock::{Clock, Timestamp},
    config::IntegrationConfig,
    connector::{RegistryConnector, Verification},
    error::{ErrorRecord, IntegrationError},
    inventory::{Binding, InventoryError, RunKind, RunReport, VerificationRecord},
    pace::Pace,
    schedule::Schedule,
    sync::{DueRun, InventorySync, SyncError, SyncEvent},
};

/// One integration as it is served, from the moment it comes or was changed.
#[derive(Debug)]
pub(super) struct Member {
    name: String,
    /// Changes in what interrupts nothing: the speed limit.
    config: Mutex<IntegrationConfig>,
    pub(super) connector: Arc<dyn RegistryConnector>,
    pace: watch::Sender<Pace>,
    woken: Notify,
    phase: watch::Sender<Phase>,
    own: Mutex<Own>,
}

/// What this process knows and the inventory does not: a name is bound by a listing that has begun,
/// and what happens before is no less worth to be shown.
#[derive(Debug, Clone, Default)]
pub(super) struct Own {
    /// The last verification.
    pub(super) verification: Option<VerificationRecord>,
    /// The last run, where the inventory did not know the integration.
    pub(super) unbegun: Option<RunReport>,
    pub(super) retry: Option<Retry>,
}

/// What has failed and is tried again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retry {
    pub(super) due: DueRun,
    /// When it failed.
    pub(super) since: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Nobody serves it yet.
    Idle,
    Served,
    /// It is replaced or removed: whoever serves it shall stop.
    Leaving,
    Left,
}

impl Member {
    pub(super) fn new(config: IntegrationConfig, parts: &Parts) -> Result<Self, IntegrationError> {
        let connector = (parts.connect)(&config, Arc::clone(&parts.clock))?;
        Ok(Self {
            name: config.name().to_owned(),
            pace: watch::Sender::new(config.speed_limit().into()),
            config: Mutex::new(config),
            connector,
            woken: Notify::new(),
            phase: watch::Sender::new(Phase::Idle),
            own: Mutex::default(),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn config(&self) -> IntegrationConfig {
        let config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        config.clone()
    }

    /// Takes over what needs no other connection.
    pub(super) fn set_config(&self, config: IntegrationConfig) {
        self.pace.send_replace(config.speed_limit().into());
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
        self.wake();
    }

    /// Something has happened that may change what is due.
    pub(super) fn wake(&self) {
        self.woken.notify_waiters();
        // An ingester that is told its pace looks at once for what waits.
        self.pace.send_modify(|_| ());
    }

    pub(super) fn schedule(&self) -> Schedule {
        self.config().schedule().clone()
    }

    pub(super) fn pace(&self) -> Pace {
        *self.pace.borrow()
    }

    pub(super) fn paces(&self) -> watch::Receiver<Pace> {
        self.pace.subscribe()
    }

    /// Whether the image is one of its registry, and of what it lists there.
    pub(super) fn is_at(&self, image: &ImageName) -> bool {
        let config = self.config();
        let organizations = config.namespaces();
        let namespace = image.repository.namespace();
        let lists = organizations.is_empty()
            || organizations
                .iter()
                .any(|one| one.organization == namespace);
        config.is_pulled_from(&image.host, image.port) && lists
    }

    /// What this process alone knows.
    pub(super) fn own(&self) -> Own {
        self.lock_own().clone()
    }

    fn lock_own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_retry(&self, retry: Option<Retry>) {
        self.lock_own().retry = retry;
    }

    /// Syncs once, where no run was begun after the one given. What was found out before the inventory knew the integration is kept then.
    pub(super) async fn sync(
        &self,
        parts: &Parts,
        kind: RunKind,
        after: Option<i64>,
        observe: impl FnMut(SyncEvent) + Send,
    ) -> Result<RunReport, SyncError> {
        let connector = Arc::clone(&self.connector);
        let sync = InventorySync::new(self.name(), connector, Arc::clone(&parts.inventory))
            .with_kind(kind)
            .after(after)
            .with_selection(self.config().selection().clone())
            .with_clock(Arc::clone(&parts.clock));
        let report = sync.run_observed(observe).await?;
        let unkept = {
            let mut own = self.lock_own();
            own.unbegun = report.run.is_none().then(|| report.clone());
            if report.is_successful() {
                own.retry = None;
            }
            own.verification.clone()
        };
        if let Some(record) = unkept
            && let Err(error) = self.keep(parts, &record).await
        {
            tracing::warn!(%error, "the verification could not be kept");
        }
        self.wake();
        Ok(report)
    }

    /// Verifies, and keeps the outcome: in the inventory where it knows the integration already.
    pub(super) async fn verify(&self, parts: &Parts) -> Result<Verification, InventoryError> {
        let verification = self.connector.verify().await;
        let record = VerificationRecord {
            at: parts.clock.now(),
            failure: verification.failure().map(ErrorRecord::from),
        };
        self.lock_own().verification = Some(record.clone());
        self.keep(parts, &record).await?;
        Ok(verification)
    }

    async fn keep(&self, parts: &Parts, record: &VerificationRecord) -> Result<(), InventoryError> {
        let kept = parts.inventory.record_verification(self.name(), record);
        match kept.await {
            Ok(()) => {
                // Others may verify later, whose word is then the last.
                let mut own = self.lock_own();
                own.verification.take_if(|unkept| unkept == record);
                Ok(())
            }
            Err(InventoryError::UnknownIntegration { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn binding(&self) -> Binding {
        Binding {
            integration: self.name().to_owned(),
            kind: self.connector.kind(),
            registry: self.connector.registry().to_owned(),
        }
    }

    /// Whether it is still to be served, by whom asks.
    pub(super) fn serve(&self) -> bool {
        self.phase.send_if_modified(|phase| {
            let is_idle = *phase == Phase::Idle;
            if is_idle {
                *phase = Phase::Served;
            }
            is_idle
        })
    }

    /// Whoever serves it has stopped.
    pub(super) fn leave(&self) {
        self.phase.send_modify(|phase| {
            *phase = match *phase {
                Phase::Served => Phase::Idle,
                _ => Phase::Left,
            };
        });
    }

    /// Tells whoever serves it to stop.
    pub(super) fn dismiss(&self) {
        self.phase.send_modify(|phase| {
            *phase = match *phase {
                Phase::Idle | Phase::Left => Phase::Left,
                Phase::Served | Phase::Leaving => Phase::Leaving,
            };
        });
    }

    /// Whether it is to be served no more.
    pub(super) fn is_dismissed(&self) -> bool {
        *self.phase.borrow() >= Phase::Leaving
    }

    /// Ready once it is to be served no more.
    pub(super) async fn dismissed(&self) {
        let mut phase = self.phase.subscribe();
        // The sender lives as long as `self`.
        let _ = phase.wait_for(|phase| *phase >= Phase::Leaving).await;
    }

    /// Ready once nobody serves it any more.
    pub(super) async fn left(&self) {
        let mut phase = self.phase.subscribe();
        let _ = phase.wait_for(|phase| *phase == Phase::Left).await;
    }

    /// Sleeps, unless something happens before.
    pub(super) async fn rest(&self, clock: &dyn Clock, duration: Duration) {
        select(pin!(self.woken.notified()), clock.sleep(duration)).await;
    }
}
