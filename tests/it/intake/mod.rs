//! The whole service on simulated registries.

mod changing;
mod serving;
mod stopping;

use std::{
    collections::BTreeSet,
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use registry_intake::{
    clock::{Clock, ManualClock, Timestamp},
    config::{IntegrationConfig, IntegrationConfigBuilder, SpeedLimit},
    error::BoxError,
    ingest::{Delivery, ImageSink, SinkError},
    intake::{Intake, IntakeBuilder, IntakeError, IntakeEvent},
    inventory::{Change, Inventory, Omission, SqliteInventory},
    simulator::HarborV2,
};
use tokio::sync::{mpsc, oneshot};

use crate::harbor_v2::as_admin;

/// A scanner that takes everything at once and remembers it.
#[derive(Default)]
struct Scanner {
    taken: Mutex<Vec<(String, String)>>,
}

impl Scanner {
    /// The digests taken of an integration.
    fn of(&self, integration: &str) -> Vec<String> {
        let taken = self.taken.lock().unwrap();
        let own = taken.iter().filter(|(name, _)| name == integration);
        own.map(|(_, digest)| digest.clone()).collect()
    }
}

#[async_trait]
impl ImageSink for Scanner {
    async fn ingest(&self, delivery: Delivery) -> Result<(), SinkError> {
        let taken = (delivery.integration.clone(), delivery.digest.to_string());
        self.taken.lock().unwrap().push(taken);
        Ok(())
    }

    async fn changed(&self, _: Change) -> Result<(), BoxError> {
        Ok(())
    }
}

/// An intake with its clock, inventory and scanner.
struct Stage {
    clock: ManualClock,
    inventory: Arc<dyn Inventory>,
    scanner: Arc<Scanner>,
}

impl Stage {
    async fn new() -> Self {
        let clock = ManualClock::at("2026-11-22T12:00:00Z".parse().unwrap());
        let inventory = SqliteInventory::in_memory(Arc::new(clock.clone())).await;
        Self {
            clock,
            inventory: Arc::new(inventory.unwrap()),
            scanner: Arc::default(),
        }
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock.clone())
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn builder(&self) -> IntakeBuilder {
        Intake::builder()
            .inventory(Arc::clone(&self.inventory))
            .sink(Arc::clone(&self.scanner) as _)
            .clock(self.clock())
    }

    async fn intake(&self, configs: impl IntoIterator<Item = IntegrationConfig>) -> Intake {
        self.builder().integrations(configs).build().await.unwrap()
    }
}

/// Nothing here waits for a time-out, and a machine under load must not run into one: the request
/// would be repeated by a clock that stands still.
fn named(name: &str, config: IntegrationConfigBuilder) -> IntegrationConfig {
    let config = config.connect_timeout(PATIENCE).read_timeout(PATIENCE);
    config.name(name).build().unwrap()
}

/// An integration of the simulated Harbor, without a speed limit.
fn fast(name: &str, harbor: &HarborV2) -> IntegrationConfig {
    named(name, as_admin(harbor).speed_limit(SpeedLimit::Unlimited))
}

fn per_hour(images: u32) -> SpeedLimit {
    SpeedLimit::PerHour(NonZeroU32::new(images).unwrap())
}

/// The digests of an integration that are for ingestion, once it was synced.
async fn wanted(stage: &Stage, of: &str) -> BTreeSet<String> {
    let images = stage.inventory.images(of, None, 1000).await.unwrap();
    let wanted = images
        .into_iter()
        .filter(|stored| Omission::of(&stored.image).is_none());
    wanted
        .map(|stored| stored.image.digest.to_string())
        .collect()
}

/// An intake that runs in the background.
struct Running {
    events: mpsc::UnboundedReceiver<(String, IntakeEvent)>,
    stop: oneshot::Sender<()>,
    run: tokio::task::JoinHandle<Result<(), IntakeError>>,
}

impl Running {
    fn start(intake: &Intake) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel();
        let intake = intake.clone();
        let run = tokio::spawn(async move {
            let stop = async { stopped.await.unwrap_or(()) };
            let observe =
                move |name: &str, event| sender.send((name.to_owned(), event)).unwrap_or(());
            intake.run_observed(stop, observe).await
        });
        Self { events, stop, run }
    }

    /// The next event of an integration that is of this kind; those before it are passed over.
    async fn next<T>(
        &mut self,
        of: &str,
        kind: impl Fn(&IntakeEvent) -> Option<T> + Send + Sync,
    ) -> T {
        let found = async {
            loop {
                let (name, event) = self.events.recv().await.expect("the run goes on");
                if let Some(found) = (name == of).then(|| kind(&event)).flatten() {
                    return found;
                }
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.expect("the event comes")
    }

    async fn synced(&mut self, of: &str) -> registry_intake::inventory::RunReport {
        self.next(of, |event| match event {
            IntakeEvent::Synced(report) => Some(report.clone()),
            _ => None,
        })
        .await
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        let end = tokio::time::timeout(PATIENCE, self.run).await;
        end.expect("the run ends").unwrap().unwrap();
    }
}

const PATIENCE: Duration = Duration::from_secs(20);

/// Lets others work until `condition` holds.
async fn until(condition: impl Fn() -> bool + Sync) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    let ended = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(ended.is_ok(), "never came");
}

fn seconds(time: Timestamp, since: Timestamp) -> u64 {
    time.since(since).as_secs()
}
