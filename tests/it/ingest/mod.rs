//! Ingestion: what reaches the sink, when, how often, and what becomes of it.

mod changes;
mod changing;
mod failures;
mod faulty;
mod leases;
mod speed;
mod stopping;

use std::{
    num::{NonZeroU32, NonZeroUsize},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::{BoxFuture, pending};
use registry_intake::{
    clock::{Clock, ManualClock, Timestamp},
    config::{IntegrationConfig, RegistryType, RegistryVersion, Secret},
    connector::{RegistryConnector, connect},
    error::BoxError,
    image::{Digest, Image},
    ingest::{
        Delivery, ImageIngester, ImageIngesterBuilder, ImageSink, IngestEvent, IngestReport,
        SinkError, Until,
    },
    inventory::{Change, Inventory, InventoryError, SqliteInventory},
    pace::Pace,
};
use tokio::sync::mpsc;

use crate::inventory::stage::{PROD, Stage, digest, image, noon};

/// A registry that nothing is asked of but the right to pull.
fn registry() -> Arc<dyn RegistryConnector> {
    let config = IntegrationConfig::builder(PROD)
        .registry_type(RegistryType::Harbor)
        .version(RegistryVersion::V2)
        .domain("harbor.example.com")
        .username("admin")
        .password(Secret::new("Harbor12345"))
        .build();
    connect(&config.unwrap()).unwrap()
}

/// An inventory in memory that holds so many images, numbered from 1; the first is the newest.
async fn stage(images: u32) -> Stage {
    let clock = ManualClock::at(noon());
    let inventory = SqliteInventory::in_memory(Arc::new(clock.clone())).await;
    let stage = Stage::new(Arc::new(inventory.unwrap()), clock).await;
    stage.sync(&numbered(images)).await;
    stage
}

fn numbered(images: u32) -> Vec<Image> {
    let image = |number| Image {
        pushed_at: Some(Timestamp::from_unix_nanos(-i64::from(number))),
        pulled_at: None,
        ..image("team-a/app", number, &["v1"])
    };
    (1..=images).map(image).collect()
}

fn ingester(stage: &Stage, sink: Arc<dyn ImageSink>) -> ImageIngesterBuilder {
    ingester_on(stage, Arc::clone(&stage.inventory), sink)
}

/// An ingester that goes by the stage's clock, but not by its inventory.
fn ingester_on(
    stage: &Stage,
    inventory: Arc<dyn Inventory>,
    sink: Arc<dyn ImageSink>,
) -> ImageIngesterBuilder {
    ImageIngester::builder(PROD, registry(), inventory, sink)
        .clock(Arc::new(stage.clock.clone()))
        .pace(Pace::Unlimited)
}

fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

fn one_in_hand() -> NonZeroUsize {
    NonZeroUsize::MIN
}

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// A sink that does what it is told and remembers what it was handed.
struct Desk {
    answer: Box<dyn Fn(Delivery) -> BoxFuture<'static, Result<(), SinkError>> + Send + Sync>,
    handed: Mutex<Vec<(Digest, u32)>>,
    told: Mutex<Vec<Change>>,
    refusals: Mutex<u32>,
}

impl Desk {
    fn new<A>(answer: impl Fn(Delivery) -> A + Send + Sync + 'static) -> Arc<Self>
    where
        A: Future<Output = Result<(), SinkError>> + Send + 'static,
    {
        Arc::new(Self {
            answer: Box::new(move |delivery| Box::pin(answer(delivery))),
            handed: Mutex::default(),
            told: Mutex::default(),
            refusals: Mutex::default(),
        })
    }

    /// Takes everything at once.
    fn willing() -> Arc<Self> {
        Self::new(|_| async { Ok(()) })
    }

    /// Holds everything for ever.
    fn stuck() -> Arc<Self> {
        Self::new(|_| pending())
    }

    /// Digest and attempt of everything that was handed over.
    fn handed(&self) -> Vec<(Digest, u32)> {
        self.handed.lock().unwrap().clone()
    }

    fn told(&self) -> Vec<Change> {
        self.told.lock().unwrap().clone()
    }

    /// Takes changes only after so many refusals, of which the last is a panic.
    fn refuse_changes(&self, times: u32) {
        *self.refusals.lock().unwrap() = times;
    }
}

#[async_trait]
impl ImageSink for Desk {
    async fn ingest(&self, delivery: Delivery) -> Result<(), SinkError> {
        let handed = (delivery.digest.clone(), delivery.attempt);
        self.handed.lock().unwrap().push(handed);
        (self.answer)(delivery).await
    }

    async fn changed(&self, change: Change) -> Result<(), BoxError> {
        let refusals = {
            let mut left = self.refusals.lock().unwrap();
            let refusals = *left;
            *left = refusals.saturating_sub(1);
            refusals
        };
        match refusals {
            0 => {}
            1 => panic!("the queue is gone"),
            _ => return Err("the queue is full".into()),
        }
        self.told.lock().unwrap().push(change);
        Ok(())
    }
}

type Ended = Result<IngestReport, InventoryError>;

/// What a run told, each with the time at which it did.
type Log = Vec<(Timestamp, IngestEvent)>;

/// Runs to the end. Whenever the ingester waits, the clock moves to the end of the wait.
async fn run(stage: &Stage, ingester: &ImageIngester, until: Until) -> (IngestReport, Log) {
    let (report, log) = try_run(stage, ingester, until).await;
    (report.unwrap(), log)
}

async fn try_run(stage: &Stage, ingester: &ImageIngester, until: Until) -> (Ended, Log) {
    run_with(stage, ingester, until, |_| false).await
}

/// The same; a wait that `intervene` says it has put an end to is not waited for.
async fn run_with(
    stage: &Stage,
    ingester: &ImageIngester,
    until: Until,
    mut intervene: impl FnMut(&IngestEvent) -> bool + Send,
) -> (Ended, Log) {
    let mut log = Log::new();
    let clock = &stage.clock;
    let report = ingester.run_observed(until, pending(), |event| {
        log.push((clock.now(), event.clone()));
        if intervene(&event) {
            return;
        }
        if let IngestEvent::Waiting { until, .. }
        | IngestEvent::InventoryFailed {
            retry_at: until, ..
        } = event
        {
            clock.advance(until.since(clock.now()));
        }
    });
    let report = tokio::time::timeout(seconds(20), report).await;
    (report.expect("the run ends"), log)
}

/// Seconds from noon at which images were handed over, and their numbers.
fn handed(log: &Log) -> Vec<(f64, u32)> {
    let at = |time: Timestamp| time.since(noon()).as_secs_f64();
    log.iter()
        .filter_map(|(time, event)| match event {
            IngestEvent::Handed { digest, .. } => Some((at(*time), number(digest))),
            _ => None,
        })
        .collect()
}

fn number(of: &Digest) -> u32 {
    (1..100).find(|number| digest(*number) == *of).unwrap()
}

/// A run in the background.
struct Running {
    events: mpsc::UnboundedReceiver<IngestEvent>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    run: tokio::task::JoinHandle<Ended>,
}

impl Running {
    fn start(ingester: ImageIngester, until: Until) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let run = tokio::spawn(async move {
            let stop = async { stopped.await.unwrap_or(()) };
            let observe = move |event| sender.send(event).unwrap_or(());
            ingester.run_observed(until, stop, observe).await
        });
        Self {
            events,
            stop: Some(stop),
            run,
        }
    }

    /// The next event of this kind; those before it are passed over.
    async fn next<T>(&mut self, kind: impl Fn(&IngestEvent) -> Option<T> + Send + Sync) -> T {
        let found = async {
            loop {
                let event = self.events.recv().await.expect("the run goes on");
                if let Some(found) = kind(&event) {
                    return found;
                }
            }
        };
        let found = tokio::time::timeout(seconds(20), found).await;
        found.expect("the event comes")
    }

    async fn handed(&mut self) -> u32 {
        self.next(|event| match event {
            IngestEvent::Handed { digest, .. } => Some(number(digest)),
            _ => None,
        })
        .await
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    async fn end(self) -> Ended {
        let end = tokio::time::timeout(seconds(20), self.run).await;
        end.expect("the run ends").unwrap()
    }
}
