use std::sync::Arc;

use registry_intake::{
    ingest::{IngestEvent, Until},
    inventory::{ImageState, Inventory, InventoryError, SqliteInventory},
};
use tokio::sync::Semaphore;

use super::{Desk, Running, ingester, numbered, run, seconds, stage};
use crate::inventory::stage::{Stage, noon};

fn stopping(event: &IngestEvent) -> Option<usize> {
    match event {
        IngestEvent::Stopping { in_hand } => Some(*in_hand),
        _ => None,
    }
}

#[tokio::test]
async fn what_is_in_hand_when_told_to_stop_may_still_be_taken() {
    let stage = stage(9).await;
    let done = Arc::new(Semaphore::new(0));
    let wait = Arc::clone(&done);
    let desk = Desk::new(move |_| {
        let wait = Arc::clone(&wait);
        async move {
            wait.acquire().await?.forget();
            Ok(())
        }
    });
    let ingester = ingester(&stage, Arc::clone(&desk) as _).build().unwrap();
    let mut running = Running::start(ingester, Until::STOPPED);
    for _ in 0..4 {
        running.handed().await;
    }
    running.stop();
    assert_eq!(running.next(stopping).await, 4);
    done.add_permits(9);
    let report = running.end().await.unwrap();
    assert_eq!((report.handed, report.acknowledged), (4, 4));
    assert_eq!(stage.counts().await.pending, 5);
}

#[tokio::test]
async fn what_is_in_hand_after_the_grace_period_is_given_back_at_once() {
    let stage = stage(2).await;
    let builder = ingester(&stage, Desk::stuck()).grace(seconds(30));
    let mut running = Running::start(builder.build().unwrap(), Until::STOPPED);
    running.handed().await;
    running.handed().await;
    running.stop();
    running.next(stopping).await;
    stage.after(30);
    let report = running.end().await.unwrap();
    assert_eq!((report.acknowledged, report.failed), (0, 2));
    let images = stage.images().await;
    for image in &images {
        assert_eq!(image.state, ImageState::Pending);
        let failure = image.failure.as_ref().unwrap();
        assert!(failure.message.contains("stopped"), "{}", failure.message);
    }
    let ingester = ingester(&stage, Desk::willing()).build().unwrap();
    let (report, _) = run(&stage, &ingester, Until::IDLE).await;
    assert_eq!(report.acknowledged, 2);
}

#[tokio::test]
async fn who_is_told_to_stop_beforehand_claims_nothing() {
    let stage = stage(1).await;
    let ingester = ingester(&stage, Desk::willing()).build().unwrap();
    let report = ingester.run(Until::STOPPED, async {}).await.unwrap();
    assert_eq!(report.handed, 0);
    assert_eq!(stage.counts().await.pending, 1);
}

#[tokio::test]
async fn a_wait_ends_when_told_to_stop() {
    let stage = stage(2).await;
    let builder =
        ingester(&stage, Desk::willing()).pace(registry_intake::config::SpeedLimit::default());
    let mut running = Running::start(builder.build().unwrap(), Until::STOPPED);
    let waiting = |event: &IngestEvent| match event {
        IngestEvent::Waiting { pending, .. } => Some(*pending),
        _ => None,
    };
    assert_eq!(running.next(waiting).await, 1);
    running.stop();
    let report = running.end().await.unwrap();
    assert_eq!((report.handed, report.acknowledged), (1, 1));
}

#[tokio::test]
async fn an_idle_ingester_finds_what_a_later_sync_brings() {
    let stage = stage(1).await;
    let ingester = ingester(&stage, Desk::willing()).poll_interval(seconds(10));
    let mut running = Running::start(ingester.build().unwrap(), Until::STOPPED);
    let idle = |event: &IngestEvent| match event {
        IngestEvent::Idle {
            lease_ends_at: None,
        } => Some(()),
        _ => None,
    };
    running.next(idle).await;
    stage.sync(&numbered(2)).await;
    stage.after(10);
    assert_eq!(running.handed().await, 2);
    running.next(idle).await;
    running.stop();
    assert_eq!(running.end().await.unwrap().acknowledged, 2);
}

#[tokio::test]
async fn an_inventory_that_stays_away_ends_the_run_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.db");
    let clock = registry_intake::clock::ManualClock::at(noon());
    let open = || SqliteInventory::open(&path, Arc::new(clock.clone()));
    let inventory = Arc::new(open().await.unwrap());
    let stage = Stage::new(Arc::clone(&inventory) as Arc<dyn Inventory>, clock.clone()).await;
    stage.sync(&numbered(2)).await;

    let done = Arc::new(Semaphore::new(0));
    let wait = Arc::clone(&done);
    let desk = Desk::new(move |_| {
        let wait = Arc::clone(&wait);
        async move {
            wait.acquire().await?.forget();
            Ok(())
        }
    });
    let mut running = Running::start(ingester(&stage, desk).build().unwrap(), Until::STOPPED);
    running.handed().await;
    running.handed().await;
    inventory.close().await;
    done.add_permits(2);
    let ticking = clock.clone();
    let ticker = tokio::spawn(async move {
        loop {
            if ticking.sleepers() > 0 {
                ticking.advance(seconds(1));
            }
            tokio::task::yield_now().await;
        }
    });
    let failed = |event: &IngestEvent| match event {
        IngestEvent::InventoryFailed { .. } => Some(()),
        _ => None,
    };
    running.next(failed).await;
    let error = running.end().await.unwrap_err();
    ticker.abort();
    assert!(
        matches!(error, InventoryError::Unavailable { .. }),
        "{error}"
    );

    let stage = Stage::new(Arc::new(open().await.unwrap()), clock).await;
    stage.after(600);
    let ingester = ingester(&stage, Desk::willing()).build().unwrap();
    let (report, _) = run(&stage, &ingester, Until::IDLE).await;
    assert_eq!(report.acknowledged, 2);
}
