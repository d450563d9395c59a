//! Runs that read what has changed.

use registry_intake::{image::BlindSpot, sync::FallBack};

use super::{
    mortal::{Death, dies},
    *,
};

impl Stage {
    fn incremental(&self) -> InventorySync {
        self.sync().with_kind(RunKind::Incremental)
    }

    /// An incremental run, and why a full one was done in its place.
    async fn read_changes(&self) -> (RunReport, Option<FallBack>) {
        let reason = Mutex::new(None);
        let sync = self.incremental();
        let report = sync.run_observed(|event| {
            if let SyncEvent::FallsBack(why) = event {
                *reason.lock().unwrap() = Some(why);
            }
        });
        let report = report.await.unwrap();
        assert!(report.is_successful(), "{report:?}");
        let reason = *reason.lock().unwrap();
        (report, reason)
    }
}

fn wide() -> Contents {
    let mut contents = contents();
    for number in 0..150 {
        let path = format!("team/app-{number}");
        contents.push(&path, Push::image().tag("1"));
    }
    contents
}

#[tokio::test]
async fn an_incremental_run_costs_what_has_changed_and_says_what_it_cannot_see() {
    for release in [Release::V2_12, Release::V2_15] {
        let stage = Stage::on(release, wide()).await;
        let full = stage.sync().run().await.unwrap();
        assert!(full.is_complete(), "{full:?}");
        stage.harbor.change(change);
        let before = stage.harbor.log().total();
        let (report, reason) = stage.read_changes().await;
        assert_eq!(
            (report.kind, reason),
            (RunKind::Incremental, None),
            "{release}"
        );
        assert_eq!(report.requests, stage.harbor.log().total() - before);
        // One page of changes, two changed repositories, and five.
        assert!(
            report.requests <= 1 + 2 + 5,
            "{release}: {}",
            report.requests
        );
        assert!(
            report.blind_to.contains(&BlindSpot::Deletions),
            "{report:?}"
        );
        assert_eq!(
            (report.new, report.changed, report.gone),
            (2, 1, 0),
            "{release}"
        );
        let summary = stage.inventory.integrations().await.unwrap().remove(0);
        assert_eq!(summary.last_complete_run, Some(full), "{release}");

        let (nothing, _) = stage.read_changes().await;
        assert_eq!((nothing.new, nothing.changed), (0, 0), "{release}");
        let full = stage.sync().run().await.unwrap();
        assert_eq!((full.new, full.changed, full.gone), (0, 0, 1), "{release}");
        assert_eq!(stage.held().await, stage.there());
    }
}

#[tokio::test]
async fn without_a_mark_a_full_run_is_done() {
    let stage = Stage::of(contents()).await;
    let (report, reason) = stage.read_changes().await;
    assert_eq!(reason, Some(FallBack::NoMark));
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(stage.read_changes().await.1, None);
}

#[tokio::test]
async fn what_the_registry_has_forgotten_is_read_fully() {
    let stage = Stage::on(Release::V2_12, contents()).await;
    stage.sync().run().await.unwrap();
    stage.harbor.change(|contents| {
        change(contents);
        contents.purge_audit_log();
    });
    let (report, reason) = stage.read_changes().await;
    assert_eq!(
        (report.kind, reason),
        (RunKind::Full, Some(FallBack::NotTold))
    );
    assert_eq!(stage.held().await, stage.there());
}

#[tokio::test]
async fn what_contradicts_itself_is_read_fully_and_the_failed_run_is_reported_too() {
    let stage = Stage::on(Release::V2_12, contents()).await;
    stage.sync().run().await.unwrap();
    stage.harbor.change(change);
    let nonsense = Fault::new(Action::Html).on_path("audit-logs").times(1);
    stage.harbor.faults().arm(nonsense);
    let (report, reason) = stage.read_changes().await;
    assert!(report.is_complete(), "{report:?}");
    assert!(reason.is_some());
    assert_eq!(stage.held().await, stage.there());
}

#[tokio::test]
async fn a_registry_that_does_not_answer_is_a_failed_run_and_no_reason_for_a_full_one() {
    let stage = Stage::of(contents()).await;
    stage.sync().run().await.unwrap();
    stage.harbor.faults().arm(Fault::new(Action::status(500)));
    let report = stage.incremental().run().await.unwrap();
    assert_eq!(report.kind, RunKind::Incremental);
    assert_eq!(report.failure.unwrap().code, ErrorCode::RegistryUnavailable);
    stage.harbor.faults().clear();
    stage.harbor.change(change);
    let (report, reason) = stage.read_changes().await;
    assert_eq!((report.new, reason), (2, None));
}

#[tokio::test]
async fn an_unfinished_full_run_is_gone_on_with_first() {
    let stage = Stage::of(contents()).await;
    stage.sync().run().await.unwrap();
    stage.harbor.change(change);
    assert!(dies(&stage, Death::After(4), |sync| sync).await);
    stage.pass_lease();
    let (report, reason) = stage.read_changes().await;
    assert_eq!(reason, Some(FallBack::FullRunUnfinished));
    assert_eq!((report.takeovers, report.is_complete()), (1, true));
    assert_eq!(stage.held().await, stage.there());
}

#[tokio::test]
async fn what_changes_behind_a_killed_run_is_told_by_the_next_incremental_one() {
    for release in [Release::V2_12, Release::V2_15] {
        let stage = Stage::on(release, contents()).await;
        stage.sync().run().await.unwrap();
        assert!(dies(&stage, Death::AtTheEnd, |sync| sync).await);
        stage.harbor.change(|contents| {
            contents.push("library/nginx", Push::image().tag("late"));
        });
        stage.pass_lease();
        let report = stage.sync().run().await.unwrap();
        assert_eq!((report.takeovers, report.new), (1, 0), "{report:?}");
        let (report, reason) = stage.read_changes().await;
        assert_eq!((report.new, reason), (1, None), "{release}");
        assert_eq!(stage.held().await, stage.there());
    }
}

#[tokio::test]
async fn a_killed_incremental_run_goes_on() {
    for release in [Release::V2_12, Release::V2_15] {
        let mut killed = 0;
        loop {
            let stage = Stage::on(release, contents()).await;
            stage.sync().run().await.unwrap();
            stage.harbor.change(change);
            let incremental = |sync: InventorySync| sync.with_kind(RunKind::Incremental);
            if !dies(&stage, Death::After(killed + 1), incremental).await {
                break;
            }
            killed += 1;
            stage.harbor.change(|contents| {
                contents.push("team/new", Push::image().tag("v2"));
            });
            stage.pass_lease();
            // What was pushed behind it is told by this one or by the next.
            let (first, _) = stage.read_changes().await;
            let (second, _) = stage.read_changes().await;
            let new = first.new + second.new;
            assert!(
                new == 3 || first.takeovers == 0,
                "{release} {killed}: {new}"
            );
            let full = stage.sync().run().await.unwrap();
            assert_eq!(
                (full.new, full.changed, full.gone),
                (0, 0, 1),
                "{release} {killed}"
            );
            assert_eq!(stage.held().await, stage.there());
        }
        assert!(killed > 3, "{killed} writes");
    }
}
