//! An inventory that fails now and then.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use registry_intake::{
    clock::Clock,
    ingest::{IngestEvent, SinkError, Until},
    inventory::{Claim, Inventory, InventoryError},
};
use tokio::sync::Semaphore;

use super::{Desk, Running, handed, ingester_on, run, seconds, stage, try_run};
use crate::inventory::{
    guarded::{Passage, inventory_by_passage},
    stage::{LEASE, Stage, noon},
};

/// Fails each method as often as it is told to, before it does anything, and holds back the answers
/// to claims for which there is no permit.
#[derive(Debug)]
struct Faulty {
    inner: Arc<dyn Inventory>,
    failures: Mutex<HashMap<&'static str, u32>>,
    claims: Semaphore,
    claimed: AtomicU32,
}

impl Faulty {
    fn over(stage: &Stage) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::clone(&stage.inventory),
            failures: Mutex::default(),
            claims: Semaphore::new(Semaphore::MAX_PERMITS),
            claimed: AtomicU32::new(0),
        })
    }

    /// Holds an answer back where its time has not come.
    async fn answer<T: Send>(&self, method: &'static str, answer: T) -> T {
        if method == "claim" {
            self.claimed.fetch_add(1, Ordering::SeqCst);
            self.claims.acquire().await.unwrap().forget();
        }
        answer
    }

    fn fail(&self, method: &'static str, times: u32) {
        self.failures.lock().unwrap().insert(method, times);
    }

    fn left(&self, method: &'static str) -> u32 {
        self.failures.lock().unwrap()[method]
    }

    fn check(&self, method: &'static str) -> Result<(), InventoryError> {
        match self.failures.lock().unwrap().get_mut(method) {
            Some(left) if *left > 0 => {
                *left -= 1;
                let source = "the disk is away".into();
                Err(InventoryError::Unavailable { source })
            }
            _ => Ok(()),
        }
    }
}

inventory_by_passage!(Faulty);

impl Passage for Faulty {
    fn inner(&self) -> &dyn Inventory {
        &*self.inner
    }

    async fn pass<T: Send>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, InventoryError>> + Send,
    ) -> Result<T, InventoryError> {
        self.check(method)?;
        let answer = call.await;
        self.answer(method, answer).await
    }
}

/// Lets time pass until the run has ended.
async fn tick(stage: &Stage, running: &Running) {
    while !running.run.is_finished() {
        if stage.clock.sleepers() > 0 {
            stage.clock.advance(seconds(1));
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn claims_are_tried_again_after_growing_pauses() {
    let stage = stage(2).await;
    let faulty = Faulty::over(&stage);
    faulty.fail("claim", 3);
    let ingester = ingester_on(&stage, faulty, Desk::willing());
    let (report, log) = run(&stage, &ingester.build().unwrap(), Until::IDLE).await;
    assert_eq!(report.acknowledged, 2);
    assert_eq!(
        handed(&log),
        [(7.0, 1), (7.0, 2)],
        "after 1, 2 and 4 seconds"
    );
}

#[tokio::test]
async fn an_inventory_that_fails_eight_claims_in_a_row_ends_the_run() {
    let stage = stage(1).await;
    let faulty = Faulty::over(&stage);
    faulty.fail("claim", 9);
    let ingester = ingester_on(&stage, Arc::clone(&faulty) as _, Desk::willing());
    let (ended, log) = try_run(&stage, &ingester.build().unwrap(), Until::STOPPED).await;
    let error = ended.unwrap_err();
    assert!(
        matches!(error, InventoryError::Unavailable { .. }),
        "{error}"
    );
    assert_eq!(faulty.left("claim"), 1);
    let failed = |event: &IngestEvent| matches!(event, IngestEvent::InventoryFailed { .. });
    assert_eq!(log.iter().filter(|(_, event)| failed(event)).count(), 7);
}

#[tokio::test]
async fn a_renewal_that_fails_is_repeated_before_the_lease_ends() {
    let stage = stage(1).await;
    let faulty = Faulty::over(&stage);
    faulty.fail("renew", 2);
    let builder = ingester_on(&stage, Arc::clone(&faulty) as _, Desk::stuck());
    let ingester = builder.lease(LEASE).build().unwrap();
    let mut running = Running::start(ingester, Until::STOPPED);
    running.handed().await;
    let first_end = noon().saturating_add(LEASE);
    loop {
        match stage.claim().await {
            Claim::Idle { lease_ends_at } if lease_ends_at > Some(first_end) => break,
            Claim::Idle { .. } => stage.after(1),
            other => panic!("the image left the hand: {other:?}"),
        }
    }
    assert!(stage.clock.now() < first_end);
    assert_eq!(faulty.left("renew"), 0);
    running.run.abort();
}

#[tokio::test]
async fn an_acknowledgement_is_repeated_until_it_lands() {
    let stage = stage(1).await;
    let faulty = Faulty::over(&stage);
    faulty.fail("acknowledge", 3);
    let desk = Desk::willing();
    let ingester = ingester_on(&stage, faulty, Arc::clone(&desk) as _);
    let running = Running::start(ingester.build().unwrap(), Until::IDLE);
    tick(&stage, &running).await;
    let report = running.end().await.unwrap();
    assert_eq!((report.acknowledged, report.lost), (1, 0));
    assert_eq!(desk.handed().len(), 1);
    assert_eq!(stage.counts().await.ingested, 1);
}

#[tokio::test]
async fn a_change_that_was_told_is_forgotten_once_the_inventory_is_back() {
    let stage = super::changes::changed().await;
    let faulty = Faulty::over(&stage);
    faulty.fail("changes_told", 1);
    let desk = Desk::willing();
    let ingester = ingester_on(&stage, faulty, Arc::clone(&desk) as _);
    let running = Running::start(ingester.build().unwrap(), Until::IDLE);
    tick(&stage, &running).await;
    assert_eq!(running.end().await.unwrap().told, 3);
    assert_eq!(desk.told().len(), 3);
}

#[tokio::test]
async fn an_image_that_comes_back_while_a_claim_finds_nothing_is_not_overlooked() {
    let stage = stage(1).await;
    let faulty = Faulty::over(&stage);
    faulty.claims.forget_permits(Semaphore::MAX_PERMITS - 1);
    let claimed = Arc::clone(&faulty);
    let desk = Desk::new(move |delivery| {
        let claimed = Arc::clone(&claimed);
        async move {
            if delivery.attempt > 1 {
                return Ok(());
            }
            // The next claim has found nothing, but its answer is on its way.
            while claimed.claimed.load(Ordering::SeqCst) < 2 {
                tokio::task::yield_now().await;
            }
            Err(SinkError::retry_after("busy", seconds(60)))
        }
    });
    let ingester = ingester_on(&stage, Arc::clone(&faulty) as _, desk);
    let mut running = Running::start(ingester.build().unwrap(), Until::IDLE);
    let failed = |event: &IngestEvent| match event {
        IngestEvent::Failed { attempt, .. } => Some(*attempt),
        _ => None,
    };
    assert_eq!(running.next(failed).await, 1);
    faulty.claims.add_permits(1000);
    tick(&stage, &running).await;
    let report = running.end().await.unwrap();
    assert_eq!((report.handed, report.acknowledged), (2, 1));
}
