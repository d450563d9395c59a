use std::sync::Arc;

use registry_intake::{
    clock::Clock,
    ingest::{IngestEvent, Until},
    inventory::{Claim, ImageState, SqliteInventory},
};
use tokio::sync::Semaphore;

use super::{Desk, Running, ingester, number, numbered, run, seconds, stage};
use crate::inventory::stage::{LEASE, Stage, noon};

/// Waits until the lease on the only image ends so many seconds after noon.
async fn leased_until(stage: &Stage, after_noon: u64) {
    let expected = noon().saturating_add(seconds(after_noon));
    let renewed = async {
        loop {
            match stage.claim().await {
                Claim::Idle { lease_ends_at } if lease_ends_at == Some(expected) => return,
                Claim::Idle { .. } => tokio::task::yield_now().await,
                other => panic!("the image left the hand: {other:?}"),
            }
        }
    };
    let renewed = tokio::time::timeout(seconds(20), renewed).await;
    renewed.expect("the lease is renewed");
}

#[tokio::test]
async fn a_run_until_drained_waits_for_the_images_of_the_dead() {
    let stage = stage(2).await;
    stage.granted().await;
    let desk = Desk::willing();
    let ingester = ingester(&stage, Arc::clone(&desk) as _).build().unwrap();
    let mut running = Running::start(ingester, Until::DRAINED);
    let idle = |event: &IngestEvent| match event {
        IngestEvent::Idle { lease_ends_at } => Some(*lease_ends_at),
        _ => None,
    };
    let lease_end = noon().saturating_add(LEASE);
    assert_eq!(running.next(idle).await, Some(lease_end));
    while !running.run.is_finished() {
        if stage.clock.sleepers() > 0 {
            stage.clock.advance(seconds(1));
        }
        tokio::task::yield_now().await;
    }
    let report = running.end().await.unwrap();
    assert_eq!(
        (report.acknowledged, report.leased_elsewhere_until),
        (2, None)
    );
    assert!(stage.clock.now() >= lease_end);
    let attempts: Vec<_> = desk
        .handed()
        .into_iter()
        .map(|(_, attempt)| attempt)
        .collect();
    assert_eq!(attempts, [1, 2]);
}

#[tokio::test]
async fn a_lease_is_renewed_for_as_long_as_the_sink_works() {
    let stage = stage(1).await;
    let done = Arc::new(Semaphore::new(0));
    let wait = Arc::clone(&done);
    let desk = Desk::new(move |_| {
        let wait = Arc::clone(&wait);
        async move {
            wait.acquire().await?.forget();
            Ok(())
        }
    });
    let ingester = ingester(&stage, desk).lease(LEASE).build().unwrap();
    let mut running = Running::start(ingester, Until::IDLE);
    running.handed().await;
    for turn in 1..=9 {
        stage.after(200);
        leased_until(&stage, 600 + 200 * turn).await;
    }
    done.add_permits(1);
    let report = running.end().await.unwrap();
    assert_eq!((report.handed, report.acknowledged), (1, 1));
    assert_eq!(stage.counts().await.ingested, 1);
}

#[tokio::test]
async fn a_lease_that_passed_on_ends_the_work_and_is_not_acknowledged() {
    let stage = stage(1).await;
    let ingester = ingester(&stage, Desk::stuck())
        .lease(LEASE)
        .build()
        .unwrap();
    let mut running = Running::start(ingester, Until::images(1));
    running.handed().await;
    // Frozen for longer than its lease, it wakes after another has claimed the image.
    let twin = {
        let claim = async {
            loop {
                if let Claim::Granted(twin) = stage.claim().await {
                    return twin;
                }
                stage.after(601);
            }
        };
        claim.await
    };
    assert_eq!(twin.attempt, 2);
    stage.after(200);
    let lost = running
        .next(|event| match event {
            IngestEvent::Lost { digest, .. } => Some(number(digest)),
            _ => None,
        })
        .await;
    assert_eq!(lost, 1);
    let report = running.end().await.unwrap();
    assert_eq!((report.lost, report.acknowledged), (1, 0));
    assert_eq!(stage.state_of("team-a/app", 1).await, ImageState::InHand);
    stage.acknowledge(&twin.lease).await;
}

#[tokio::test]
async fn a_process_that_dies_loses_nothing_and_repeats_at_most_what_it_had_in_hand() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.db");
    let clock = registry_intake::clock::ManualClock::at(noon());
    let open = || SqliteInventory::open(&path, Arc::new(clock.clone()));
    let stage = Stage::new(Arc::new(open().await.unwrap()), clock.clone()).await;
    stage.sync(&numbered(12)).await;

    // Takes three images and hangs on the others.
    let first = Desk::new(|delivery| async move {
        if number(&delivery.digest) > 3 {
            std::future::pending::<()>().await;
        }
        Ok(())
    });
    let dying = ingester(&stage, Arc::clone(&first) as _).build().unwrap();
    let mut running = Running::start(dying, Until::IDLE);
    for _ in 0..7 {
        running.handed().await;
    }
    running.run.abort();
    assert!(running.run.await.unwrap_err().is_cancelled());
    drop(stage);

    let stage = Stage::new(Arc::new(open().await.unwrap()), clock).await;
    let second = Desk::willing();
    let ingester = ingester(&stage, Arc::clone(&second) as _).build().unwrap();
    let (report, _) = run(&stage, &ingester, Until::IDLE).await;
    assert_eq!(report.acknowledged, 5);
    let lease_end = report.leased_elsewhere_until.unwrap();
    assert_eq!(lease_end, noon().saturating_add(seconds(600)));
    stage.after(600);
    let (report, _) = run(&stage, &ingester, Until::IDLE).await;
    assert_eq!(
        (report.acknowledged, report.leased_elsewhere_until),
        (4, None)
    );

    assert_eq!(stage.counts().await.ingested, 12);
    assert_eq!(first.handed().len() + second.handed().len(), 12 + 4);
    let again: Vec<_> = second
        .handed()
        .iter()
        .map(|(_, attempt)| *attempt)
        .collect();
    assert_eq!(again, [1, 1, 1, 1, 1, 2, 2, 2, 2]);
}
