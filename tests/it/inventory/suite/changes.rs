use registry_intake::{
    clock::Timestamp,
    inventory::{Change, ChangeKind},
};

use crate::inventory::stage::{PROD, Stage, digest, image};

const APP: &str = "team-a/app";

async fn told(stage: &Stage) -> Vec<(ChangeKind, String, Vec<String>)> {
    let changes = stage.inventory.changes(PROD, 100).await.unwrap();
    let sequences: Vec<_> = changes.iter().map(|change| change.sequence).collect();
    assert!(
        sequences.is_sorted_by(|one, next| one < next),
        "{sequences:?}"
    );
    let told = |change: Change| {
        let tags = change
            .location
            .tags
            .iter()
            .map(ToString::to_string)
            .collect();
        (change.kind, change.location.repository.to_string(), tags)
    };
    changes.into_iter().map(told).collect()
}

pub(crate) async fn the_sink_is_told_only_of_images_that_it_knows(stage: Stage) {
    let page = |tag: &str| [1, 2, 3, 4].map(|number| image(APP, number, &[tag]));
    stage.sync(&page("a")).await;
    let given_up = stage.granted().await;
    stage.fail(&given_up.lease, None).await;
    stage.ingest().await;
    stage.granted().await;
    stage.sync(&page("b")).await;
    stage.sync(&[]).await;
    let changes = stage.inventory.changes(PROD, 100).await.unwrap();
    let mut about: Vec<_> = changes
        .iter()
        .map(|change| change.location.digest.clone())
        .collect();
    about.sort();
    about.dedup();
    assert_eq!(about, [2, 3].map(digest), "one ingested, one in hand");
    assert_eq!(changes.len(), 4);
}

pub(crate) async fn each_kind_of_change_is_told_in_order_until_it_was_told(stage: Stage) {
    stage.sync(&[image(APP, 1, &["v1"])]).await;
    stage.ingest().await;
    assert_eq!(told(&stage).await, []);

    let mut moved = image(APP, 1, &["v1"]);
    moved.tags[0].pushed_at = Some(Timestamp::UNIX_EPOCH);
    stage.sync(&[moved.clone()]).await;
    assert_eq!(told(&stage).await, [], "the same tags");

    stage.sync(&[image(APP, 1, &["v1", "v2"])]).await;
    stage
        .sync(&[image(APP, 1, &["v1", "v2"]), image("team-b/app", 1, &[])])
        .await;
    stage.sync(&[image("team-b/app", 1, &[])]).await;
    stage
        .sync(&[image(APP, 1, &["v3"]), image("team-b/app", 1, &[])])
        .await;
    let all = [
        (ChangeKind::Retagged, APP, vec!["v1", "v2"]),
        (ChangeKind::LocationAdded, "team-b/app", vec![]),
        (ChangeKind::Gone, APP, vec!["v1", "v2"]),
        (ChangeKind::LocationAdded, APP, vec!["v3"]),
    ]
    .map(|(kind, repository, tags)| {
        let tags = tags.into_iter().map(str::to_owned).collect();
        (kind, repository.to_owned(), tags)
    });
    assert_eq!(told(&stage).await, all);

    let first = stage.inventory.changes(PROD, 2).await.unwrap();
    assert_eq!(first.len(), 2);
    stage
        .inventory
        .changes_told(PROD, first[1].sequence)
        .await
        .unwrap();
    assert_eq!(told(&stage).await, all[2..]);
    stage.inventory.changes_told(PROD, i64::MAX).await.unwrap();
    stage.sync(&[image("team-b/app", 1, &[])]).await;
    let next = stage.inventory.changes(PROD, 10).await.unwrap();
    assert!(
        next[0].sequence > first[1].sequence + 2,
        "numbers are not used again"
    );
}
