use std::{num::NonZeroU32, time::Duration};

use registry_intake::{
    clock::Clock,
    image::Scope,
    inventory::{Claim, ClaimRequest, ImageState, Omission, Sighting},
    pace::Pace,
};

use crate::inventory::stage::{LEASE, Stage, claim_request, digest, granted, image};

const APP: &str = "team-a/app";
const WEEK: Duration = Duration::from_secs(7 * 86_400);
const NOTHING: Claim = Claim::Idle {
    lease_ends_at: None,
};

async fn claim_at(stage: &Stage, pace: Pace) -> Claim {
    let request = ClaimRequest {
        rescan_after: Some(WEEK),
        ..claim_request(&pace)
    };
    stage.inventory.claim(&request).await.unwrap()
}

async fn claim(stage: &Stage) -> Claim {
    claim_at(stage, Pace::Unlimited).await
}

pub(crate) async fn what_was_ingested_is_due_again_after_the_set_time(stage: Stage) {
    stage
        .sync(&[1, 2].map(|number| image(APP, number, &["v1"])))
        .await;
    stage.ingest().await;
    stage.after(60);
    stage.ingest().await;
    stage
        .clock
        .advance(WEEK - Duration::from_secs(60) - Duration::from_nanos(1));
    assert_eq!(claim(&stage).await, NOTHING);
    stage.clock.advance(Duration::from_nanos(1));
    assert_eq!(
        stage.claim().await,
        NOTHING,
        "where no re-scan is asked for there is none"
    );
    let again = granted(claim(&stage).await);
    assert_eq!((&again.lease.digest, again.attempt), (&digest(2), 1));
    assert_eq!(stage.state_of(APP, 2).await, ImageState::InHand);
    assert!(matches!(
        claim(&stage).await,
        Claim::Idle {
            lease_ends_at: Some(_)
        }
    ));
    stage.acknowledge(&again.lease).await;
    let stored = stage.images().await;
    assert_eq!(stored[1].ingested_at, Some(stage.clock.now()));
    assert_eq!(claim(&stage).await, NOTHING);
    stage.after(60);
    assert_eq!(granted(claim(&stage).await).lease.digest, digest(1));
}

pub(crate) async fn rescans_come_last_and_the_longest_ago_first(stage: Stage) {
    stage
        .sync(&[1, 2, 3].map(|number| image(APP, number, &["v1"])))
        .await;
    for _ in 0..3 {
        stage.ingest().await;
        stage.after(1);
    }
    stage.clock.advance(WEEK);
    let page: Vec<_> = (1..=5).map(|number| image(APP, number, &["v1"])).collect();
    stage.sync(&page).await;
    stage.request(&digest(1)).await;
    let mut order = Vec::new();
    while let Claim::Granted(claimed) = claim(&stage).await {
        stage.acknowledge(&claimed.lease).await;
        order.push(claimed.lease.digest);
    }
    assert_eq!(order, [1, 5, 4, 3, 2].map(digest));
}

pub(crate) async fn rescans_spend_the_same_tokens(stage: Stage) {
    let ten = Pace::Spread(NonZeroU32::new(10).unwrap());
    stage.sync(&[image(APP, 1, &["v1"])]).await;
    stage.ingest().await;
    stage.clock.advance(WEEK);
    stage
        .sync(&[image(APP, 1, &["v1"]), image(APP, 2, &["v1"])])
        .await;
    let first = granted(claim_at(&stage, ten).await);
    assert_eq!(first.lease.digest, digest(2));
    let until = stage.clock.now().saturating_add(Duration::from_secs(360));
    assert_eq!(
        claim_at(&stage, ten).await,
        Claim::Wait { until, pending: 0 }
    );
    stage.after(360);
    assert_eq!(granted(claim_at(&stage, ten).await).lease.digest, digest(1));
}

pub(crate) async fn a_failed_rescan_is_tried_again_behind_what_is_new(stage: Stage) {
    stage.sync(&[image(APP, 1, &["v1"])]).await;
    stage.ingest().await;
    stage.clock.advance(WEEK);
    let failed = granted(claim(&stage).await);
    stage
        .fail(&failed.lease, Some(Duration::from_secs(60)))
        .await;
    stage.after(60);
    stage
        .sync(&[image(APP, 1, &["v1"]), image(APP, 2, &["v1"])])
        .await;
    assert_eq!(granted(claim(&stage).await).lease.digest, digest(2));
    let again = granted(stage.claim().await);
    assert_eq!((again.lease.digest, again.attempt), (digest(1), 2));
    stage.clock.advance(LEASE);
    granted(claim(&stage).await);
    granted(claim(&stage).await);
    stage.clock.advance(LEASE);
    granted(claim(&stage).await);
    assert_eq!(
        stage.state_of(APP, 1).await,
        ImageState::Parked,
        "three attempts"
    );
}

pub(crate) async fn what_is_left_out_or_gone_is_not_scanned_again(stage: Stage) {
    let page = [1, 2].map(|number| image(APP, number, &["v1"]));
    stage.sync(&page).await;
    for _ in 0..2 {
        stage.ingest().await;
    }
    stage.sync(&page[1..]).await;
    let run = stage.begin().await;
    let omitted = [Sighting {
        image: &page[1],
        omission: Some(Omission::Age),
    }];
    stage
        .inventory
        .store_page(&run, &Scope::Registry, &omitted, None)
        .await
        .unwrap();
    stage.clock.advance(WEEK);
    assert_eq!(claim(&stage).await, NOTHING);
    stage.store(&run, &page[1..]).await;
    assert_eq!(granted(claim(&stage).await).lease.digest, digest(2));
}
