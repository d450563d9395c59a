use std::{num::NonZeroU32, time::Duration};

use registry_intake::{
    clock::Clock,
    error::ErrorCode,
    image::Proof,
    inventory::{
        Binding, Claim, ImageState, InventoryError, LaneCounts, Paused, QueueStatus, RunKind,
        RunStart,
    },
    pace::Pace,
};

use crate::inventory::stage::{
    LEASE, PROD, Stage, binding, digest, granted, image, run_end, run_request,
};

const APP: &str = "team-a/app";
const NOTHING: Claim = Claim::Idle {
    lease_ends_at: None,
};

fn per_hour(images: u32) -> Pace {
    Pace::Spread(NonZeroU32::new(images).unwrap())
}

pub(crate) async fn an_image_resolved_by_hand_is_scanned_before_any_sync(stage: Stage) {
    let fresh = Binding {
        integration: "fresh".to_owned(),
        ..binding(PROD)
    };
    let found = image(APP, 1, &["v1"]);
    stage.inventory.admit(&fresh, &found).await.unwrap();
    assert!(stage.inventory.is_bound(&fresh).await.unwrap());
    let pace = Pace::Unlimited;
    let mut request = crate::inventory::stage::claim_request(&pace);
    request.integration = "fresh";
    let claimed = granted(stage.inventory.claim(&request).await.unwrap());
    assert_eq!(claimed.lease.digest, found.digest);
    assert_eq!(claimed.locations[0].tags, ["v1".parse().unwrap()]);
    let elsewhere = Binding {
        registry: "other.example.com".to_owned(),
        ..fresh
    };
    let refused = stage.inventory.admit(&elsewhere, &found).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::IntegrationRebound);
}

pub(crate) async fn an_admitted_image_comes_first_and_what_is_known_of_it_stays(stage: Stage) {
    let known = image(APP, 1, &["v1", "v2"]);
    stage
        .sync(&[
            known.clone(),
            image(APP, 2, &["v1"]),
            image(APP, 3, &["v1"]),
        ])
        .await;
    stage.ingest().await;
    stage.sync(&[known.clone(), image(APP, 2, &["v1"])]).await;
    // Not seen by the last run, known with more tags, in hand already, and new without a tag.
    for admitted in [
        image(APP, 3, &["v9"]),
        image(APP, 1, &["v2"]),
        image("team-b/app", 4, &[]),
    ] {
        stage
            .inventory
            .admit(&binding(PROD), &admitted)
            .await
            .unwrap();
        stage.after(1);
    }
    let stored = stage.images().await;
    assert_eq!(stored[0].image, known);
    assert_eq!(
        stored[2].image.tags,
        image(APP, 3, &["v9"]).tags,
        "it is back"
    );
    let mut order = Vec::new();
    while let Claim::Granted(claimed) = stage.claim().await {
        stage.acknowledge(&claimed.lease).await;
        order.push(claimed.lease.digest);
    }
    assert_eq!(order, [3, 1, 4, 2].map(digest));
}

pub(crate) async fn a_run_under_way_does_not_take_away_what_was_admitted(stage: Stage) {
    let run = stage.begin().await;
    stage
        .close(
            &run,
            &registry_intake::image::Scope::Registry,
            &registry_intake::inventory::ScopeOutcome::Listed,
        )
        .await;
    stage
        .inventory
        .admit(&binding(PROD), &image(APP, 1, &["v1"]))
        .await
        .unwrap();
    let report = stage.finish(&run, Some(Proof::Totals)).await;
    assert_eq!((report.gone, report.held), (0, 0));
    assert_eq!(stage.sync(&[]).await.gone, 1, "the next one does");
}

pub(crate) async fn parked_images_are_queued_again_on_request(stage: Stage) {
    stage
        .sync(&[1, 2, 3].map(|number| image(APP, number, &["v1"])))
        .await;
    let mut leases = Vec::new();
    for _ in 0..2 {
        let claimed = stage.granted().await;
        stage.fail(&claimed.lease, None).await;
        leases.push(claimed.lease);
    }
    let requeue = async |number: Option<u32>| {
        let digest = number.map(digest);
        let requeued = stage.inventory.requeue(PROD, digest.as_ref());
        requeued.await.unwrap()
    };
    assert_eq!(requeue(Some(1)).await, 0, "it is not parked");
    assert_eq!(requeue(Some(3)).await, 1);
    assert_eq!(stage.counts().await.parked, 1);
    assert_eq!(requeue(None).await, 1);
    assert_eq!(requeue(None).await, 0);
    assert_eq!(stage.inventory.requeue("nobody", None).await.unwrap(), 0);
    assert!(stage.inventory.acknowledge(&leases[0]).await.is_err());
    for number in [3, 2, 1] {
        let claimed = stage.ingest().await;
        assert_eq!((claimed.lease.digest, claimed.attempt), (digest(number), 1));
    }
}

pub(crate) async fn a_paused_integration_grants_nothing_until_it_is_resumed(stage: Stage) {
    stage
        .sync(&[1, 2].map(|number| image(APP, number, &["v1"])))
        .await;
    let in_hand = stage.granted().await;
    let pause = async |sync, ingestion| {
        let paused = Paused { sync, ingestion };
        stage.inventory.set_paused(PROD, paused).await.unwrap();
        assert_eq!(
            stage.inventory.integrations().await.unwrap()[0].paused,
            paused
        );
    };
    pause(false, true).await;
    assert_eq!(stage.claim().await, Claim::Paused);
    stage.acknowledge(&in_hand.lease).await;
    assert_eq!(stage.claim().await, Claim::Paused);
    let status = stage
        .inventory
        .queue_status(PROD, &Pace::Unlimited, None)
        .await
        .unwrap();
    assert!(status.paused.ingestion);
    assert_eq!(status.pending.total(), 1);
    pause(true, false).await;
    assert_eq!(stage.ingest().await.lease.digest, digest(1));
    let unknown = stage
        .inventory
        .set_paused("nobody", Paused::default())
        .await;
    assert!(
        matches!(unknown, Err(InventoryError::UnknownIntegration { .. })),
        "{unknown:?}"
    );
}

async fn status(stage: &Stage, pace: Pace, rescan_after: Option<Duration>) -> QueueStatus {
    let inventory = &stage.inventory;
    inventory
        .queue_status(PROD, &pace, rescan_after)
        .await
        .unwrap()
}

pub(crate) async fn the_queue_is_told_by_lane(stage: Stage) {
    let ten = per_hour(10);
    let day = Duration::from_secs(86_400);
    assert_eq!(status(&stage, ten, Some(day)).await, QueueStatus::default());
    let mut page: Vec<_> = (1..=6).map(|number| image(APP, number, &["v1"])).collect();
    page.push(image(APP, 7, &[]));
    stage.sync(&page).await;
    let since = stage.clock.now();
    let lanes = |requested, ordinary, rescans| {
        let mut lanes = LaneCounts::default();
        (lanes.requested, lanes.ordinary, lanes.rescans) = (requested, ordinary, rescans);
        lanes
    };
    let found = status(&stage, ten, None).await;
    assert_eq!(
        (found.pending, found.oldest_pending),
        (lanes(0, 6, 0), Some(since))
    );
    assert_eq!((found.next_grant, found.next_rescan), (Some(since), None));

    stage.ingest().await;
    let parked = stage.granted().await;
    stage.fail(&parked.lease, None).await;
    stage.granted().await;
    stage.request(&digest(1)).await;
    stage.request(&digest(7)).await;
    let found = status(&stage, ten, Some(day)).await;
    assert_eq!(
        (found.pending, found.in_hand, found.parked),
        (lanes(2, 2, 0), 1, 1)
    );
    assert_eq!(found.next_rescan, Some(since.saturating_add(day)));
    stage.clock.advance(day);
    let found = status(&stage, ten, Some(day)).await;
    assert_eq!((found.pending, found.next_rescan), (lanes(2, 2, 1), None));
    let unknown = stage.inventory.queue_status("nobody", &ten, None).await;
    assert!(
        matches!(unknown, Err(InventoryError::UnknownIntegration { .. })),
        "{unknown:?}"
    );
}

pub(crate) async fn the_next_grant_is_told_for_any_pace(stage: Stage) {
    stage
        .sync(&[1, 2].map(|number| image(APP, number, &["v1"])))
        .await;
    let start = stage.clock.now();
    let first = granted(stage.claim_at(per_hour(10)).await);
    stage.acknowledge(&first.lease).await;
    stage.after(90);
    let seconds = |count| Some(start.saturating_add(Duration::from_secs(count)));
    for (pace, next) in [
        (per_hour(10), 360),
        (per_hour(20), 90 + 135),
        (Pace::Unlimited, 90),
    ] {
        for _ in 0..2 {
            let found = status(&stage, pace, None).await;
            assert_eq!(found.next_grant, seconds(next), "{pace:?}");
        }
    }
    let claimed = granted(stage.claim().await);
    stage
        .fail(&claimed.lease, Some(Duration::from_secs(1000)))
        .await;
    let found = status(&stage, Pace::Unlimited, None).await;
    assert_eq!(found.next_grant, seconds(1090), "a retry's pause");
    stage.after(1000);
    let claimed = granted(stage.claim().await);
    stage.acknowledge(&claimed.lease).await;
    assert_eq!(status(&stage, Pace::Unlimited, None).await.next_grant, None);
}

pub(crate) async fn a_removed_integration_leaves_nothing_and_its_name_is_free(stage: Stage) {
    let inventory = &stage.inventory;
    inventory.bind(&binding("another")).await.unwrap();
    let page: Vec<_> = (1..=3000)
        .map(|number| image(&format!("team-{}/app", number % 3), number, &["v1"]))
        .collect();
    stage.sync(&page).await;
    let claimed = stage.granted().await;
    stage.acknowledge(&stage.granted().await.lease).await;
    stage.sync(&page[..2000]).await;
    let run = stage.begin().await;
    assert!(!inventory.remove("nobody").await.unwrap());
    assert!(inventory.remove(PROD).await.unwrap());
    assert!(!inventory.remove(PROD).await.unwrap());

    let names: Vec<_> = inventory.integrations().await.unwrap();
    assert_eq!(names.len(), 1);
    assert_eq!(stage.images().await, []);
    let late = inventory.acknowledge(&claimed.lease).await;
    assert!(
        matches!(late, Err(InventoryError::LeaseLost { .. })),
        "{late:?}"
    );
    let late = inventory
        .finish_run(&run, &run_end(Some(Proof::Totals)))
        .await;
    assert!(
        matches!(late, Err(InventoryError::RunSuperseded { .. })),
        "{late:?}"
    );
    let request = run_request(RunKind::Full, RunStart::Resume);
    let unknown = inventory.begin_run(&request).await;
    assert!(
        matches!(unknown, Err(InventoryError::UnknownIntegration { .. })),
        "{unknown:?}"
    );

    let elsewhere = Binding {
        registry: "other.example.com".to_owned(),
        ..binding(PROD)
    };
    inventory.bind(&elsewhere).await.unwrap();
    assert_eq!(stage.claim_at(per_hour(1)).await, NOTHING);
    assert_eq!(inventory.runs(PROD, 10).await.unwrap(), []);
    assert_eq!(stage.sync(&page[..1]).await.new, 1);
    assert_eq!(stage.state_of("team-1/app", 1).await, ImageState::Pending);
    stage.clock.advance(LEASE);
    granted(stage.claim_at(per_hour(1)).await);
}
