//! What is gone, and what must not be.

use super::*;

#[tokio::test]
async fn a_project_that_vanishes_in_mid_run_is_gone_in_the_next() {
    let stage = Stage::of(contents()).await;
    let sync = stage.sync();
    sync.run().await.unwrap();
    let before = stage.held().await;
    stage.harbor.before_request(|_, target, contents| {
        if target.contains("/projects/3/artifacts") {
            contents.delete_project("doomed");
        }
    });
    let skipped = Mutex::new(Vec::new());
    let report = sync.run_observed(|event| {
        if let SyncEvent::Skipped(scope, error) = event {
            skipped.lock().unwrap().push((scope, error.code()));
        }
    });
    let report = report.await.unwrap();
    let vanished = (
        Scope::Namespace("doomed".to_owned()),
        ErrorCode::NamespaceNotFound,
    );
    assert_eq!(skipped.into_inner().unwrap(), [vanished]);
    assert_eq!((report.skipped, report.gone), (1, 0), "{report:?}");
    assert_eq!(stage.held().await, before);

    let report = sync.run().await.unwrap();
    assert_eq!((report.is_complete(), report.gone), (true, 2));
    assert_eq!(stage.held().await, stage.there());
}

#[tokio::test]
async fn a_broken_off_listing_is_a_report_that_says_why_and_nothing_is_gone() {
    let stage = Stage::of(contents()).await;
    let sync = stage.sync();
    sync.run().await.unwrap();
    let before = stage.held().await;
    stage
        .harbor
        .change(|contents| contents.delete_project("doomed"));
    stage
        .harbor
        .faults()
        .arm(Fault::new(Action::status(500)).on_path("/statistics"));
    let events = Mutex::new(Vec::new());
    let report = sync.run_observed(|event| events.lock().unwrap().push(event));
    let report = report.await.unwrap();
    assert!(!report.is_complete());
    assert_eq!((report.proof, report.gone), (None, 0));
    let failure = report.failure.unwrap();
    let last = events.into_inner().unwrap().pop();
    assert!(
        matches!(&last, Some(SyncEvent::Failed(error)) if error.code() == failure.code),
        "{last:?}"
    );
    assert_eq!(failure.host, Some(stage.harbor.address().to_string()));
    assert_eq!(stage.held().await, before);

    stage.harbor.faults().clear();
    assert_eq!(sync.run().await.unwrap().gone, 2);
}

#[tokio::test]
async fn an_unread_scope_keeps_its_images_and_the_others_are_judged() {
    let stage = Stage::of(contents()).await;
    let sync = stage.sync();
    sync.run().await.unwrap();
    stage.harbor.change(|contents| {
        contents.delete_repository("doomed/two");
        contents.delete_repository("library/deep/er/name");
    });
    stage
        .harbor
        .faults()
        .arm(Fault::new(Action::status(500)).on_path("/projects/3/artifacts"));
    let report = sync.run().await.unwrap();
    assert!(!report.is_complete());
    assert_eq!(report.proof, Some(Proof::Totals));
    assert_eq!(report.failure.unwrap().code, ErrorCode::IncompleteListing);
    assert_eq!((report.skipped, report.gone), (1, 1));
    let held = stage.held().await;
    let has = |name: &str| held.keys().any(|(repository, _)| repository == name);
    assert!(has("doomed/two") && !has("library/deep/er/name"));
}

#[tokio::test]
async fn by_a_robot_an_image_is_gone_only_after_two_runs() {
    let stage = Stage::of(contents()).await;
    let sync = stage.sync_by(as_robot(&stage.harbor));
    let report = sync.run().await.unwrap();
    assert_eq!(report.proof, Some(Proof::ReadTwice));
    assert_eq!((report.is_complete(), report.new), (true, 124));
    assert_eq!(report.requests, stage.harbor.log().total());
    stage
        .harbor
        .change(|contents| contents.delete_repository("doomed/two"));
    let report = sync.run().await.unwrap();
    assert_eq!((report.gone, report.held), (0, 1));
    let report = sync.run().await.unwrap();
    assert_eq!((report.gone, report.held), (1, 0));
    assert_eq!(stage.held().await, stage.there());
}

#[tokio::test]
async fn an_account_that_sees_nothing_takes_nothing_away() {
    let stage = Stage::of(contents()).await;
    stage.sync().run().await.unwrap();
    let before = stage.held().await;
    let wrong = as_admin(&stage.harbor).password(Secret::new("wrong"));
    let report = stage.sync_by(wrong).run().await.unwrap();
    let failure = report.failure.unwrap();
    assert_eq!(failure.code, ErrorCode::FailedToVerifyUsernameOrPwd);
    assert_eq!((report.listed, report.gone), (0, 0));
    assert_eq!(stage.held().await, before);
}
