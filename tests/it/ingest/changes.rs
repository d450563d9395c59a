use std::sync::Arc;

use registry_intake::{
    ingest::{IngestEvent, Until},
    inventory::ChangeKind,
    pace::Pace,
};

use super::{Desk, Running, count, ingester, run, seconds, stage};
use crate::inventory::stage::{Stage, image, noon};

/// One ingested image, which then gets a second location, loses a tag, and goes from the first.
pub(super) async fn changed() -> Stage {
    let stage = stage(0).await;
    let here = image("team-a/app", 1, &["v1", "latest"]);
    stage.sync(std::slice::from_ref(&here)).await;
    stage.ingest().await;
    stage.sync(&[here, image("team-b/app", 1, &["prod"])]).await;
    let retagged = image("team-a/app", 1, &["v1"]);
    stage
        .sync(&[retagged, image("team-b/app", 1, &["prod"])])
        .await;
    stage.sync(&[image("team-b/app", 1, &["prod"])]).await;
    stage
}

fn kinds(desk: &Desk) -> Vec<(ChangeKind, String)> {
    let told = desk.told();
    told.iter()
        .map(|change| (change.kind, change.location.repository.to_string()))
        .collect()
}

fn expected() -> [(ChangeKind, String); 3] {
    [
        (ChangeKind::LocationAdded, "team-b/app".to_owned()),
        (ChangeKind::Retagged, "team-a/app".to_owned()),
        (ChangeKind::Gone, "team-a/app".to_owned()),
    ]
}

#[tokio::test]
async fn changes_are_told_once_in_order_and_cost_no_token() {
    let stage = changed().await;
    let desk = Desk::willing();
    let ingester = ingester(&stage, Arc::clone(&desk) as _).pace(Pace::Spread(count(1)));
    let ingester = ingester.build().unwrap();
    let (report, log) = run(&stage, &ingester, Until::IDLE).await;
    assert_eq!((report.told, report.handed), (3, 0));
    assert_eq!(kinds(&desk), expected());
    assert!(log.iter().all(|(at, _)| *at == noon()));
    let (report, _) = run(&stage, &ingester, Until::IDLE).await;
    assert_eq!((report.told, desk.told().len()), (0, 3));
}

#[tokio::test]
async fn a_refused_change_comes_again_before_those_behind_it() {
    let stage = changed().await;
    let desk = Desk::willing();
    desk.refuse_changes(2);
    let builder = ingester(&stage, Arc::clone(&desk) as _);
    let builder = builder.retry_pauses(seconds(60), seconds(3600));
    let mut running = Running::start(builder.build().unwrap(), Until::STOPPED);
    let refused = |event: &IngestEvent| match event {
        IngestEvent::ChangeRefused {
            error, retry_at, ..
        } => Some((error.message.clone(), *retry_at)),
        _ => None,
    };
    for (pause, why) in [
        (60, "the queue is full"),
        (240, "the sink panicked: the queue is gone"),
    ] {
        let (message, retry_at) = running.next(refused).await;
        assert_eq!(
            retry_at.since(registry_intake::clock::Clock::now(&stage.clock)),
            seconds(pause)
        );
        assert_eq!((message.as_str(), desk.told()), (why, Vec::new()));
        stage.after(pause);
    }
    for _ in 0..3 {
        let told = |event: &IngestEvent| matches!(event, IngestEvent::Told(_)).then_some(());
        running.next(told).await;
    }
    assert_eq!(kinds(&desk), expected());
    running.stop();
    assert_eq!(running.end().await.unwrap().told, 3);
}

#[tokio::test]
async fn a_sink_that_refuses_changes_does_not_keep_a_run_from_ending() {
    let stage = changed().await;
    let desk = Desk::willing();
    desk.refuse_changes(u32::MAX);
    let ingester = ingester(&stage, Arc::clone(&desk) as _).build().unwrap();
    let (report, _) = run(&stage, &ingester, Until::IDLE).await;
    assert_eq!(report.told, 0);
    desk.refuse_changes(0);
    let (report, _) = run(&stage, &ingester, Until::IDLE).await;
    assert_eq!(report.told, 3);
}
