//! What is done without being asked for.

use std::{collections::BTreeSet, time::Duration};

use registry_intake::{
    error::ErrorCode,
    ingest::IngestEvent,
    intake::{Intake, IntakeError, IntakeEvent},
    inventory::{InventoryError, RunKind},
    schedule::Schedule,
    simulator::{Action, Fault, HarborV2, Quay},
    sync::DueRun,
};

use super::{Running, Stage, fast, named, per_hour, seconds, until, wanted};
use crate::harbor_v2::as_admin;

#[tokio::test]
async fn everything_that_is_for_scanning_reaches_the_scanner() {
    let stage = Stage::new().await;
    let harbor = HarborV2::builder()
        .clock(stage.clock())
        .start()
        .await
        .unwrap();
    let quay = Quay::builder().clock(stage.clock()).start().await.unwrap();
    let by_token = crate::quay::as_owner(&quay);
    let by_token = by_token.speed_limit(registry_intake::config::SpeedLimit::Unlimited);
    let intake = stage
        .intake([fast("harbor", &harbor), named("quay", by_token)])
        .await;
    let mut running = Running::start(&intake);
    let verified = running.next("harbor", |event| match event {
        IntakeEvent::Verified(report) => Some(report.is_ok()),
        _ => None,
    });
    assert!(verified.await);
    let report = running.synced("harbor").await;
    assert!(
        report.is_complete() && report.kind == RunKind::Full,
        "{report:?}"
    );
    let all = wanted(&stage, "harbor").await;
    until(|| stage.scanner.of("harbor").len() == all.len()).await;
    assert_eq!(
        stage
            .scanner
            .of("harbor")
            .into_iter()
            .collect::<BTreeSet<_>>(),
        all
    );
    until(|| !stage.scanner.of("quay").is_empty()).await;
    running.stop().await;
}

#[tokio::test]
async fn a_registry_that_is_down_keeps_no_other_waiting_and_is_tried_again() {
    let stage = Stage::new().await;
    let harbor = HarborV2::builder()
        .clock(stage.clock())
        .start()
        .await
        .unwrap();
    let broken = HarborV2::builder()
        .clock(stage.clock())
        .start()
        .await
        .unwrap();
    broken.faults().arm(Fault::new(Action::status(500)));
    let intake = stage
        .intake([fast("a-broken", &broken), fast("harbor", &harbor)])
        .await;
    let mut running = Running::start(&intake);
    let (code, retry_at) = running
        .next("a-broken", |event| match event {
            IntakeEvent::SyncFailed { error, retry_at } => Some((error.code, *retry_at)),
            _ => None,
        })
        .await;
    assert_eq!(code, ErrorCode::RegistryUnavailable);
    assert_eq!(seconds(retry_at, stage.now()), 300);
    running.synced("harbor").await;
    let all = wanted(&stage, "harbor").await.len();
    until(|| stage.scanner.of("harbor").len() == all).await;
    broken.faults().clear();
    stage.clock.advance(Duration::from_secs(300));
    assert!(running.synced("a-broken").await.is_complete());
    running.stop().await;
}

#[tokio::test]
async fn what_happens_before_a_first_sync_has_begun_is_in_the_status_too() {
    let stage = Stage::new().await;
    let harbor = HarborV2::builder()
        .clock(stage.clock())
        .start()
        .await
        .unwrap();
    harbor.faults().arm(Fault::new(Action::status(500)));
    let intake = stage.intake([fast("harbor", &harbor)]).await;
    let mut running = Running::start(&intake);
    let fails = |event: &IntakeEvent| match event {
        IntakeEvent::SyncFailed { retry_at, .. } => Some(*retry_at),
        _ => None,
    };
    let retry_at = running.next("harbor", fails).await;
    let status = intake.status().await.unwrap().remove(0);
    assert_eq!(status.known, None);
    let verification = status.last_verification.unwrap();
    assert!(verification.failure.is_some());
    let run = status.last_run.unwrap();
    let code = run.failure.map(|failure| failure.code);
    assert_eq!(
        (run.run, code),
        (None, Some(ErrorCode::RegistryUnavailable))
    );
    assert_eq!(status.last_complete_run, None);
    let due = DueRun {
        at: retry_at,
        kind: RunKind::Full,
    };
    assert_eq!(status.next_run, Some(due));
    stage.clock.advance(Duration::from_secs(1));
    let later = intake.status().await.unwrap().remove(0);
    assert_eq!(later.next_run, Some(due), "not before");

    harbor.faults().clear();
    stage.clock.advance(retry_at.since(stage.now()));
    let report = running.synced("harbor").await;
    assert!(report.is_complete(), "{report:?}");
    let status = intake.status().await.unwrap().remove(0);
    assert_eq!(status.last_run.as_ref(), Some(&report));
    assert_eq!(status.last_verification.as_ref(), Some(&verification));
    let known = status.known.unwrap();
    assert_eq!(known.last_verification, Some(verification), "kept for all");
    assert!(status.next_run.unwrap().at > retry_at);
    running.stop().await;
}

#[tokio::test]
async fn processes_that_find_a_sync_due_at_once_leave_it_to_one_of_them() {
    for overlap in [true, false] {
        one_of_three_syncs(overlap).await;
    }
}

async fn one_of_three_syncs(overlap: bool) {
    let stage = Stage::new().await;
    let harbor = HarborV2::builder()
        .clock(stage.clock())
        .start()
        .await
        .unwrap();
    let intake = async || stage.intake([fast("harbor", &harbor)]).await;
    let intakes = [intake().await, intake().await, intake().await];
    intakes[0].sync_now("harbor").await.unwrap();
    stage.clock.advance(Duration::from_secs(86_400));
    // Whoever has the run waits for the registry until the others have asked for it. A
    // verification asks for artifacts in another way.
    let hold = Fault::new(Action::Delay(Duration::from_secs(1))).on_path("with_tag");
    if overlap {
        harbor.faults().arm(hold);
    }
    let began = || {
        let asked = harbor.log().recent().into_iter();
        asked
            .filter(|request| request.target.contains("sort=-update_time"))
            .count()
    };
    let running = intakes.each_ref().map(Running::start);
    until(|| !overlap || began() > 3).await;
    harbor.faults().clear();
    let reports = async || stage.inventory.runs("harbor", 10).await.unwrap();
    while reports().await.len() < 2 {
        stage.clock.advance(Duration::from_millis(100));
        tokio::task::yield_now().await;
    }
    // The others look again when the lease would have ended.
    for _ in 0..4 {
        stage.clock.advance(Duration::from_secs(60));
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
    for running in running {
        running.stop().await;
    }
    let reports = reports().await;
    assert_eq!(reports.len(), 2, "{reports:?}");
    assert!(reports[0].is_complete() && reports[0].takeovers == 0);
}

#[tokio::test]
async fn the_speed_limit_of_each_integration_is_its_own() {
    let stage = Stage::new().await;
    let harbor = HarborV2::builder()
        .clock(stage.clock())
        .start()
        .await
        .unwrap();
    let slow = named("slow", as_admin(&harbor).speed_limit(per_hour(10)));
    let intake = stage.intake([slow, fast("fast", &harbor)]).await;
    let mut running = Running::start(&intake);
    let until_next = running
        .next("slow", |event| match event {
            IntakeEvent::Ingest(IngestEvent::Waiting { until, .. }) => Some(*until),
            _ => None,
        })
        .await;
    assert_eq!(seconds(until_next, stage.now()), 360);
    let all = wanted(&stage, "slow").await.len();
    until(|| stage.scanner.of("fast").len() == all).await;
    assert_eq!(stage.scanner.of("slow").len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn two_processes_sync_once_and_keep_one_limit() {
    let stage = Stage::new().await;
    let harbor = HarborV2::builder()
        .clock(stage.clock())
        .start()
        .await
        .unwrap();
    let slow = || named("slow", as_admin(&harbor).speed_limit(per_hour(10)));
    let (one, other) = (stage.intake([slow()]).await, stage.intake([slow()]).await);
    let mut first = Running::start(&one);
    assert!(first.synced("slow").await.is_complete());
    let mut second = Running::start(&other);
    let scheduled = second.next("slow", |event| match event {
        IntakeEvent::Scheduled { at, .. } => Some(*at),
        _ => None,
    });
    assert!(
        seconds(scheduled.await, stage.now()) > 0,
        "not at once again"
    );
    for hour in 1..4 {
        stage.clock.advance(Duration::from_secs(3600));
        until(|| stage.scanner.of("slow").len() == hour + 1).await;
    }
    first.stop().await;
    second.stop().await;
    let runs = stage.inventory.runs("slow", 10).await.unwrap();
    assert_eq!(runs.len(), 1, "{runs:?}");
}

#[tokio::test]
async fn the_next_day_is_synced_again() {
    let stage = Stage::new().await;
    let harbor = HarborV2::builder()
        .clock(stage.clock())
        .start()
        .await
        .unwrap();
    let config = as_admin(&harbor).schedule(Schedule::daily().without_incremental());
    let intake = stage.intake([named("harbor", config)]).await;
    let mut running = Running::start(&intake);
    assert!(running.synced("harbor").await.is_complete());
    let next = running.next("harbor", |event| match event {
        IntakeEvent::Scheduled { at, schedule, .. } => Some((*at, schedule.to_string())),
        _ => None,
    });
    let (next, schedule) = next.await;
    assert_eq!(schedule, "daily in the early morning, UTC");
    let status = &intake.status().await.unwrap()[0];
    assert_eq!(status.next_run.map(|due| due.at), Some(next));
    assert_eq!(status.schedule.to_string(), schedule);
    harbor.change(|contents| {
        let push = registry_intake::simulator::harbor_v2::Push::image();
        contents.push("library/fresh", push.tag("1"));
    });
    stage.clock.advance(next.since(stage.now()));
    let report = running.synced("harbor").await;
    assert!(report.is_complete() && report.new == 1, "{report:?}");
    running.stop().await;
}

#[tokio::test]
async fn between_full_runs_what_has_changed_is_read() {
    let stage = Stage::new().await;
    let harbor = HarborV2::builder()
        .clock(stage.clock())
        .start()
        .await
        .unwrap();
    let intake = stage.intake([fast("harbor", &harbor)]).await;
    let mut running = Running::start(&intake);
    assert!(running.synced("harbor").await.is_complete());
    harbor.change(|contents| {
        let push = registry_intake::simulator::harbor_v2::Push::image();
        contents.push("library/fresh", push.tag("1"));
    });
    stage.clock.advance(Duration::from_secs(6 * 3600));
    let report = running.synced("harbor").await;
    assert_eq!((report.kind, report.new), (RunKind::Incremental, 1));
    running.stop().await;
}

#[tokio::test]
async fn what_cannot_be_served_is_refused_before_anything_begins() {
    let stage = Stage::new().await;
    let harbor = HarborV2::builder()
        .clock(stage.clock())
        .start()
        .await
        .unwrap();
    let twins = [fast("harbor", &harbor), fast("harbor", &harbor)];
    let built = stage.builder().integrations(twins).build().await;
    assert!(
        matches!(built, Err(IntakeError::NameTaken { .. })),
        "{built:?}"
    );
    let built = Intake::builder().build().await;
    assert!(
        matches!(built, Err(IntakeError::Missing { part: "inventory" })),
        "{built:?}"
    );

    let intake = stage.intake([fast("harbor", &harbor)]).await;
    intake.sync_now("harbor").await.unwrap();
    let elsewhere = HarborV2::builder()
        .clock(stage.clock())
        .start()
        .await
        .unwrap();
    let built = stage
        .builder()
        .integration(fast("harbor", &elsewhere))
        .build()
        .await;
    assert!(
        matches!(
            built,
            Err(IntakeError::Inventory(
                InventoryError::IntegrationRebound { .. }
            ))
        ),
        "{built:?}"
    );
}

#[tokio::test]
async fn an_intake_runs_once_at_a_time_and_may_run_again() {
    let stage = Stage::new().await;
    let harbor = HarborV2::builder()
        .clock(stage.clock())
        .start()
        .await
        .unwrap();
    let intake = stage.intake([fast("harbor", &harbor)]).await;
    let mut running = Running::start(&intake);
    running.synced("harbor").await;
    let twice = intake.run(std::future::pending()).await;
    assert!(matches!(twice, Err(IntakeError::RunsAlready)), "{twice:?}");
    running.stop().await;
    let all = wanted(&stage, "harbor").await.len();
    let again = Running::start(&intake);
    until(|| stage.scanner.of("harbor").len() == all).await;
    again.stop().await;
}

#[tokio::test]
async fn a_dropped_run_leaves_nobody_serving() {
    let stage = Stage::new().await;
    let harbor = HarborV2::builder()
        .clock(stage.clock())
        .start()
        .await
        .unwrap();
    let intake = stage.intake([fast("harbor", &harbor)]).await;
    let mut running = Running::start(&intake);
    running.synced("harbor").await;
    running.run.abort();
    let _ = running.run.await;
    intake.remove("harbor").await.unwrap();
    assert!(intake.status().await.unwrap().is_empty());
}
