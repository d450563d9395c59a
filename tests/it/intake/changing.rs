//! What an operator asks for while an intake runs, and while it does not.

use std::{pin::pin, time::Duration};

use futures_util::future::{Either, select};
use registry_intake::{
    config::{Secret, SpeedLimit},
    error::{ErrorCode, IntegrationError},
    ingest::IngestEvent,
    intake::{IntakeError, IntakeEvent, IntegrationChange},
    inventory::Paused,
    simulator::{
        Action, Fault, HarborV2,
        harbor_v2::{Project, Push},
    },
    sync::SyncEvent,
};

use super::{Running, Stage, fast, named, per_hour, seconds, until, wanted};
use crate::harbor_v2::as_admin;

async fn harbor(stage: &Stage) -> HarborV2 {
    HarborV2::builder()
        .clock(stage.clock())
        .start()
        .await
        .unwrap()
}

#[tokio::test]
async fn an_integration_that_is_added_is_served_at_once() {
    let stage = Stage::new().await;
    let harbor = harbor(&stage).await;
    let intake = stage.intake([]).await;
    let mut running = Running::start(&intake);
    intake.add(fast("late", &harbor)).await.unwrap();
    assert!(running.synced("late").await.is_complete());
    let twice = intake.add(fast("late", &harbor)).await;
    assert!(
        matches!(twice, Err(IntakeError::NameTaken { .. })),
        "{twice:?}"
    );
    running.stop().await;
}

#[tokio::test]
async fn a_changed_speed_limit_scales_the_wait_and_interrupts_nothing() {
    let stage = Stage::new().await;
    let harbor = harbor(&stage).await;
    let slow = named("harbor", as_admin(&harbor).speed_limit(per_hour(1)));
    let intake = stage.intake([slow]).await;
    let mut running = Running::start(&intake);
    let waits = |event: &IntakeEvent| match event {
        IntakeEvent::Ingest(IngestEvent::Waiting { until, .. }) => Some(*until),
        _ => None,
    };
    let until_next = running.next("harbor", waits).await;
    assert_eq!(seconds(until_next, stage.now()), 3600);
    let faster = IntegrationChange::new().speed_limit(per_hour(60));
    intake.change("harbor", faster).await.unwrap();
    let until_next = running.next("harbor", waits).await;
    assert_eq!(seconds(until_next, stage.now()), 60);
    let status = &intake.status().await.unwrap()[0];
    assert_eq!(status.speed_limit, per_hour(60));
    running.stop().await;
}

#[tokio::test]
async fn a_registry_that_moved_is_the_same_one_elsewhere() {
    let stage = Stage::new().await;
    let (old, new) = (harbor(&stage).await, harbor(&stage).await);
    let intake = stage.intake([fast("harbor", &old)]).await;
    let mut running = Running::start(&intake);
    let first = running.synced("harbor").await;
    let all = wanted(&stage, "harbor").await.len();
    until(|| stage.scanner.of("harbor").len() == all).await;
    new.change(|contents| {
        contents.push("library/fresh", Push::image().tag("1"));
    });
    let moved = IntegrationChange::new().port(new.address().port());
    intake.change("harbor", moved).await.unwrap();
    let report = intake.sync_now("harbor").await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(
        (report.new, report.unchanged),
        (1, first.listed),
        "nothing is new but what is"
    );
    until(|| stage.scanner.of("harbor").len() == all + 1).await;
    running.stop().await;
}

#[tokio::test]
async fn changes_that_are_asked_for_at_once_build_on_each_other() {
    let stage = Stage::new().await;
    let (old, new) = (harbor(&stage).await, harbor(&stage).await);
    let intake = stage.intake([fast("harbor", &old)]).await;
    intake.sync_now("harbor").await.unwrap();
    let moved = IntegrationChange::new().port(new.address().port());
    let slower = IntegrationChange::new().speed_limit(per_hour(7));
    let (moved, slower) = futures_util::future::join(
        intake.change("harbor", moved),
        intake.change("harbor", slower),
    )
    .await;
    moved.and(slower).unwrap();
    let status = &intake.status().await.unwrap()[0];
    assert_eq!(status.registry, new.address().to_string());
    assert_eq!(status.speed_limit, per_hour(7));
}

#[tokio::test]
async fn what_broke_off_for_a_new_way_in_is_gone_on_with_by_it() {
    let stage = Stage::new().await;
    let harbor = harbor(&stage).await;
    let intake = stage.intake([fast("harbor", &harbor)]).await;
    intake.sync_now("harbor").await.unwrap();
    stage.clock.advance(Duration::from_secs(86_400));
    // Not what a verification asks for.
    let hang = Fault::new(Action::Hang).on_path("with_tag");
    harbor.faults().arm(hang);
    let mut running = Running::start(&intake);
    let begins = |event: &IntakeEvent| match event {
        IntakeEvent::Sync(SyncEvent::Begins { run, .. }) => Some(*run),
        _ => None,
    };
    let run = running.next("harbor", begins).await;
    harbor
        .accounts()
        .set_password(HarborV2::USERNAME, "Another12345");
    let new = IntegrationChange::new().password(Secret::new("Another12345"));
    intake.change("harbor", new).await.unwrap();
    harbor.faults().clear();
    // Until the lease of what broke off has ended.
    let passing = async {
        loop {
            stage.clock.advance(Duration::from_millis(10));
            tokio::task::yield_now().await;
        }
    };
    let report = match select(pin!(running.synced("harbor")), pin!(passing)).await {
        Either::Left((report, _)) => report,
        Either::Right((never, _)) => never,
    };
    assert!(report.is_complete(), "{report:?}");
    assert_eq!((report.run, report.takeovers), (Some(run), 1));
    running.stop().await;
}

#[tokio::test]
async fn a_change_that_would_be_wrong_changes_nothing() {
    let stage = Stage::new().await;
    let harbor = harbor(&stage).await;
    let intake = stage.intake([fast("harbor", &harbor)]).await;
    let wrong = IntegrationChange::new().domain("https://harbor.example.com/");
    let refused = intake.change("harbor", wrong).await.unwrap_err();
    assert!(
        matches!(&refused, IntakeError::Config(faults) if faults.to_string().contains("domain"))
    );
    let unknown = intake.change("quay", IntegrationChange::new()).await;
    assert!(matches!(
        unknown,
        Err(IntakeError::UnknownIntegration { .. })
    ));
    assert!(intake.sync_now("harbor").await.unwrap().is_complete());
}

#[tokio::test]
async fn a_new_password_is_used_from_the_change_on() {
    let stage = Stage::new().await;
    let harbor = harbor(&stage).await;
    let intake = stage.intake([fast("harbor", &harbor)]).await;
    harbor
        .accounts()
        .set_password(HarborV2::USERNAME, "Another12345");
    let fails = intake.verify_now("harbor");
    stage.clock.advance(Duration::from_secs(2));
    let (report, ()) = futures_util::future::join(fails, advancing(&stage)).await;
    let code = report.unwrap().failure().map(IntegrationError::code);
    assert_eq!(code, Some(ErrorCode::FailedToVerifyUsernameOrPwd));
    let new = IntegrationChange::new().password(Secret::new("Another12345"));
    intake.change("harbor", new).await.unwrap();
    let (report, ()) =
        futures_util::future::join(intake.verify_now("harbor"), advancing(&stage)).await;
    assert!(report.unwrap().is_ok());
}

/// Lets the lock-out of a refused password pass.
async fn advancing(stage: &Stage) {
    for _ in 0..200 {
        stage.clock.advance(Duration::from_millis(50));
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_rests_is_neither_synced_nor_handed_over_until_it_is_resumed() {
    let stage = Stage::new().await;
    let harbor = harbor(&stage).await;
    let intake = stage.intake([fast("harbor", &harbor)]).await;
    intake.sync_now("harbor").await.unwrap();
    let all = Paused {
        sync: true,
        ingestion: true,
    };
    intake.pause("harbor", all).await.unwrap();
    let mut running = Running::start(&intake);
    running
        .next("harbor", |event| {
            matches!(event, IntakeEvent::Ingest(IngestEvent::Paused)).then_some(())
        })
        .await;
    stage.clock.advance(Duration::from_secs(2 * 86_400));
    let status = &intake.status().await.unwrap()[0];
    assert_eq!(status.known.as_ref().map(|known| known.paused), Some(all));
    assert_eq!(status.next_run, None);
    intake.pause("harbor", Paused::default()).await.unwrap();
    assert!(running.synced("harbor").await.is_complete());
    stage.clock.advance(Duration::from_secs(60));
    let all = wanted(&stage, "harbor").await.len();
    until(|| stage.scanner.of("harbor").len() == all).await;
    assert_eq!(stage.inventory.runs("harbor", 10).await.unwrap().len(), 2);
    running.stop().await;
}

#[tokio::test]
async fn an_integration_rests_before_it_was_ever_synced() {
    let stage = Stage::new().await;
    let harbor = harbor(&stage).await;
    let intake = stage.intake([fast("harbor", &harbor)]).await;
    let sync = Paused {
        sync: true,
        ..Paused::default()
    };
    intake.pause("harbor", sync).await.unwrap();
    let mut running = Running::start(&intake);
    running
        .next("harbor", |event| {
            matches!(event, IntakeEvent::Verified(_)).then_some(())
        })
        .await;
    stage.clock.advance(Duration::from_secs(86_400));
    assert_eq!(intake.status().await.unwrap()[0].next_run, None);
    intake.pause("harbor", Paused::default()).await.unwrap();
    assert!(running.synced("harbor").await.is_complete());
    running.stop().await;
    assert_eq!(stage.inventory.runs("harbor", 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_loss_that_is_held_back_is_gone_on_an_operators_word() {
    let stage = Stage::new().await;
    let harbor = harbor(&stage).await;
    harbor.change(|contents| {
        contents.create_project(Project::private("doomed"));
        for number in 0..40 {
            let path = format!("doomed/app-{number}");
            contents.push(&path, Push::image().tag("1"));
        }
    });
    let intake = stage.intake([fast("harbor", &harbor)]).await;
    intake.sync_now("harbor").await.unwrap();
    harbor.change(|contents| contents.delete_project("doomed"));
    stage.clock.advance(Duration::from_secs(86_400));
    let mut running = Running::start(&intake);
    let report = running.synced("harbor").await;
    assert_eq!((report.gone, report.held), (0, 40), "{report:?}");
    assert_eq!(intake.confirm_held("harbor").await.unwrap(), 40);
    let status = &intake.status().await.unwrap()[0];
    let known = status.known.as_ref().unwrap();
    assert_eq!((known.held, known.images.gone), (0, 40));
    assert_eq!(status.last_run.as_ref().unwrap().gone, 40);
    running.stop().await;
}

#[tokio::test]
async fn a_removed_integration_leaves_nothing_behind() {
    let stage = Stage::new().await;
    let harbor = harbor(&stage).await;
    let intake = stage
        .intake([fast("gone", &harbor), fast("stays", &harbor)])
        .await;
    let mut running = Running::start(&intake);
    running.synced("gone").await;
    intake.remove("gone").await.unwrap();
    let names: Vec<_> = stage.inventory.integrations().await.unwrap();
    assert!(
        names
            .iter()
            .all(|known| known.binding.integration != "gone")
    );
    let again = intake.remove("gone").await;
    assert!(matches!(again, Err(IntakeError::UnknownIntegration { .. })));
    // Its name is free.
    intake.add(fast("gone", &harbor)).await.unwrap();
    assert!(running.synced("gone").await.is_complete());
    running.stop().await;
}

#[tokio::test]
async fn one_image_is_scanned_at_once_before_any_sync() {
    let stage = Stage::new().await;
    let harbor = harbor(&stage).await;
    let slow = named("harbor", as_admin(&harbor).speed_limit(per_hour(10)));
    let intake = stage.intake([slow]).await;
    let image = |path: &str| format!("{}/{path}", harbor.address());
    let wish = intake
        .scan_now(&image("library/nginx:1.25.5"))
        .await
        .unwrap();
    assert_eq!(wish.integration, "harbor");
    let running = Running::start(&intake);
    until(|| !stage.scanner.of("harbor").is_empty()).await;
    assert_eq!(stage.scanner.of("harbor")[0], wish.image.digest.to_string());
    running.stop().await;

    for (name, expected) in [
        (image("library/nginx:none"), "image"),
        ("elsewhere.example.com/library/nginx:1".to_owned(), "host"),
        ("nginx".to_owned(), "name"),
    ] {
        let refused = match intake.scan_now(&name).await.unwrap_err() {
            IntakeError::Integration(IntegrationError::ImageNotFound { .. }) => "image",
            IntakeError::UnknownHost { .. } => "host",
            IntakeError::NoImageName { .. } => "name",
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(refused, expected, "{name}");
    }
}

#[tokio::test]
async fn the_status_tells_what_waits_when_it_enters_and_when_all_is_done() {
    let stage = Stage::new().await;
    let harbor = harbor(&stage).await;
    let intake = stage
        .intake([named("harbor", as_admin(&harbor).speed_limit(per_hour(10)))])
        .await;
    let before = &intake.status().await.unwrap()[0];
    assert_eq!((before.known.is_none(), before.queue), (true, None));
    assert_eq!(before.next_run.map(|due| due.at), Some(stage.now()));
    intake.verify_now("harbor").await.unwrap();
    intake.sync_now("harbor").await.unwrap();
    let status = &intake.status().await.unwrap()[0];
    let verified = status.last_verification.as_ref();
    assert!(verified.is_some_and(|last| last.failure.is_none()));
    assert!(status.last_complete_run.is_some());
    assert_eq!(status.last_run, status.last_complete_run);
    let images = wanted(&stage, "harbor").await.len() as u64;
    let queue = status.queue.unwrap();
    assert_eq!((queue.pending.total(), queue.parked), (images, 0));
    assert_eq!(queue.next_grant, Some(stage.now()));
    let end = status.estimated_end.unwrap();
    assert_eq!(seconds(end, stage.now()), (images - 1) * 360);

    let rests = Paused {
        ingestion: true,
        ..Paused::default()
    };
    intake.pause("harbor", rests).await.unwrap();
    assert_eq!(intake.status().await.unwrap()[0].estimated_end, None);
    intake.pause("harbor", Paused::default()).await.unwrap();
    assert_eq!(intake.status().await.unwrap()[0].estimated_end, Some(end));
    let unlimited = IntegrationChange::new().speed_limit(SpeedLimit::Unlimited);
    intake.change("harbor", unlimited).await.unwrap();
    assert_eq!(intake.status().await.unwrap()[0].estimated_end, None);
}
