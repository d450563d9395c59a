use std::time::Duration;

use registry_intake::{
    clock::Clock,
    image::{Image, ImageKind, Platform, Proof, Scope, TagRecord},
    inventory::{
        ImageState, InventoryError, PageChanges, RunEnd, RunKind, RunRequest, RunStart,
        ScopeOutcome,
    },
};

use crate::inventory::stage::{
    PROD, Stage, binding, digest, error_record, image, noon, run_end, run_request, sightings, tag,
};

const fn changes(new: u64, changed: u64, unchanged: u64) -> PageChanges {
    PageChanges {
        new,
        changed,
        unchanged,
    }
}

pub(crate) async fn a_page_tells_new_changed_and_unchanged_images_apart(stage: Stage) {
    let mut page = vec![
        image("team-a/app", 1, &["v1"]),
        image("team-a/app", 2, &["v2"]),
        image("team-b/app", 3, &[]),
    ];
    let first = stage.begin().await;
    assert_eq!(stage.store(&first, &page).await, changes(3, 0, 0));
    assert_eq!(stage.store(&first, &[]).await, changes(0, 0, 0));
    stage.finish(&first, None).await;

    let second = stage.begin().await;
    assert_eq!(stage.store(&second, &page).await, changes(0, 0, 3));
    stage.finish(&second, None).await;

    let third = stage.begin().await;
    page[0].tags.push(tag("v1.1"));
    page[1].size = None;
    page[2].platforms.push(Platform {
        os: "linux".to_owned(),
        architecture: "arm64".to_owned(),
        variant: None,
        os_version: None,
    });
    page.push(image("team-b/app", 4, &["v4"]));
    assert_eq!(stage.store(&third, &page).await, changes(1, 3, 0));
    let stored = stage.images().await;
    assert_eq!(
        stored.into_iter().map(|s| s.image).collect::<Vec<_>>(),
        page
    );
}

pub(crate) async fn an_image_seen_twice_in_a_run_counts_once(stage: Stage) {
    let run = stage.begin().await;
    let page = [image("team-a/app", 1, &["v1"]), image("team-a/app", 2, &[])];
    let twice = [page.clone(), page.clone()].concat();
    assert_eq!(stage.store(&run, &twice).await, changes(2, 0, 0));
    assert_eq!(stage.store(&run, &page).await, changes(0, 0, 0));
    let retagged = [image("team-a/app", 1, &["v2"])];
    assert_eq!(stage.store(&run, &retagged).await, changes(0, 0, 0));
    assert_eq!(
        stage.images().await[0].image,
        retagged[0],
        "the newer showing is kept"
    );
    let report = stage.finish(&run, None).await;
    assert_eq!((report.listed, report.new), (2, 2));
    assert_eq!(stage.counts().await.pending, 1);
}

pub(crate) async fn every_fact_of_an_image_is_kept(stage: Stage) {
    let full = Image {
        tags: vec![
            TagRecord {
                name: "1.0".parse().unwrap(),
                pushed_at: Some(noon()),
                expires_at: Some(noon().saturating_add(Duration::from_secs(1))),
            },
            tag("latest"),
        ],
        kind: ImageKind::Index,
        media_type: Some("application/vnd.oci.image.index.v1+json".to_owned()),
        size: Some(5_000_000_000),
        platforms: vec![
            Platform {
                os: "windows".to_owned(),
                architecture: "amd64".to_owned(),
                variant: None,
                os_version: Some("10.0.17763.1".to_owned()),
            },
            Platform {
                os: "linux".to_owned(),
                architecture: "arm".to_owned(),
                variant: Some("v7".to_owned()),
                os_version: None,
            },
        ],
        pushed_at: Some(noon().saturating_sub(Duration::from_secs(1))),
        pulled_at: None,
        ..image("2024/it's-\"a\"-%name_é", 1, &[])
    };
    let bare = Image {
        kind: ImageKind::Unknown,
        size: None,
        pushed_at: None,
        pulled_at: None,
        ..image("team-a/app", 2, &["v1"])
    };
    stage.sync(&[full.clone(), bare.clone()]).await;
    let stored = stage.images().await;
    assert_eq!([&stored[0].image, &stored[1].image], [&full, &bare]);
    assert_eq!(stored[0].first_seen_at, noon());
    let claimed = stage.granted().await;
    assert_eq!(
        claimed.lease.digest, bare.digest,
        "an unknown push is as new as its first sight"
    );
    let claimed = stage.granted().await;
    assert_eq!(
        (
            claimed.kind,
            claimed.media_type,
            claimed.size,
            claimed.platforms
        ),
        (full.kind, full.media_type, full.size, full.platforms)
    );
    assert_eq!(claimed.locations[0].repository, full.repository);
    assert_eq!(claimed.locations[0].tags.len(), 2);
}

pub(crate) async fn images_are_listed_in_order_from_any_place_on(stage: Stage) {
    let mut all = Vec::new();
    for repository in ["team-a/app", "team-a/app-2", "team-a/app/sub", "team-b/x"] {
        all.extend((0..5).map(|number| image(repository, number, &["v1"])));
    }
    stage.sync(&all).await;
    all.sort_by_key(|image| (image.repository.clone(), image.digest.clone()));
    for limit in [1, 3, 7, 100] {
        let mut listed: Vec<Image> = Vec::new();
        loop {
            let after = listed.last().map(|last| (&last.repository, &last.digest));
            let page = stage.inventory.images(PROD, after, limit).await.unwrap();
            if page.is_empty() {
                break;
            }
            assert!(page.len() <= limit as usize);
            listed.extend(page.into_iter().map(|stored| stored.image));
        }
        assert_eq!(listed, all, "in pages of {limit}");
    }
}

pub(crate) async fn one_digest_in_three_repositories_is_one_work_item(stage: Stage) {
    let places = ["team-a/app", "team-b/app", "team-c/mirror"];
    let page = places.map(|repository| image(repository, 1, &["v1"]));
    let report = stage.sync(&page).await;
    assert_eq!((report.listed, report.new), (3, 3));
    assert_eq!(stage.counts().await.pending, 1);
    let claimed = stage.ingest().await;
    let locations: Vec<_> = claimed
        .locations
        .iter()
        .map(|l| l.repository.as_str())
        .collect();
    assert_eq!(locations, places);
    for repository in places {
        assert_eq!(stage.state_of(repository, 1).await, ImageState::Ingested);
    }
    stage.sync(&page[1..]).await;
    assert_eq!(stage.state_of("team-a/app", 1).await, ImageState::Gone);
    assert_eq!(stage.state_of("team-b/app", 1).await, ImageState::Ingested);
    assert_eq!(stage.counts().await.ingested, 1);
}

pub(crate) async fn a_superseded_or_ended_run_can_write_nothing(stage: Stage) {
    let ended = stage.begin().await;
    stage.finish(&ended, Some(Proof::Totals)).await;
    let again = stage.inventory.finish_run(&ended, &run_end(None)).await;
    assert!(
        matches!(again, Err(InventoryError::RunSuperseded { .. })),
        "{again:?}"
    );
    let frozen = stage.begin().await;
    let later = stage.begin().await;
    assert!(later.run > frozen.run && frozen.run > ended.run);
    let inventory = &stage.inventory;
    let page = [image("team-a/app", 1, &["v1"])];
    for ticket in [&ended, &frozen] {
        let stored = inventory
            .store_page(ticket, &Scope::Registry, &sightings(&page), None)
            .await;
        let closed = inventory
            .close_scope(ticket, &Scope::Registry, &ScopeOutcome::Listed)
            .await;
        let finished = inventory
            .finish_run(ticket, &run_end(Some(Proof::Totals)))
            .await;
        for refused in [stored.err(), closed.err(), finished.err()] {
            assert!(
                matches!(refused, Some(InventoryError::RunSuperseded { .. })),
                "{refused:?}"
            );
        }
    }
    assert_eq!(stage.images().await, []);
    assert_eq!(stage.store(&later, &page).await, changes(1, 0, 0));
}

pub(crate) async fn a_run_is_reported_with_its_counts(stage: Stage) {
    let run = stage.begin().await;
    stage.store(&run, &[image("team-a/app", 1, &["v1"])]).await;
    let namespace = |name: &str| Scope::Namespace(name.to_owned());
    let skipped = ScopeOutcome::Skipped(error_record("HTTP 500"));
    stage
        .close(&run, &Scope::Registry, &ScopeOutcome::Listed)
        .await;
    stage.close(&run, &namespace("team-b"), &skipped).await;
    stage.close(&run, &namespace("team-c"), &skipped).await;
    let excluded = ScopeOutcome::Excluded(registry_intake::image::Exclusion::ProxyCache);
    stage.close(&run, &namespace("cache"), &excluded).await;
    stage.after(10);
    let end = RunEnd {
        failure: Some(error_record("two projects could not be read")),
        ..run_end(Some(Proof::ReadTwice))
    };
    let report = stage.inventory.finish_run(&run, &end).await.unwrap();
    assert_eq!(report.run, Some(run.run));
    assert_eq!(report.started_at, noon());
    assert_eq!(report.finished_at, stage.clock.now());
    assert_eq!(report.proof, Some(Proof::ReadTwice));
    assert_eq!(
        (report.listed, report.new, report.changed, report.unchanged),
        (1, 1, 0, 0)
    );
    assert_eq!((report.skipped, report.excluded), (2, 1));
    assert_eq!((report.requests, report.elapsed_ms), (12, 345));
    assert_eq!(report.failure, end.failure);

    let summary = stage.inventory.integrations().await.unwrap().remove(0);
    assert_eq!(summary.last_run, Some(report));
    assert_eq!(summary.last_complete_run, None);
    let complete = stage.sync(&[]).await;
    assert!(complete.is_complete());
    let unproved = stage.begin().await;
    let unproved = stage.finish(&unproved, None).await;
    stage.begin().await;
    let summary = stage.inventory.integrations().await.unwrap().remove(0);
    assert_eq!(summary.last_run, Some(unproved));
    assert_eq!(summary.last_complete_run, Some(complete));
}

pub(crate) async fn integrations_do_not_see_each_other(stage: Stage) {
    let inventory = &stage.inventory;
    inventory.bind(&binding("another")).await.unwrap();
    let page = [image("team-a/app", 1, &["v1"])];
    stage.sync(&page).await;
    let request = RunRequest {
        integration: "another",
        ..run_request(RunKind::Full, RunStart::Resume)
    };
    let other = inventory.begin_run(&request).await.unwrap().ticket;
    let stored = inventory
        .store_page(&other, &Scope::Registry, &sightings(&page), None)
        .await;
    assert_eq!(stored.unwrap(), changes(1, 0, 0));
    inventory
        .close_scope(&other, &Scope::Registry, &ScopeOutcome::Listed)
        .await
        .unwrap();
    inventory
        .finish_run(&other, &run_end(Some(Proof::Totals)))
        .await
        .unwrap();
    stage.ingest().await;
    stage.sync(&[]).await;
    let theirs = inventory.images("another", None, 10).await.unwrap();
    assert_eq!(theirs[0].state, ImageState::Pending);
    assert_eq!(theirs[0].image.digest, digest(1));
    let names: Vec<_> = inventory
        .integrations()
        .await
        .unwrap()
        .into_iter()
        .map(|summary| {
            (
                summary.binding.integration,
                summary.images.pending,
                summary.images.gone,
            )
        })
        .collect();
    assert_eq!(
        names,
        [("another".to_owned(), 1, 0), (PROD.to_owned(), 0, 1)]
    );
}
