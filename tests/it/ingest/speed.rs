use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::future::join;
use registry_intake::{
    config::SpeedLimit,
    ingest::{IngestEvent, Until},
    pace::Pace,
};

use tokio::sync::Barrier;

use super::{Desk, count, handed, ingester, one_in_hand, run, seconds, stage};
use crate::inventory::stage::{digest, image};

#[tokio::test]
async fn five_images_at_3600_an_hour_take_four_seconds() {
    let stage = stage(5).await;
    let limit = SpeedLimit::PerHour(count(3600));
    let ingester = ingester(&stage, Desk::willing()).pace(limit).build();
    let (report, log) = run(&stage, &ingester.unwrap(), Until::IDLE).await;
    let expected = [(0.0, 1), (1.0, 2), (2.0, 3), (3.0, 4), (4.0, 5)];
    assert_eq!(handed(&log), expected);
    assert_eq!((report.handed, report.acknowledged), (5, 5));
    assert_eq!(stage.counts().await.ingested, 5);
}

#[tokio::test]
async fn a_wait_tells_its_end_and_how_many_images_wait() {
    let stage = stage(3).await;
    let limit = SpeedLimit::PerHour(count(10));
    let ingester = ingester(&stage, Desk::willing()).pace(limit).build();
    let (_, log) = run(&stage, &ingester.unwrap(), Until::IDLE).await;
    let waits: Vec<_> = log
        .iter()
        .filter_map(|(now, event)| match event {
            IngestEvent::Waiting { until, pending } => Some((until.since(*now), *pending)),
            _ => None,
        })
        .collect();
    assert_eq!(waits, [(seconds(360), 2), (seconds(360), 1)]);
}

#[tokio::test]
async fn the_default_is_ten_an_hour() {
    let stage = stage(2).await;
    let ingester = ingester(&stage, Desk::willing()).pace(SpeedLimit::default());
    let (_, log) = run(&stage, &ingester.build().unwrap(), Until::IDLE).await;
    assert_eq!(handed(&log), [(0.0, 1), (360.0, 2)]);
}

#[tokio::test]
async fn two_ingesters_share_the_limit_and_the_images() {
    let stage = stage(6).await;
    let (one, other) = (Desk::willing(), Desk::willing());
    let limit = Pace::Spread(count(3600));
    let first = ingester(&stage, Arc::clone(&one) as _).pace(limit);
    let second = ingester(&stage, Arc::clone(&other) as _).pace(limit);
    let (first, second) = (first.build().unwrap(), second.build().unwrap());
    let ((_, mut log), (_, more)) = join(
        run(&stage, &first, Until::IDLE),
        run(&stage, &second, Until::IDLE),
    )
    .await;
    log.extend(more);
    let mut handed = handed(&log);
    handed.sort_by(|one, other| one.0.total_cmp(&other.0));
    let numbers: Vec<_> = handed.iter().map(|(_, number)| *number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6], "{log:?}");
    for pair in handed.windows(2) {
        assert!(pair[1].0 - pair[0].0 >= 1.0, "{handed:?}");
    }
    assert_eq!(one.handed().len() + other.handed().len(), 6);
}

#[tokio::test]
async fn without_a_limit_nothing_waits_and_the_hand_never_overflows() {
    let stage = stage(20).await;
    let held = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (holding, peak) = (Arc::clone(&held), Arc::clone(&most));
    // Nobody lets go before there are as many as there must be.
    let full = Arc::new(Barrier::new(4));
    let desk = Desk::new(move |_| {
        let (holding, peak, full) = (Arc::clone(&holding), Arc::clone(&peak), Arc::clone(&full));
        async move {
            peak.fetch_max(holding.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            full.wait().await;
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            holding.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        }
    });
    let ingester = ingester(&stage, desk).build().unwrap();
    let (report, log) = run(&stage, &ingester, Until::IDLE).await;
    assert_eq!(report.acknowledged, 20);
    assert!(handed(&log).iter().all(|(at, _)| *at == 0.0));
    assert_eq!(most.load(Ordering::SeqCst), 4, "the default");
    assert_eq!(held.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_run_of_so_many_images_ends_with_them() {
    let stage = stage(5).await;
    let ingester = ingester(&stage, Desk::willing()).build().unwrap();
    let (report, _) = run(&stage, &ingester, Until::images(2)).await;
    assert_eq!((report.handed, report.acknowledged), (2, 2));
    let (report, _) = run(&stage, &ingester, Until::IDLE.or_images(9)).await;
    assert_eq!((report.handed, report.acknowledged), (3, 3));
    let (report, _) = run(&stage, &ingester, Until::images(0)).await;
    assert_eq!(report.handed, 0);
}

#[tokio::test]
async fn what_is_asked_for_by_hand_comes_first() {
    let stage = stage(4).await;
    assert!(stage.request(&digest(3)).await);
    let ingester = ingester(&stage, Desk::willing()).in_hand(one_in_hand());
    let (_, log) = run(&stage, &ingester.build().unwrap(), Until::IDLE).await;
    let numbers: Vec<_> = handed(&log).iter().map(|(_, number)| *number).collect();
    assert_eq!(numbers, [3, 1, 2, 4]);
}

#[tokio::test]
async fn a_delivery_tells_every_location_and_gives_the_right_to_pull_it() {
    let stage = stage(0).await;
    stage
        .sync(&[
            image("team-a/app", 7, &["v1", "latest"]),
            image("team-b/copy", 7, &["prod"]),
        ])
        .await;
    let desk = Desk::new(|delivery| async move {
        let mut references = Vec::new();
        for location in &delivery.locations {
            let access = delivery.pull_access(location).await?;
            references.push(access.reference());
        }
        let expected = ["team-a/app", "team-b/copy"]
            .map(|repository| format!("harbor.example.com/{repository}@{}", digest(7)));
        assert_eq!(references, expected);
        assert_eq!((delivery.size, delivery.fence > 0), (Some(1024), true));
        assert!(!format!("{delivery:?}").contains("Harbor12345"));
        Ok(())
    });
    let ingester = ingester(&stage, desk).build().unwrap();
    let (report, log) = run(&stage, &ingester, Until::IDLE).await;
    assert_eq!((report.acknowledged, report.failed), (1, 0), "{log:?}");
}
