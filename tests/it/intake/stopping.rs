//! What becomes of what is in hand when the service is told to stop.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use registry_intake::{
    error::BoxError,
    ingest::{Delivery, ImageSink, IngestEvent, SinkError},
    intake::{Intake, IntakeEvent},
    inventory::{Change, ImageState},
    simulator::{
        HarborV2,
        harbor_v2::{Contents, Push},
    },
};
use tokio::sync::Semaphore;

use super::{Duration, Running, Stage, fast, until};

/// A scanner that takes an image only when it is let.
struct Slow {
    handed: AtomicUsize,
    let_go: Semaphore,
}

#[async_trait]
impl ImageSink for Slow {
    async fn ingest(&self, _: Delivery) -> Result<(), SinkError> {
        self.handed.fetch_add(1, Ordering::SeqCst);
        self.let_go.acquire().await?.forget();
        Ok(())
    }

    async fn changed(&self, _: Change) -> Result<(), BoxError> {
        Ok(())
    }
}

/// A service with four of six images in hand that was just told to stop.
struct Stopped {
    stage: Stage,
    _harbor: HarborV2,
    scanner: Arc<Slow>,
    running: Running,
}

impl Stopped {
    async fn with_grace(grace: Duration) -> Self {
        let stage = Stage::new().await;
        let mut contents = Contents::empty();
        for number in 0..6 {
            contents.push(&format!("team/app-{number}"), Push::image().tag("v1"));
        }
        let harbor = HarborV2::builder().contents(contents);
        let harbor = harbor.clock(stage.clock()).start().await.unwrap();
        let scanner = Arc::new(Slow {
            handed: AtomicUsize::new(0),
            let_go: Semaphore::new(0),
        });
        let intake = Intake::builder()
            .inventory(Arc::clone(&stage.inventory))
            .sink(Arc::clone(&scanner) as _)
            .clock(stage.clock())
            .ingestion(move |ingester| ingester.grace(grace))
            .integrations([fast("harbor", &harbor)]);
        let mut running = Running::start(&intake.build().await.unwrap());
        until(|| scanner.handed.load(Ordering::SeqCst) == 4).await;
        let stop = std::mem::replace(&mut running.stop, tokio::sync::oneshot::channel().0);
        stop.send(()).unwrap();
        let stopping = running.next("harbor", |event| match event {
            IntakeEvent::Ingest(IngestEvent::Stopping { in_hand }) => Some(*in_hand),
            _ => None,
        });
        assert_eq!(stopping.await, 4);
        Self {
            stage,
            _harbor: harbor,
            scanner,
            running,
        }
    }

    /// How many images are ingested, and how many wait, once the service has ended.
    async fn end(self) -> (usize, usize) {
        let end = tokio::time::timeout(super::PATIENCE, self.running.run).await;
        end.expect("the run ends").unwrap().unwrap();
        assert_eq!(self.scanner.handed.load(Ordering::SeqCst), 4);
        let images = self
            .stage
            .inventory
            .images("harbor", None, 9)
            .await
            .unwrap();
        let of = |state| images.iter().filter(|image| image.state == state).count();
        (of(ImageState::Ingested), of(ImageState::Pending))
    }
}

#[tokio::test]
async fn what_the_scanner_has_in_hand_is_waited_for_and_nothing_more_is_handed_over() {
    let stopped = Stopped::with_grace(Duration::from_secs(30)).await;
    stopped.scanner.let_go.add_permits(6);
    assert_eq!(stopped.end().await, (4, 2));
}

#[tokio::test]
async fn what_the_scanner_does_not_finish_within_the_grace_waits_again() {
    let stopped = Stopped::with_grace(Duration::from_secs(7)).await;
    stopped.stage.clock.advance(Duration::from_secs(7));
    assert_eq!(stopped.end().await, (0, 6));
}
