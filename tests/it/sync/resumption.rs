//! Runs that break off, and runs that are overtaken.

use registry_intake::inventory::{BegunRun, OpenRun};

use super::{
    mortal::{Death, dies, dies_as},
    *,
};

/// Notified when the artifacts of a project are asked for.
fn asked_for_artifacts(harbor: &HarborV2) -> Arc<Notify> {
    let asked = Arc::new(Notify::new());
    let hook = Arc::clone(&asked);
    harbor.before_request(move |_, target, _| {
        if target.contains("/artifacts") {
            hook.notify_one();
        }
    });
    asked
}

/// Runs until the registry is asked for something that it answers never.
async fn run_into_a_hang(stage: &Stage, sync: &InventorySync) {
    let asked = asked_for_artifacts(&stage.harbor);
    let hang = Fault::new(Action::Hang).on_path("/artifacts");
    stage.harbor.faults().arm(hang);
    match select(pin!(asked.notified()), pin!(sync.run())).await {
        Either::Left(_) => stage.harbor.faults().clear(),
        Either::Right((end, _)) => panic!("the run ended: {end:?}"),
    }
}

/// Begins a run anew, as another process.
async fn overtake(stage: &Stage) -> BegunRun {
    let anew = RunRequest {
        integration: NAME,
        kind: RunKind::Full,
        lease: InventorySync::LEASE,
        start: RunStart::Anew,
        mark: None,
    };
    stage.inventory.begin_run(&anew).await.unwrap()
}

fn is_superseded(run: &Result<RunReport, SyncError>) -> bool {
    let superseded = |error: &SyncError| {
        matches!(
            error,
            SyncError::Inventory(InventoryError::RunSuperseded { .. })
        )
    };
    run.as_ref().is_err_and(superseded)
}

fn counts(report: &RunReport) -> [u64; 8] {
    [
        report.listed,
        report.new,
        report.changed,
        report.unchanged,
        report.gone,
        report.held,
        report.skipped,
        report.excluded,
    ]
}

#[tokio::test]
async fn wherever_a_run_is_killed_it_goes_on_and_ends_as_if_nothing_had_happened() {
    for death in [Death::Before, Death::After] {
        let mut killed = 0;
        loop {
            let stage = Stage::of(contents()).await;
            stage.sync().run().await.unwrap();
            let before = stage.held().await;
            stage.harbor.change(change);
            if !dies(&stage, death(killed + 1), |sync| sync).await {
                break;
            }
            killed += 1;
            let in_between = stage.held().await;
            let open = stage.inventory.integrations().await.unwrap()[0].open_run;
            if open.is_some() {
                let gone = before.keys().find(|place| !in_between.contains_key(*place));
                assert_eq!(gone, None, "killed at write {killed}");
            }
            stage.pass_lease();
            let report = stage.sync().run().await.unwrap();
            assert!(report.is_complete(), "{report:?}");
            assert_eq!(
                stage.held().await,
                stage.there(),
                "killed at write {killed}"
            );
            assert_eq!(report.takeovers, u32::from(open.is_some()), "{report:?}");
            if open.is_some() {
                assert_eq!(counts(&report), [125, 2, 1, 122, 1, 0, 0, 1], "{killed}");
            }
        }
        assert!(killed > 10, "{killed} writes");
    }
}

#[tokio::test]
async fn a_run_that_goes_on_is_proved_as_one_that_ran_through() {
    let stage = Stage::of(contents()).await;
    let robot = || as_robot(&stage.harbor);
    stage.sync_by(robot()).run().await.unwrap();
    stage.harbor.change(change);
    assert!(dies_as(&stage, robot(), Death::After(5), |sync| sync).await);
    stage.pass_lease();
    let report = stage.sync_by(robot()).run().await.unwrap();
    assert_eq!(
        (report.proof, report.takeovers),
        (Some(Proof::ReadTwice), 1)
    );
    // One reading twice is not yet two complete runs.
    assert_eq!((report.gone, report.held), (0, 1));
    assert_eq!(stage.sync_by(robot()).run().await.unwrap().gone, 1);
    assert_eq!(stage.held().await, stage.there());
}

#[tokio::test]
async fn what_was_read_is_not_read_again_and_an_open_scope_goes_on_from_its_cursor() {
    let stage = Stage::of(contents()).await;
    let one_by_one = || as_admin(&stage.harbor).requests_in_flight(1);
    // The name, the run, the only page of one project and its end, the first page of another.
    assert!(dies_as(&stage, one_by_one(), Death::After(6), |sync| sync).await);
    let artifacts = |number: u64| format!("/api/v2.0/projects/{number}/artifacts");
    stage.harbor.log().reset();
    stage.pass_lease();
    let report = stage.sync_by(one_by_one()).run().await.unwrap();
    assert_eq!(
        (report.is_complete(), report.new),
        (true, 124),
        "{report:?}"
    );
    let log = stage.harbor.log();
    // Asked once to find out how the server lists, and not to read it again.
    assert_eq!(log.of_path(&artifacts(1)), 1);
    let of_team = log.recent().into_iter();
    let of_team: Vec<_> = of_team
        .filter(|request| request.target.starts_with(&artifacts(2)))
        .collect();
    assert_eq!(of_team.len(), 1, "{of_team:?}");
    assert!(!of_team[0].target.contains("%5B1~"), "{of_team:?}");
    assert_eq!(stage.held().await, stage.there());
}

#[tokio::test]
async fn a_run_that_is_older_than_twelve_hours_is_begun_anew() {
    for (hours, takeovers) in [(11, 1), (12, 0)] {
        let stage = Stage::of(contents()).await;
        stage.sync().run().await.unwrap();
        stage.harbor.change(change);
        assert!(dies(&stage, Death::AtTheEnd, |sync| sync).await);
        stage.time.advance(Duration::from_secs(hours * 3600));
        stage.harbor.log().reset();
        let report = stage.sync().run().await.unwrap();
        assert_eq!(
            (report.takeovers, report.is_complete()),
            (takeovers, true),
            "{hours}"
        );
        let read = stage.harbor.log().of_path("/api/v2.0/projects/3/artifacts");
        assert_eq!(read, u64::from(takeovers == 0), "{hours}");
        assert_eq!(stage.held().await, stage.there());
        let runs = stage.inventory.runs(NAME, 10).await.unwrap();
        // What was given up is told.
        assert_eq!(runs.len(), if takeovers == 1 { 2 } else { 3 }, "{hours}");
    }
}

#[tokio::test]
async fn a_scope_that_vanishes_while_nobody_reads_is_gone_in_the_next_run() {
    let stage = Stage::of(contents()).await;
    stage.sync().run().await.unwrap();
    let mortal = as_admin(&stage.harbor).requests_in_flight(1);
    let doomed = Fault::new(Action::status(500)).on_path("/projects/3/artifacts");
    stage.harbor.faults().arm(doomed);
    // Dies with the project told as unreadable, before the end.
    assert!(dies_as(&stage, mortal, Death::After(8), |sync| sync).await);
    stage.harbor.faults().clear();
    stage
        .harbor
        .change(|contents| contents.delete_project("doomed"));
    stage.pass_lease();
    let report = stage.sync().run().await.unwrap();
    assert_eq!((report.is_complete(), report.takeovers), (true, 1));
    assert_eq!((report.gone, report.skipped), (0, 1), "{report:?}");
    assert_eq!(stage.sync().run().await.unwrap().gone, 2);
    assert_eq!(stage.held().await, stage.there());
}

#[tokio::test]
async fn a_run_at_work_is_left_alone_until_its_lease_has_ended() {
    let stage = Stage::of(contents()).await;
    stage.sync().run().await.unwrap();
    run_into_a_hang(&stage, &stage.sync()).await;
    let refused = stage.sync().run().await.unwrap_err();
    let SyncError::Inventory(InventoryError::RunInProgress { until, .. }) = refused else {
        panic!("{refused:?}");
    };
    let lease_end = stage.time.now().saturating_add(InventorySync::LEASE);
    assert_eq!(until, lease_end);
    stage.pass_lease();
    assert_eq!(stage.sync().run().await.unwrap().takeovers, 1);
}

#[tokio::test]
async fn a_run_that_waits_for_its_registry_stays_alive_and_ends_when_it_is_overtaken() {
    let stage = Stage::of(contents()).await;
    stage.sync().run().await.unwrap();
    let asked = asked_for_artifacts(&stage.harbor);
    let slow = as_admin(&stage.harbor).read_timeout(Duration::from_secs(60));
    stage
        .harbor
        .faults()
        .arm(Fault::new(Action::Hang).on_path("/artifacts"));
    let sync = stage.sync_by(slow);
    let others = async {
        asked.notified().await;
        for _ in 0..6 {
            let renewed = stage.time.now();
            while stage.time.sleepers() == 0 {
                tokio::task::yield_now().await;
            }
            stage.time.advance(InventorySync::LEASE / 3);
            while open_run(&stage)
                .await
                .is_none_or(|run| run.lease_until <= renewed.saturating_add(InventorySync::LEASE))
            {
                tokio::task::yield_now().await;
            }
        }
        overtake(&stage).await;
        while stage.time.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        stage.time.advance(InventorySync::LEASE / 3);
    };
    let (run, ()) = join(sync.run(), others).await;
    assert!(is_superseded(&run), "{run:?}");
}

async fn open_run(stage: &Stage) -> Option<OpenRun> {
    let known = stage.inventory.integrations().await.unwrap();
    known.first().and_then(|known| known.open_run)
}

#[tokio::test]
async fn a_dropped_run_marks_nothing_and_the_next_goes_on_with_it() {
    let stage = Stage::of(contents()).await;
    let sync = stage.sync();
    sync.run().await.unwrap();
    let before = stage.held().await;
    stage
        .harbor
        .change(|contents| contents.delete_project("doomed"));
    run_into_a_hang(&stage, &sync).await;
    assert_eq!(stage.held().await, before);
    stage.pass_lease();
    let report = sync.run().await.unwrap();
    assert_eq!((report.is_complete(), report.gone), (true, 2));
    assert_eq!(report.takeovers, 1);
}

#[tokio::test]
async fn a_run_that_was_overtaken_writes_nothing_more() {
    // Answers come when this clock has moved on, the first page after the later run has begun.
    let time = ManualClock::at(Timestamp::UNIX_EPOCH);
    let builder = HarborV2::builder().contents(contents());
    let harbor = builder.clock(Arc::new(time.clone())).start().await;
    let clock = jumping_clock();
    let inventory = SqliteInventory::in_memory(Arc::clone(&clock)).await;
    let stage = Stage {
        harbor: harbor.unwrap(),
        clock,
        time: ManualClock::at(Timestamp::UNIX_EPOCH),
        inventory: Arc::new(inventory.unwrap()),
    };
    let binding = Binding {
        integration: NAME.to_owned(),
        kind: RegistryKind::HarborV2,
        registry: stage.harbor.address().to_string(),
    };
    stage.inventory.bind(&binding).await.unwrap();
    let second = Duration::from_secs(1);
    let slow = Fault::new(Action::Delay(second)).on_path("/artifacts");
    stage.harbor.faults().arm(slow);
    let overtaken = asked_for_artifacts(&stage.harbor);
    let later = async {
        overtaken.notified().await;
        let later = overtake(&stage).await;
        stage.harbor.faults().clear();
        while time.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        time.advance(second);
        later
    };
    let sync = stage.sync();
    let (earlier, later) = join(sync.run(), later).await;
    assert!(is_superseded(&earlier), "{earlier:?}");
    assert_eq!(stage.held().await, Held::new());
    assert_eq!(later.ticket.integration, NAME);
}
