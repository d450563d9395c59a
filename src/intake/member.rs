use std::{
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::select;
use tokio::sync::{Notify, watch};

use super::{builder::Parts, image_name::ImageName};
use crate::{
    clock::Clock,
    config::IntegrationConfig,
    connector::{RegistryConnector, Verification},
    error::{ErrorRecord, IntegrationError},
    inventory::{Binding, InventoryError, RunKind, VerificationRecord},
    pace::Pace,
    schedule::Schedule,
    sync::InventorySync,
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
        let endpoint = config.endpoint();
        let port = image
            .port
            .unwrap_or_else(|| endpoint.protocol().default_port());
        let organizations = config.namespaces();
        let namespace = image.repository.namespace();
        let lists = organizations.is_empty()
            || organizations
                .iter()
                .any(|one| one.organization == namespace);
        endpoint.domain() == image.host && endpoint.port() == port && lists
    }

    pub(super) fn sync(&self, parts: &Parts, kind: RunKind) -> InventorySync {
        let connector = Arc::clone(&self.connector);
        InventorySync::new(self.name(), connector, Arc::clone(&parts.inventory))
            .with_kind(kind)
            .with_selection(self.config().selection().clone())
            .with_clock(Arc::clone(&parts.clock))
    }

    /// Verifies, and keeps the outcome where the inventory knows the integration already.
    pub(super) async fn verify(&self, parts: &Parts) -> Result<Verification, InventoryError> {
        let verification = self.connector.verify().await;
        let record = VerificationRecord {
            at: parts.clock.now(),
            failure: verification.failure().map(ErrorRecord::from),
        };
        match parts
            .inventory
            .record_verification(self.name(), &record)
            .await
        {
            Ok(()) | Err(InventoryError::UnknownIntegration { .. }) => Ok(verification),
            Err(error) => Err(error),
        }
    }

    pub(super) fn binding(&self) -> Binding {
        Binding {
            integration: self.name().to_owned(),
            kind: self.connector.kind(),
            registry: self.connector.host().to_owned(),
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
