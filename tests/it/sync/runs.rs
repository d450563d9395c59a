//! What a run finds, and what it reports.

use super::*;

#[tokio::test]
async fn the_first_run_finds_everything_new_and_counts_its_requests() {
    let stage = Stage::of(contents()).await;
    let report = stage.sync().run().await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.proof, Some(Proof::Totals));
    assert_eq!((report.listed, report.new), (124, 124));
    assert_eq!((report.changed, report.unchanged, report.gone), (0, 0, 0));
    assert_eq!((report.excluded, report.skipped, report.held), (1, 0, 0));
    assert_eq!(report.requests, stage.harbor.log().total());
    assert_eq!(stage.held().await, stage.there());
}

#[tokio::test]
async fn a_run_over_the_same_contents_changes_nothing() {
    let stage = Stage::of(contents()).await;
    let sync = stage.sync();
    sync.run().await.unwrap();
    let report = sync.run().await.unwrap();
    assert_eq!((report.listed, report.unchanged), (124, 124));
    assert_eq!((report.new, report.changed, report.gone), (0, 0, 0));
    let summary = &stage.inventory.integrations().await.unwrap()[0];
    assert_eq!(summary.last_complete_run, Some(report));
    assert_eq!(summary.binding.registry, stage.harbor.address().to_string());
}

#[tokio::test]
async fn pushes_moved_tags_and_deletions_are_told_apart() {
    let stage = Stage::of(contents()).await;
    let sync = stage.sync();
    sync.run().await.unwrap();
    stage.harbor.change(|contents| {
        contents.push("team/new", Push::image().tag("v1"));
        // Takes the tag from the image before: one new, one changed.
        contents.push("library/nginx", Push::image().tag("latest"));
        contents.delete_repository("doomed/two");
    });
    let report = sync.run().await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!((report.new, report.changed), (2, 1));
    assert_eq!((report.gone, report.unchanged), (1, 122));
    assert_eq!(stage.held().await, stage.there());
}

#[tokio::test]
async fn progress_adds_up_to_the_report() {
    let stage = Stage::of(contents()).await;
    let (mut new, mut listed, mut excluded, mut proofs) = (0, Vec::new(), Vec::new(), Vec::new());
    let sync = stage.sync();
    let report = sync.run_observed(|event| match event {
        SyncEvent::Page { changes, .. } => {
            assert!(proofs.is_empty(), "the proof comes last");
            new += changes.new;
        }
        SyncEvent::Listed(scope) => listed.push(scope.to_string()),
        SyncEvent::Excluded(scope, reason) => excluded.push((scope.to_string(), reason)),
        SyncEvent::Proved(proof) => proofs.extend(proof.proof),
        SyncEvent::Begins {
            kind, takeovers, ..
        } => assert_eq!((kind, takeovers), (RunKind::Full, 0)),
        other => panic!("{other:?}"),
    });
    let report = report.await.unwrap();
    listed.sort();
    assert_eq!(new, report.new);
    let scopes = ["doomed", "library", "team"].map(|name| format!("namespace {name}"));
    assert_eq!(listed[..3], scopes);
    assert_eq!(listed[3..], ["registry"]);
    let mirror = ("namespace mirror".to_owned(), Exclusion::ProxyCache);
    assert_eq!((excluded, proofs), (vec![mirror], vec![Proof::Totals]));
}
