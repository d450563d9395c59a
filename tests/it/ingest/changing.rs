//! What an operator changes while an ingester runs.

use registry_intake::{
    config::SpeedLimit,
    ingest::{ImageIngester, IngestEvent, Until},
    inventory::Paused,
    pace::Pace,
};

use super::{Desk, Log, Running, count, handed, ingester, run, run_with, seconds, stage};
use crate::inventory::stage::{PROD, Stage};

/// Runs with so many images per hour from the moment when two images wait.
async fn repaced(stage: &Stage, ingester: &ImageIngester, per_hour: u32) -> Log {
    let mut is_changed = false;
    let (report, log) = run_with(stage, ingester, Until::IDLE, |event| {
        let is_due = matches!(event, IngestEvent::Waiting { pending: 2, .. });
        let changes = is_due && !is_changed;
        if changes {
            is_changed = true;
            ingester.set_pace(Pace::Spread(count(per_hour)));
        }
        changes
    })
    .await;
    report.unwrap();
    log
}

#[tokio::test]
async fn a_raised_limit_scales_the_wait_that_is_still_due() {
    let stage = stage(3).await;
    let limit = SpeedLimit::PerHour(count(10));
    let ingester = ingester(&stage, Desk::willing())
        .pace(limit)
        .build()
        .unwrap();
    let log = repaced(&stage, &ingester, 60).await;
    assert_eq!(handed(&log), [(0.0, 1), (60.0, 2), (120.0, 3)]);
}

#[tokio::test]
async fn a_lowered_limit_holds_from_the_change_on() {
    let stage = stage(4).await;
    let limit = SpeedLimit::PerHour(count(3600));
    let ingester = ingester(&stage, Desk::willing())
        .pace(limit)
        .build()
        .unwrap();
    let log = repaced(&stage, &ingester, 10).await;
    let handed = handed(&log);
    assert_eq!(&handed[..2], [(0.0, 1), (1.0, 2)]);
    assert!(
        handed[2].0 >= 361.0 && handed[3].0 >= handed[2].0 + 360.0,
        "{handed:?}"
    );
}

#[tokio::test]
async fn what_was_ingested_comes_again_after_the_time_set_and_after_what_is_new() {
    let stage = stage(2).await;
    let ingester = ingester(&stage, Desk::willing()).rescan_after(seconds(3600));
    let ingester = ingester.build().unwrap();
    let (_, log) = run_with(&stage, &ingester, Until::images(4), |event| {
        if let IngestEvent::Idle { .. } = event {
            stage.after(3600);
        }
        false
    })
    .await;
    let times: Vec<_> = handed(&log).iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0.0, 0.0, 3600.0, 3600.0]);
}

#[tokio::test]
async fn what_rests_is_not_handed_over_until_it_is_resumed() {
    let stage = stage(2).await;
    let rests = |ingestion| Paused {
        ingestion,
        ..Paused::default()
    };
    stage.inventory.set_paused(PROD, rests(true)).await.unwrap();
    let ingester = ingester(&stage, Desk::willing()).build().unwrap();
    let (report, log) = run(&stage, &ingester, Until::IDLE).await;
    assert_eq!(report.handed, 0);
    assert!(
        log.iter().any(|(_, event)| *event == IngestEvent::Paused),
        "{log:?}"
    );
    stage
        .inventory
        .set_paused(PROD, rests(false))
        .await
        .unwrap();
    let (report, _) = run(&stage, &ingester, Until::IDLE).await;
    assert_eq!(report.handed, 2);
}

#[tokio::test]
async fn a_run_under_way_rests_and_goes_on_as_it_is_told() {
    let stage = stage(3).await;
    let set = async |ingestion| {
        let paused = Paused {
            ingestion,
            ..Paused::default()
        };
        stage.inventory.set_paused(PROD, paused).await.unwrap();
    };
    let ingester = ingester(&stage, Desk::willing())
        .pace(SpeedLimit::PerHour(count(3600)))
        .poll_interval(seconds(10));
    let mut running = Running::start(ingester.build().unwrap(), Until::STOPPED);
    assert_eq!(running.handed().await, 1);
    let waiting = |event: &IngestEvent| matches!(event, IngestEvent::Waiting { .. }).then_some(());
    running.next(waiting).await;
    set(true).await;
    stage.after(1);
    let paused = |event: &IngestEvent| matches!(event, IngestEvent::Paused).then_some(());
    running.next(paused).await;
    assert_eq!(stage.counts().await.pending, 2);
    set(false).await;
    stage.after(10);
    assert_eq!(running.handed().await, 2);
    running.stop();
    assert_eq!(running.end().await.unwrap().handed, 2);
}
