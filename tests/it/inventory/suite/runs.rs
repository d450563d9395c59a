use std::time::Duration;

use registry_intake::{
    clock::Clock,
    error::ErrorCode,
    image::{ChangeMark, Cursor, Exclusion, Image, Proof, Scope},
    inventory::{
        BegunRun, ClosedScope, ImageState, InventoryError, NamedScope, OpenScope, RunEnd, RunKind,
        RunRequest, RunStart, RunTicket, ScopeList, ScopeOutcome,
    },
};

use crate::inventory::stage::{
    LEASE, PROD, Stage, binding, error_record, image, run_end, run_request, sightings,
};

const APP: &str = "team-a/app";
const FULL: RunRequest<'static> = RunRequest {
    integration: PROD,
    kind: RunKind::Full,
    lease: LEASE,
    start: RunStart::Resume,
    mark: None,
};

fn team(name: &str) -> Scope {
    Scope::Namespace(format!("team-{name}"))
}

fn unread() -> ScopeOutcome {
    ScopeOutcome::Skipped(error_record("HTTP 500"))
}

async fn begin(stage: &Stage, request: &RunRequest<'_>) -> BegunRun {
    stage.inventory.begin_run(request).await.unwrap()
}

async fn store(
    stage: &Stage,
    ticket: &RunTicket,
    scope: &Scope,
    images: &[Image],
    cursor: Option<&str>,
) {
    let cursor = cursor.map(Cursor::new);
    stage
        .inventory
        .store_page(ticket, scope, &sightings(images), cursor.as_ref())
        .await
        .unwrap();
}

#[track_caller]
fn in_progress<T: std::fmt::Debug>(
    refused: Result<T, InventoryError>,
) -> registry_intake::clock::Timestamp {
    match refused {
        Err(InventoryError::RunInProgress { integration, until }) => {
            assert_eq!(integration, PROD);
            until
        }
        other => panic!("no run in progress but {other:?}"),
    }
}

pub(crate) async fn a_run_belongs_to_its_holder_while_the_lease_is_good(stage: Stage) {
    let first = begin(&stage, &FULL).await;
    assert_eq!(first.lease_until, stage.clock.now().saturating_add(LEASE));
    assert_eq!((first.started_at, first.resumed), (stage.clock.now(), None));
    let incremental = run_request(RunKind::Incremental, RunStart::Resume);
    stage.clock.advance(LEASE - Duration::from_nanos(1));
    for request in [&FULL, &incremental] {
        let until = in_progress(stage.inventory.begin_run(request).await);
        assert_eq!(until, first.lease_until);
    }
    let open = stage.inventory.integrations().await.unwrap()[0].open_run;
    let open = open.unwrap();
    assert_eq!((open.run, open.kind), (first.ticket.run, RunKind::Full));
    assert_eq!(open.lease_until, first.lease_until);

    let anew = run_request(RunKind::Incremental, RunStart::Anew);
    let anew = begin(&stage, &anew).await;
    assert!(anew.ticket.run > first.ticket.run && anew.ticket.fence > first.ticket.fence);
    stage.finish(&anew.ticket, None).await;
    assert_eq!(
        stage.inventory.integrations().await.unwrap()[0].open_run,
        None
    );
    assert_eq!(
        begin(&stage, &FULL).await.resumed,
        None,
        "what has ended is not gone on with"
    );
}

pub(crate) async fn every_write_of_a_run_renews_its_lease(stage: Stage) {
    let run = begin(&stage, &FULL).await.ticket;
    let renewed = async |until| {
        let found = in_progress(stage.inventory.begin_run(&FULL).await);
        assert_eq!(found, until);
    };
    let next = async || {
        stage.clock.advance(LEASE - Duration::from_secs(1));
        stage.clock.now().saturating_add(LEASE)
    };
    let until = next().await;
    store(&stage, &run, &team("a"), &[], None).await;
    renewed(until).await;
    let until = next().await;
    stage.close(&run, &team("a"), &ScopeOutcome::Listed).await;
    renewed(until).await;
    let until = next().await;
    stage
        .inventory
        .store_scopes(&run, &[], &ScopeList::Unread)
        .await
        .unwrap();
    renewed(until).await;

    let quiet_until = stage.clock.now().saturating_add(LEASE * 5);
    stage.inventory.renew_run(&run, quiet_until).await.unwrap();
    renewed(quiet_until).await;
    store(&stage, &run, &team("b"), &[], None).await;
    renewed(quiet_until).await;
    stage.clock.advance(LEASE * 5);
    assert!(begin(&stage, &FULL).await.resumed.is_some());
    let late = stage.inventory.renew_run(&run, stage.clock.now()).await;
    assert!(
        matches!(late, Err(InventoryError::RunSuperseded { .. })),
        "{late:?}"
    );
}

pub(crate) async fn a_late_holder_writes_on_until_somebody_takes_over(stage: Stage) {
    let frozen = begin(&stage, &FULL).await.ticket;
    stage.clock.advance(LEASE * 2);
    let page = [image(APP, 1, &["v1"])];
    store(&stage, &frozen, &Scope::Registry, &page, None).await;
    stage.clock.advance(LEASE * 2);
    let taken = begin(&stage, &FULL).await.ticket;
    assert_eq!(taken.run, frozen.run);
    assert!(taken.fence > frozen.fence);

    let inventory = &stage.inventory;
    let scope = Scope::Registry;
    let named = [NamedScope {
        scope: team("b"),
        outcome: None,
    }];
    let proved = run_end(Some(Proof::Totals));
    let late = image(APP, 2, &["v1"]);
    let late = [registry_intake::inventory::Sighting::of(&late)];
    for refused in [
        inventory
            .store_page(&frozen, &scope, &late, None)
            .await
            .err(),
        inventory
            .close_scope(&frozen, &scope, &ScopeOutcome::Listed)
            .await
            .err(),
        inventory
            .store_scopes(&frozen, &named, &ScopeList::Read)
            .await
            .err(),
        inventory.renew_run(&frozen, stage.clock.now()).await.err(),
        inventory.finish_run(&frozen, &proved).await.err(),
    ] {
        assert!(
            matches!(refused, Some(InventoryError::RunSuperseded { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(stage.images().await.len(), 1);
    stage.close(&taken, &scope, &ScopeOutcome::Listed).await;
    let report = stage.finish(&taken, Some(Proof::Totals)).await;
    assert_eq!((report.listed, report.new, report.takeovers), (1, 1, 1));
}

pub(crate) async fn who_takes_a_run_over_learns_what_is_done_and_what_is_left(stage: Stage) {
    let mark = ChangeMark::new("log row 17");
    let request = RunRequest {
        mark: Some(&mark),
        ..FULL
    };
    let first = begin(&stage, &request).await;
    assert_eq!(first.mark.as_ref(), Some(&mark));
    let run = &first.ticket;
    let named = |name: &str, outcome| NamedScope {
        scope: team(name),
        outcome,
    };
    let mirror = ScopeOutcome::Excluded(Exclusion::ProxyCache);
    let names = [
        named("a", None),
        named("b", None),
        named("c", None),
        named("d", None),
        named("e", Some(ScopeOutcome::Listed)),
        named("f", Some(mirror.clone())),
    ];
    let goes_on = ScopeList::ReadTo(Cursor::new("project 6"));
    stage
        .inventory
        .store_scopes(run, &names, &goes_on)
        .await
        .unwrap();
    store(
        &stage,
        run,
        &team("a"),
        &[image(APP, 1, &["v1"])],
        Some("1"),
    )
    .await;
    stage.close(run, &team("a"), &ScopeOutcome::Listed).await;
    store(
        &stage,
        run,
        &team("b"),
        &[image("team-b/app", 2, &[])],
        Some("2"),
    )
    .await;
    store(
        &stage,
        run,
        &team("b"),
        &[image("team-b/app", 3, &[])],
        None,
    )
    .await;
    stage.close(run, &team("d"), &unread()).await;

    stage.clock.advance(LEASE);
    let later = RunRequest {
        mark: Some(&ChangeMark::new("log row 99")),
        ..FULL
    };
    let taken = begin(&stage, &later).await;
    assert_eq!(taken.started_at, first.started_at);
    assert_eq!(
        taken.mark,
        Some(mark),
        "what the first process took before it read anything"
    );
    let resumed = taken.resumed.unwrap();
    assert_eq!((resumed.takeovers, &resumed.scope_list), (1, &goes_on));
    let closed = |name: &str, outcome| ClosedScope {
        scope: team(name),
        outcome,
    };
    assert_eq!(
        resumed.closed,
        [
            closed("a", ScopeOutcome::Listed),
            closed("d", unread()),
            closed("e", ScopeOutcome::Listed),
            closed("f", mirror),
        ]
    );
    let open = |name: &str, cursor: Option<&str>| OpenScope {
        scope: team(name),
        cursor: cursor.map(Cursor::new),
    };
    assert_eq!(resumed.open, [open("b", Some("2")), open("c", None)]);

    // What the list says again of a scope that is known is passed over.
    let run = &taken.ticket;
    let again = [named("a", None), named("g", None)];
    stage
        .inventory
        .store_scopes(run, &again, &ScopeList::Read)
        .await
        .unwrap();
    stage.clock.advance(LEASE);
    let resumed = begin(&stage, &FULL).await.resumed.unwrap();
    assert_eq!(
        (resumed.takeovers, resumed.scope_list),
        (2, ScopeList::Read)
    );
    let left = [open("b", Some("2")), open("c", None), open("g", None)];
    assert_eq!((resumed.closed.len(), &resumed.open[..]), (4, &left[..]));
}

pub(crate) async fn a_run_begins_anew_after_twelve_hours_or_as_another_kind(stage: Stage) {
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    let first = begin(&stage, &FULL).await.ticket;
    store(&stage, &first, &team("a"), &[], None).await;
    stage.clock.advance(hours(12) - Duration::from_nanos(1));
    let taken = begin(&stage, &FULL).await.ticket;
    assert_eq!(taken.run, first.run);
    stage
        .inventory
        .renew_run(&taken, stage.clock.now())
        .await
        .unwrap();
    stage.clock.advance(Duration::from_nanos(1));
    let second = begin(&stage, &FULL).await;
    assert!(second.ticket.run > first.run);
    assert_eq!(second.resumed, None);

    stage.clock.advance(LEASE);
    let incremental = run_request(RunKind::Incremental, RunStart::Resume);
    let third = begin(&stage, &incremental).await;
    assert_eq!(third.resumed, None);
    let runs = stage.inventory.runs(PROD, 10).await.unwrap();
    let ended: Vec<_> = runs
        .iter()
        .map(|run| (run.run, run.is_successful()))
        .collect();
    assert_eq!(
        ended,
        [(Some(second.ticket.run), false), (Some(first.run), false)],
        "what was given up is told"
    );
}

pub(crate) async fn a_clock_set_back_does_not_prolong_the_lease_of_a_run(stage: Stage) {
    begin(&stage, &FULL).await;
    let yesterday = stage
        .clock
        .now()
        .saturating_sub(Duration::from_secs(86_400));
    stage.clock.set_wall(yesterday);
    let until = in_progress(stage.inventory.begin_run(&FULL).await);
    assert_eq!(until, yesterday.saturating_add(LEASE));
    stage.clock.advance(LEASE - Duration::from_secs(1));
    assert_eq!(in_progress(stage.inventory.begin_run(&FULL).await), until);
    stage.after(1);
    assert!(begin(&stage, &FULL).await.resumed.is_some());
}

pub(crate) async fn what_vanished_before_a_scope_started_over_is_gone(stage: Stage) {
    let [kept, vanished, other] =
        [(APP, 1), (APP, 2), ("team-b/app", 3)].map(|(name, number)| image(name, number, &["v1"]));
    stage
        .sync(&[kept.clone(), vanished.clone(), other.clone()])
        .await;
    for (cursor, gone) in [(Some("2"), false), (None, true)] {
        let run = begin(&stage, &FULL).await.ticket;
        store(&stage, &run, &team("b"), std::slice::from_ref(&other), None).await;
        stage.close(&run, &team("b"), &ScopeOutcome::Listed).await;
        let both = [kept.clone(), vanished.clone()];
        store(&stage, &run, &team("a"), &both, cursor).await;

        stage.clock.advance(LEASE);
        let run = begin(&stage, &FULL).await.ticket;
        // Where there is a cursor the rest of the scope is empty; where not, it is read anew.
        let rest = if cursor.is_some() {
            &[][..]
        } else {
            std::slice::from_ref(&kept)
        };
        store(&stage, &run, &team("a"), rest, None).await;
        stage.close(&run, &team("a"), &ScopeOutcome::Listed).await;
        let report = stage.finish(&run, Some(Proof::Totals)).await;
        assert_eq!(
            (report.listed, report.unchanged),
            (3, 3),
            "each counts once"
        );
        assert_eq!(report.gone, u64::from(gone), "{cursor:?}");
        let state = stage.state_of(APP, 2).await;
        assert_eq!(state == ImageState::Gone, gone, "{cursor:?}");
        assert_eq!(stage.state_of("team-b/app", 3).await, ImageState::Pending);
    }
}

pub(crate) async fn a_skipped_scope_is_read_anew_by_who_takes_over(stage: Stage) {
    stage
        .sync(&[1, 2].map(|number| image(APP, number, &["v1"])))
        .await;
    let run = begin(&stage, &FULL).await.ticket;
    let seen = [image(APP, 1, &["v1"])];
    store(&stage, &run, &team("a"), &seen, Some("1")).await;
    stage.close(&run, &team("a"), &unread()).await;
    stage.clock.advance(LEASE);
    let taken = begin(&stage, &FULL).await;
    let skipped = ClosedScope {
        scope: team("a"),
        outcome: unread(),
    };
    assert_eq!(taken.resumed.unwrap().closed, [skipped]);
    let run = taken.ticket;
    store(&stage, &run, &team("a"), &[image(APP, 2, &["v1"])], None).await;
    stage.close(&run, &team("a"), &ScopeOutcome::Listed).await;
    let report = stage.finish(&run, Some(Proof::Totals)).await;
    assert_eq!((report.gone, report.skipped), (1, 0));
    assert_eq!(stage.state_of(APP, 1).await, ImageState::Gone);
}

async fn incremental(
    stage: &Stage,
    images: &[Image],
    end: RunEnd,
) -> registry_intake::inventory::RunReport {
    let request = run_request(RunKind::Incremental, RunStart::Resume);
    let run = begin(stage, &request).await.ticket;
    stage.store(&run, images).await;
    stage
        .close(&run, &Scope::Registry, &ScopeOutcome::Listed)
        .await;
    stage.inventory.finish_run(&run, &end).await.unwrap()
}

pub(crate) async fn an_incremental_run_marks_nothing_as_gone_and_is_no_complete_run(stage: Stage) {
    let page = [1, 2].map(|number| image(APP, number, &["v1"]));
    let full = stage.sync_with(Proof::ReadTwice, &page).await;
    assert_eq!(stage.sync_with(Proof::ReadTwice, &page[1..]).await.held, 1);
    for proof in [Proof::Totals, Proof::ReadTwice] {
        let report = incremental(&stage, &page[1..], run_end(Some(proof))).await;
        assert_eq!((report.gone, report.held, report.unchanged), (0, 0, 1));
        assert!(report.is_successful() && !report.is_complete());
    }
    let summary = stage.inventory.integrations().await.unwrap().remove(0);
    assert_eq!(summary.last_run.unwrap().kind, RunKind::Incremental);
    assert!(summary.last_complete_run.unwrap().run > full.run);
    assert_eq!(summary.held, 1, "what is held stays so");
    let second = stage.sync_with(Proof::ReadTwice, &page[1..]).await;
    assert_eq!(
        (second.gone, second.held),
        (1, 0),
        "nor does it break the row"
    );
}

pub(crate) async fn what_an_incremental_run_sees_is_not_missing(stage: Stage) {
    let page = [image(APP, 1, &["v1"])];
    stage.sync_with(Proof::ReadTwice, &page).await;
    stage.sync_with(Proof::ReadTwice, &[]).await;
    incremental(&stage, &page, run_end(None)).await;
    assert_eq!(stage.inventory.integrations().await.unwrap()[0].held, 0);
    let report = stage.sync_with(Proof::ReadTwice, &[]).await;
    assert_eq!((report.gone, report.held), (0, 1), "the row begins anew");
}

pub(crate) async fn only_a_successful_run_moves_the_change_mark(stage: Stage) {
    let stored = async || {
        stage.inventory.integrations().await.unwrap()[0]
            .change_mark
            .clone()
    };
    let mark = |text: &str| Some(ChangeMark::new(text));
    let full = async |taken: &str, end: RunEnd| {
        let taken = ChangeMark::new(taken);
        let request = RunRequest {
            mark: Some(&taken),
            ..FULL
        };
        let run = begin(&stage, &request).await.ticket;
        stage.inventory.finish_run(&run, &end).await.unwrap();
        stored().await
    };
    let failed = || Some(error_record("one project could not be read"));
    assert_eq!(stored().await, None);
    assert_eq!(full("1", run_end(None)).await, None);
    let unread = RunEnd {
        failure: failed(),
        ..run_end(Some(Proof::Totals))
    };
    assert_eq!(full("2", unread).await, None);
    assert_eq!(full("3", run_end(Some(Proof::Totals))).await, mark("3"));

    let failing = RunEnd {
        mark: mark("4"),
        failure: failed(),
        ..run_end(None)
    };
    assert!(!incremental(&stage, &[], failing).await.is_successful());
    assert_eq!(stored().await, mark("3"));
    incremental(
        &stage,
        &[],
        RunEnd {
            mark: mark("5"),
            ..run_end(None)
        },
    )
    .await;
    assert_eq!(stored().await, mark("5"));
    incremental(&stage, &[], run_end(None)).await;
    assert_eq!(stored().await, mark("5"), "none was told");

    let run = begin(&stage, &FULL).await.ticket;
    let complete = run_end(Some(Proof::Totals));
    stage.inventory.finish_run(&run, &complete).await.unwrap();
    assert_eq!(stored().await, None, "the registry tells none any more");
}

pub(crate) async fn a_move_to_another_registry_forgets_what_was_told_of_the_first(stage: Stage) {
    let end = RunEnd {
        mark: Some(ChangeMark::new("1")),
        ..run_end(Some(Proof::Totals))
    };
    let all: Vec<_> = (1..=40).map(|number| image(APP, number, &["v1"])).collect();
    stage.sync(&all).await;
    let run = begin(&stage, &FULL).await.ticket;
    stage
        .close(&run, &Scope::Registry, &ScopeOutcome::Listed)
        .await;
    assert_eq!(
        stage.inventory.finish_run(&run, &end).await.unwrap().held,
        40
    );
    let unfinished = begin(&stage, &FULL).await.ticket;

    stage.inventory.rehome(&binding(PROD)).await.unwrap();
    let summary = stage.inventory.integrations().await.unwrap().remove(0);
    assert_eq!((summary.held, summary.change_mark), (40, end.mark));
    let mut elsewhere = binding(PROD);
    elsewhere.registry = "other.example.com:443".to_owned();
    stage.inventory.rehome(&elsewhere).await.unwrap();
    let summary = stage.inventory.integrations().await.unwrap().remove(0);
    assert_eq!((summary.held, summary.change_mark), (0, None));
    assert_eq!(summary.open_run, None);
    let late = stage
        .inventory
        .finish_run(&unfinished, &run_end(None))
        .await;
    assert!(
        matches!(late, Err(InventoryError::RunSuperseded { .. })),
        "{late:?}"
    );
    assert_eq!(stage.sync(&[]).await.held, 40, "the row begins anew");
    assert_eq!(stage.sync(&[]).await.gone, 40);
}

pub(crate) async fn a_report_counts_by_reason(stage: Stage) {
    let run = begin(&stage, &FULL).await.ticket;
    let mut chart = image(APP, 3, &["v1"]);
    chart.kind = registry_intake::image::ImageKind::Chart;
    let page = [
        image(APP, 1, &["v1"]),
        image(APP, 2, &[]),
        chart,
        image(APP, 4, &[]),
    ];
    for _ in 0..2 {
        stage.store(&run, &page).await;
    }
    for name in ["b", "c"] {
        stage.close(&run, &team(name), &unread()).await;
    }
    for (name, reason) in [
        ("d", Exclusion::ProxyCache),
        ("e", Exclusion::Filtered),
        ("f", Exclusion::Filtered),
    ] {
        stage
            .close(&run, &team(name), &ScopeOutcome::Excluded(reason))
            .await;
    }
    let end = RunEnd {
        blind_to: vec![registry_intake::image::BlindSpot::Deletions],
        ..run_end(None)
    };
    let report = stage.inventory.finish_run(&run, &end).await.unwrap();
    use registry_intake::inventory::Omission::{NotAnImage, Untagged};
    assert_eq!(report.left_out, [(Untagged, 2), (NotAnImage, 1)].into());
    assert_eq!((report.skipped, report.excluded), (2, 3));
    assert_eq!(
        report.skipped_by,
        [(ErrorCode::RegistryUnavailable, 2)].into()
    );
    let excluded = [(Exclusion::ProxyCache, 1), (Exclusion::Filtered, 2)];
    assert_eq!(report.excluded_by, excluded.into());
    assert_eq!(report.blind_to, end.blind_to);
    assert_eq!(stage.inventory.runs(PROD, 10).await.unwrap(), [report]);
}
