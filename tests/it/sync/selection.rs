//! What a selection takes, leaves out, and costs.

use std::num::NonZeroU32;

use registry_intake::{
    config::SpeedLimit,
    inventory::Omission,
    selection::{Patterns, Selection},
};

use super::{
    mortal::{Death, dies},
    *,
};

const NONE: [&str; 0] = [];

fn without_doomed() -> Selection {
    Selection::default().with_namespaces(Patterns::new(NONE, ["doomed"]).unwrap())
}

fn newest(tags: u32) -> Selection {
    Selection::default().with_newest_tags(NonZeroU32::new(tags).unwrap())
}

/// The tags of a repository's images that wait.
async fn waiting(stage: &Stage, repository: &str) -> Vec<String> {
    let stored = stage.inventory.images(NAME, None, 1000).await.unwrap();
    let waiting = stored.into_iter().filter(|stored| {
        stored.state == ImageState::Pending && stored.image.repository.as_str() == repository
    });
    let mut tags: Vec<_> = waiting
        .flat_map(|stored| stored.image.tags)
        .map(|tag| tag.name.to_string())
        .collect();
    tags.sort();
    tags
}

#[tokio::test]
async fn what_is_ruled_out_is_not_asked_for_and_neither_waits_nor_is_gone() {
    let stage = Stage::of(contents()).await;
    stage.sync().run().await.unwrap();
    assert_eq!(waiting(&stage, "doomed/one").await, ["a"]);
    stage.harbor.log().reset();
    let selective = stage.sync().with_selection(without_doomed());
    let report = selective.run().await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(
        stage.harbor.log().of_path("/api/v2.0/projects/3/artifacts"),
        0
    );
    assert_eq!((report.listed, report.gone, report.held), (122, 0, 0));
    let reasons = [(Exclusion::ProxyCache, 1), (Exclusion::Filtered, 1)];
    assert_eq!(report.excluded_by, reasons.into());
    assert_eq!(waiting(&stage, "doomed/one").await, NONE);

    let report = stage.sync().run().await.unwrap();
    assert_eq!((report.listed, report.new, report.changed), (124, 0, 0));
    assert_eq!(waiting(&stage, "doomed/one").await, ["a"]);
}

#[tokio::test]
async fn repositories_and_tags_are_left_out_with_their_reason() {
    let stage = Stage::of(contents()).await;
    let selection = Selection::default()
        .with_repositories(Patterns::new(["team/**", "library/*"], NONE).unwrap())
        .with_tags(Patterns::new(["v1?", "latest"], NONE).unwrap());
    let selective = stage.sync().with_selection(selection);
    let report = selective.run().await.unwrap();
    // The untagged image lies in a repository that is not selected, which is said first.
    let reasons = [(Omission::Repository, 3), (Omission::Tag, 110)];
    assert_eq!(report.left_out, reasons.into());
    assert_eq!(waiting(&stage, "library/nginx").await, ["1.27", "latest"]);
    let teens: Vec<_> = (10..20).map(|number| format!("v{number}")).collect();
    assert_eq!(waiting(&stage, "team/app").await, teens);
}

#[tokio::test]
async fn the_newest_tags_of_a_repository_wait_wherever_its_pages_show_them() {
    let stage = Stage::of(contents()).await;
    let selective = stage.sync().with_selection(newest(2));
    let report = selective.run().await.unwrap();
    assert_eq!((report.listed, report.new), (124, 124));
    assert_eq!(report.left_out[&Omission::Surplus], 118);
    assert_eq!(waiting(&stage, "team/app").await, ["v118", "v119"]);
    assert_eq!(stage.held().await, stage.there());
    stage.harbor.change(|contents| {
        contents.push("team/app", Push::image().tag("v120"));
    });
    for kind in [RunKind::Incremental, RunKind::Full] {
        let report = selective.clone().with_kind(kind).run().await.unwrap();
        assert_eq!((report.kind, report.is_successful()), (kind, true));
        assert_eq!(
            waiting(&stage, "team/app").await,
            ["v119", "v120"],
            "{kind:?}"
        );
    }
}

#[tokio::test]
async fn a_killed_run_decides_the_newest_tags_anew() {
    let mut killed = 0;
    loop {
        let stage = Stage::of(contents()).await;
        let selective = |sync: InventorySync| sync.with_selection(newest(2));
        if !dies(&stage, Death::After(killed + 1), selective).await {
            break;
        }
        killed += 1;
        stage.pass_lease();
        let report = selective(stage.sync()).run().await.unwrap();
        assert!(report.is_complete(), "{report:?}");
        assert_eq!(
            waiting(&stage, "team/app").await,
            ["v118", "v119"],
            "{killed}"
        );
        assert_eq!(stage.held().await, stage.there());
    }
    assert!(killed > 8, "{killed} writes");
}

#[tokio::test]
async fn a_dry_run_tells_what_a_run_would_find_and_cost_and_writes_nothing() {
    let stage = Stage::of(contents()).await;
    let selective = stage
        .sync()
        .with_selection(newest(3).with_namespaces(Patterns::new(NONE, ["doomed"]).unwrap()));
    let found = selective.dry_run().await.unwrap();
    assert_eq!(stage.inventory.integrations().await.unwrap(), []);
    assert_eq!((found.proof, &found.failure), (Some(Proof::Totals), &None));
    // Three of team/app and library/nginx.
    assert_eq!((found.listed, found.selected), (122, 4));
    assert_eq!((found.digests, found.to_ingest), (4, 4));
    let reasons = [(Omission::Untagged, 1), (Omission::Surplus, 117)];
    assert_eq!(found.left_out, reasons.into());
    assert_eq!(found.requests, stage.harbor.log().total());
    let minutes = |minutes: u64| Some(Duration::from_secs(60 * minutes));
    assert_eq!(found.ingestion_time(SpeedLimit::DEFAULT), minutes(24));

    let report = selective.run().await.unwrap();
    assert_eq!(
        (report.listed, &report.left_out),
        (found.listed, &found.left_out)
    );
    assert_eq!(
        (report.excluded_by, report.requests),
        (found.excluded, found.requests)
    );
    let claimed = claim(&stage).await;
    stage.inventory.acknowledge(&claimed).await.unwrap();
    let again = selective.dry_run().await.unwrap();
    assert_eq!((again.digests, again.to_ingest), (4, 3));
}

async fn claim(stage: &Stage) -> Lease {
    let request = ClaimRequest {
        integration: NAME,
        pace: &Pace::Unlimited,
        lease: Duration::from_secs(60),
        rescan_after: None,
        max_attempts: NonZeroU32::MIN,
    };
    match stage.inventory.claim(&request).await.unwrap() {
        Claim::Granted(claimed) => claimed.lease,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_dry_run_of_a_registry_that_breaks_off_says_so() {
    let stage = Stage::of(contents()).await;
    stage
        .harbor
        .faults()
        .arm(Fault::new(Action::status(500)).on_path("/statistics"));
    let found = stage.sync().dry_run().await.unwrap();
    assert_eq!(found.proof, None);
    assert_eq!(found.failure.unwrap().code, ErrorCode::RegistryUnavailable);
}
