use registry_intake::{
    image::{Exclusion, Image, Proof, Scope},
    inventory::{ImageState, RunEnd, ScopeOutcome},
};

use crate::inventory::stage::{PROD, Stage, error_record, image, run_end};

const APP: &str = "team-a/app";

#[derive(Clone, Copy)]
enum Ended {
    Listed,
    Excluded,
    Skipped,
    Never,
}

pub(crate) async fn the_narrowest_scope_decides_what_is_gone(stage: Stage) {
    use Ended::{Excluded, Listed, Never, Skipped};
    let registry = || Scope::Registry;
    let project = || Scope::Namespace("team-a".to_owned());
    let repository = || Scope::Repository(APP.parse().unwrap());
    let cases = [
        (vec![], false),
        (vec![(registry(), Listed)], true),
        (vec![(registry(), Skipped)], false),
        (vec![(registry(), Never)], false),
        (vec![(registry(), Listed), (project(), Listed)], true),
        (vec![(registry(), Listed), (project(), Excluded)], false),
        (vec![(registry(), Listed), (project(), Skipped)], false),
        (vec![(registry(), Listed), (project(), Never)], false),
        (vec![(project(), Listed)], true),
        (vec![(project(), Listed), (repository(), Listed)], true),
        (vec![(project(), Listed), (repository(), Skipped)], false),
        (vec![(project(), Listed), (repository(), Excluded)], false),
        (vec![(project(), Listed), (repository(), Never)], false),
        (vec![(project(), Skipped), (repository(), Listed)], true),
        (vec![(project(), Never), (repository(), Listed)], true),
        (vec![(repository(), Listed)], true),
        (vec![(Scope::Namespace("team".to_owned()), Listed)], false),
        (vec![(Scope::Namespace(APP.to_owned()), Listed)], false),
        (
            vec![(Scope::Repository("team-a/app-2".parse().unwrap()), Listed)],
            false,
        ),
        (
            vec![(Scope::Repository("team-a".parse().unwrap()), Listed)],
            false,
        ),
    ];
    for (scopes, gone) in cases {
        stage.sync(&[image(APP, 1, &["v1"])]).await;
        let run = stage.begin().await;
        for (scope, ended) in &scopes {
            match ended {
                Listed => stage.close(&run, scope, &ScopeOutcome::Listed).await,
                Excluded => {
                    let outcome = ScopeOutcome::Excluded(Exclusion::ProxyCache);
                    stage.close(&run, scope, &outcome).await;
                }
                Skipped => {
                    let outcome = ScopeOutcome::Skipped(error_record("HTTP 500"));
                    stage.close(&run, scope, &outcome).await;
                }
                Never => {
                    stage
                        .inventory
                        .store_page(&run, scope, &[], None)
                        .await
                        .unwrap();
                }
            }
        }
        let report = stage.finish(&run, Some(Proof::Totals)).await;
        let state = stage.state_of(APP, 1).await;
        let told: Vec<_> = scopes.iter().map(|(scope, _)| scope.to_string()).collect();
        assert_eq!(
            state == ImageState::Gone,
            gone,
            "{told:?} left it {state:?}"
        );
        assert_eq!((report.gone, report.held), (u64::from(gone), 0), "{told:?}");
    }
}

pub(crate) async fn without_proof_nothing_is_gone(stage: Stage) {
    stage.sync(&[image(APP, 1, &["v1"])]).await;
    for _ in 0..3 {
        let run = stage.begin().await;
        stage
            .close(&run, &Scope::Registry, &ScopeOutcome::Listed)
            .await;
        let report = stage.finish(&run, None).await;
        assert_eq!((report.gone, report.held), (0, 0));
    }
    assert_eq!(stage.state_of(APP, 1).await, ImageState::Pending);
}

pub(crate) async fn a_proved_run_with_unread_scopes_judges_the_others(stage: Stage) {
    stage
        .sync(&[image(APP, 1, &["v1"]), image("team-b/app", 2, &["v1"])])
        .await;
    let run = stage.begin().await;
    stage
        .close(&run, &Scope::Registry, &ScopeOutcome::Listed)
        .await;
    let unread = ScopeOutcome::Skipped(error_record("HTTP 500"));
    stage
        .close(&run, &Scope::Namespace("team-b".to_owned()), &unread)
        .await;
    let end = RunEnd {
        failure: Some(error_record("one project could not be read")),
        ..run_end(Some(Proof::Totals))
    };
    let report = stage.inventory.finish_run(&run, &end).await.unwrap();
    assert_eq!((report.gone, report.is_complete()), (1, false));
    assert_eq!(stage.state_of(APP, 1).await, ImageState::Gone);
    assert_eq!(stage.state_of("team-b/app", 2).await, ImageState::Pending);
}

pub(crate) async fn what_was_read_twice_is_gone_after_two_complete_runs_in_a_row(stage: Stage) {
    stage
        .sync_with(Proof::ReadTwice, &[image(APP, 1, &["v1"])])
        .await;
    let first = stage.sync_with(Proof::ReadTwice, &[]).await;
    assert_eq!((first.gone, first.held), (0, 1));
    assert_eq!(stage.state_of(APP, 1).await, ImageState::Pending);

    let unproved = stage.begin().await;
    stage.finish(&unproved, None).await;

    let second = stage.sync_with(Proof::ReadTwice, &[]).await;
    assert_eq!((second.gone, second.held), (1, 0));
    assert_eq!(stage.state_of(APP, 1).await, ImageState::Gone);
    let third = stage.sync_with(Proof::ReadTwice, &[]).await;
    assert_eq!(
        (third.gone, third.held),
        (0, 0),
        "what is gone does not go again"
    );
}

pub(crate) async fn a_run_with_unread_scopes_neither_makes_nor_breaks_the_row(stage: Stage) {
    let page = [image(APP, 1, &["v1"]), image("team-b/app", 2, &["v1"])];
    let incomplete = async || {
        let run = stage.begin().await;
        stage
            .close(&run, &Scope::Registry, &ScopeOutcome::Listed)
            .await;
        let unread = ScopeOutcome::Skipped(error_record("HTTP 500"));
        stage
            .close(&run, &Scope::Namespace("team-b".to_owned()), &unread)
            .await;
        let end = RunEnd {
            failure: Some(error_record("one project could not be read")),
            ..run_end(Some(Proof::ReadTwice))
        };
        stage.inventory.finish_run(&run, &end).await.unwrap()
    };
    stage.sync_with(Proof::ReadTwice, &page).await;
    for _ in 0..3 {
        let report = incomplete().await;
        assert_eq!(
            (report.gone, report.held),
            (0, 1),
            "no row of incomplete runs"
        );
    }
    let first = stage.sync_with(Proof::ReadTwice, &page[1..]).await;
    assert_eq!((first.gone, first.held), (0, 1));
    let report = incomplete().await;
    assert_eq!((report.gone, report.held), (0, 1));
    let second = stage.sync_with(Proof::ReadTwice, &page[1..]).await;
    assert_eq!((second.gone, second.held), (1, 0));
}

/// So many images with tags, the first of which has this number.
fn images(first: u32, count: u32) -> Vec<Image> {
    let numbers = first..first + count;
    numbers.map(|number| image(APP, number, &["v1"])).collect()
}

pub(crate) async fn a_loss_of_many_is_held_until_a_second_complete_run(stage: Stage) {
    // Known, lost, and whether they go at once.
    for (round, (known, lost, at_once)) in (1_u32..).zip([
        (70, 21, true),
        (69, 21, false),
        (20, 20, true),
        (21, 21, false),
    ]) {
        let all = images(round * 1000, known);
        let left = &all[lost..];
        // What the round before left behind is no part of this one.
        stage.sync(&[]).await;
        stage.sync(&[]).await;
        stage.sync(&all).await;
        let lost = lost as u64;
        let first = stage.sync(left).await;
        let expected = if at_once { (lost, 0) } else { (0, lost) };
        assert_eq!((first.gone, first.held), expected, "{lost} of {known}");

        let unproved = stage.begin().await;
        stage.finish(&unproved, None).await;
        let second = stage.sync(left).await;
        let expected = if at_once { (0, 0) } else { (lost, 0) };
        assert_eq!((second.gone, second.held), expected, "{lost} of {known}");
    }
}

pub(crate) async fn what_is_new_does_not_hide_a_loss(stage: Stage) {
    stage.sync(&images(1, 40)).await;
    let report = stage.sync(&images(1000, 400)).await;
    assert_eq!((report.new, report.gone, report.held), (400, 0, 40));
}

pub(crate) async fn what_was_held_and_comes_back_was_never_gone(stage: Stage) {
    let all = images(1, 40);
    stage.sync(&all).await;
    assert_eq!(stage.sync(&[]).await.held, 40);
    let back = stage.sync(&all).await;
    assert_eq!((back.new, back.unchanged), (0, 40));
    assert_eq!(stage.sync(&[]).await.held, 40, "the row begins anew");
}

pub(crate) async fn a_confirmed_loss_takes_no_fresh_one_along(stage: Stage) {
    let all = images(1, 100);
    stage.sync(&all).await;
    assert_eq!(stage.sync(&all[40..]).await.held, 40);
    let report = stage.sync(&all[80..]).await;
    assert_eq!((report.gone, report.held), (40, 40));
}

pub(crate) async fn an_image_that_shows_itself_in_between_is_not_gone(stage: Stage) {
    stage
        .sync_with(Proof::ReadTwice, &[image(APP, 1, &["v1"])])
        .await;
    for tag in ["v1", "v2", "v2"] {
        let absent = stage.sync_with(Proof::ReadTwice, &[]).await;
        assert_eq!((absent.gone, absent.held), (0, 1));
        let run = stage.begin().await;
        stage.store(&run, &[image(APP, 1, &[tag])]).await;
        stage.finish(&run, None).await;
    }
    assert_eq!(stage.state_of(APP, 1).await, ImageState::Pending);
}

pub(crate) async fn a_run_that_did_not_look_breaks_the_row(stage: Stage) {
    stage
        .sync_with(Proof::ReadTwice, &[image(APP, 1, &["v1"])])
        .await;
    stage.sync_with(Proof::ReadTwice, &[]).await;

    let run = stage.begin().await;
    stage
        .close(&run, &Scope::Registry, &ScopeOutcome::Listed)
        .await;
    let excluded = ScopeOutcome::Excluded(Exclusion::Filtered);
    stage
        .close(&run, &Scope::Namespace("team-a".to_owned()), &excluded)
        .await;
    let report = stage.finish(&run, Some(Proof::ReadTwice)).await;
    assert_eq!((report.gone, report.held), (0, 0));

    let report = stage.sync_with(Proof::ReadTwice, &[]).await;
    assert_eq!((report.gone, report.held), (0, 1));
    let report = stage.sync_with(Proof::ReadTwice, &[]).await;
    assert_eq!((report.gone, report.held), (1, 0));
}

pub(crate) async fn totals_confirm_what_was_held_at_once(stage: Stage) {
    stage
        .sync_with(Proof::ReadTwice, &[image(APP, 1, &["v1"])])
        .await;
    stage.sync_with(Proof::ReadTwice, &[]).await;
    let report = stage.sync(&[]).await;
    assert_eq!((report.gone, report.held), (1, 0));
}

pub(crate) async fn a_digest_that_comes_back_has_its_history(stage: Stage) {
    let page = [
        image(APP, 1, &["v1"]),
        image(APP, 2, &["v2"]),
        image(APP, 3, &["v3"]),
        image(APP, 4, &[]),
    ];
    stage.sync(&page).await;
    assert_eq!(stage.ingest().await.lease.digest, page[2].digest);
    let given_up = stage.granted().await;
    stage.fail(&given_up.lease, None).await;
    let before = stage.images().await;
    assert_eq!(stage.sync(&[]).await.gone, 4);
    assert_eq!(stage.counts().await.gone, 4);
    stage.after(3600);
    let back = stage.sync(&page).await;
    assert_eq!((back.new, back.unchanged), (4, 0));
    assert_eq!(stage.images().await, before);
    for (number, state) in [
        (1, ImageState::Pending),
        (2, ImageState::Parked),
        (3, ImageState::Ingested),
        (4, ImageState::LeftOut),
    ] {
        assert_eq!(stage.state_of(APP, number).await, state);
    }
    assert!(
        stage
            .inventory
            .request(PROD, &page[1].digest)
            .await
            .unwrap()
    );
}
