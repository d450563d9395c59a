use std::{num::NonZeroU32, time::Duration};

use registry_intake::{
    clock::Clock,
    image::{Image, ImageKind},
    inventory::{Claim, ImageState, StateCounts},
    pace::Pace,
};

use crate::inventory::stage::{PROD, Stage, digest, error_record, granted, image};

const APP: &str = "team-a/app";

fn per_hour(images: u32) -> Pace {
    Pace::Spread(NonZeroU32::new(images).unwrap())
}

pub(crate) async fn only_tagged_images_are_for_ingestion(stage: Stage) {
    let signature = format!("sha256-{}.sig", "0".repeat(64));
    let cases = [
        (ImageKind::Image, vec!["v1"], true),
        (ImageKind::Index, vec!["v1"], true),
        (ImageKind::Unknown, vec!["v1"], true),
        (ImageKind::Chart, vec!["v1"], false),
        (ImageKind::Other, vec!["v1"], false),
        (ImageKind::Image, vec![], false),
        (ImageKind::Unknown, vec![signature.as_str()], false),
        (ImageKind::Image, vec![signature.as_str(), "v1"], true),
    ];
    let page: Vec<_> = (1..)
        .zip(&cases)
        .map(|(number, (kind, tags, _))| Image {
            kind: *kind,
            ..image(APP, number, tags)
        })
        .collect();
    stage.sync(&page).await;
    for (number, (kind, tags, ingested)) in (1..).zip(&cases) {
        let left_out = stage.state_of(APP, number).await == ImageState::LeftOut;
        assert_eq!(left_out, !ingested, "{kind} with tags {tags:?}");
    }
    let mut handed_over = 0;
    while let Claim::Granted(claimed) = stage.claim().await {
        stage.acknowledge(&claimed.lease).await;
        handed_over += 1;
    }
    assert_eq!(handed_over, 4);
    assert_eq!(stage.counts().await.left_out, 4);
}

pub(crate) async fn an_image_follows_its_tags_into_the_queue_and_out_of_it(stage: Stage) {
    let states = async |tagged_in: [bool; 2]| {
        let tags = |tagged: bool| if tagged { &["v1"][..] } else { &[] };
        let page = [
            image(APP, 1, tags(tagged_in[0])),
            image("team-b/app", 1, tags(tagged_in[1])),
        ];
        stage.sync(&page).await;
        (stage.state_of(APP, 1).await, stage.counts().await.pending)
    };
    assert_eq!(states([false, false]).await, (ImageState::LeftOut, 0));
    assert_eq!(states([true, false]).await, (ImageState::Pending, 1));
    assert_eq!(states([true, true]).await, (ImageState::Pending, 1));
    assert_eq!(states([false, true]).await, (ImageState::Pending, 1));
    assert_eq!(states([false, false]).await, (ImageState::LeftOut, 0));
    assert_eq!(
        stage.claim().await,
        Claim::Idle {
            lease_ends_at: None
        }
    );
    assert_eq!(states([false, true]).await, (ImageState::Pending, 1));
    stage.sync(&[image(APP, 1, &[])]).await;
    assert_eq!(
        stage.state_of(APP, 1).await,
        ImageState::LeftOut,
        "its tag went with its place"
    );
    assert_eq!(states([true, false]).await, (ImageState::Pending, 1));
    stage.ingest().await;
    assert_eq!(states([false, false]).await, (ImageState::Ingested, 0));
}

pub(crate) async fn the_newest_push_comes_first_and_every_fifth_time_the_oldest_waiting(
    stage: Stage,
) {
    for numbers in [[7, 8, 9], [4, 5, 6], [1, 2, 3]] {
        let run = stage.begin().await;
        let page = numbers.map(|number| image(APP, number, &["v1"]));
        stage.store(&run, &page).await;
        stage.finish(&run, None).await;
        stage.after(60);
    }
    let mut order = Vec::new();
    for _ in 0..9 {
        order.push(stage.ingest().await.lease.digest);
    }
    assert_eq!(order, [9, 8, 7, 6, 4, 5, 3, 2, 1].map(digest));
}

pub(crate) async fn what_is_asked_for_by_hand_comes_first(stage: Stage) {
    let mut page: Vec<_> = (1..=6).map(|number| image(APP, number, &["v1"])).collect();
    page.push(image(APP, 7, &[]));
    stage.sync(&page).await;
    assert_eq!(stage.ingest().await.lease.digest, digest(6));
    for number in [2, 7, 6] {
        assert!(stage.request(&digest(number)).await);
        stage.after(1);
    }
    assert!(!stage.request(&digest(99)).await, "there is no such image");
    let mut order = Vec::new();
    while let Claim::Granted(claimed) = stage.claim().await {
        stage.acknowledge(&claimed.lease).await;
        order.push(claimed.lease.digest);
    }
    // Seven counts although it is left out, six comes a second time, and none of these is a turn
    // of the others: after 6 came 5, 4 and 3, and the oldest waiting is then the last.
    assert_eq!(order, [2, 7, 6, 5, 4, 3, 1].map(digest));
    assert_eq!(stage.state_of(APP, 7).await, ImageState::Ingested);
}

pub(crate) async fn what_is_gone_is_not_handed_over(stage: Stage) {
    stage
        .sync(&[image(APP, 1, &["v1"]), image(APP, 2, &["v1"])])
        .await;
    stage.sync(&[image(APP, 1, &["v1"])]).await;
    assert!(!stage.request(&digest(2)).await);
    assert_eq!(stage.ingest().await.lease.digest, digest(1));
    assert_eq!(
        stage.claim().await,
        Claim::Idle {
            lease_ends_at: None
        }
    );

    stage.sync(&[image(APP, 3, &["v1"])]).await;
    let claimed = stage.granted().await;
    stage.sync(&[]).await;
    assert_eq!(stage.counts().await.in_hand, 1);
    stage
        .fail(&claimed.lease, Some(Duration::from_secs(1)))
        .await;
    stage.after(2);
    assert_eq!(
        stage.claim().await,
        Claim::Idle {
            lease_ends_at: None
        }
    );
    assert_eq!(stage.counts().await.gone, 3);
}

pub(crate) async fn the_speed_limit_is_spent_by_claims_alone(stage: Stage) {
    let ten = per_hour(10);
    assert_eq!(
        stage.claim_at(ten).await,
        Claim::Idle {
            lease_ends_at: None
        }
    );
    stage
        .sync(&[1, 2, 3].map(|number| image(APP, number, &["v1"])))
        .await;
    let first = granted(stage.claim_at(ten).await);
    let wait = Claim::Wait {
        until: stage.clock.now().saturating_add(Duration::from_secs(360)),
        pending: 2,
    };
    for _ in 0..3 {
        assert_eq!(stage.claim_at(ten).await, wait);
    }
    stage.acknowledge(&first.lease).await;
    assert_eq!(stage.claim_at(ten).await, wait);
    assert_eq!(
        stage.counts().await.pending,
        2,
        "nothing is claimed while the limit says wait"
    );
    stage.clock.advance(Duration::from_nanos(359_999_999_999));
    assert_eq!(stage.claim_at(ten).await, wait);
    stage.clock.advance(Duration::from_nanos(1));
    let second = granted(stage.claim_at(ten).await);
    stage.fail(&second.lease, Some(Duration::ZERO)).await;
    stage.request(&digest(3)).await;
    for waiting in [3, 2, 1] {
        let claim = stage.claim_at(ten).await;
        assert!(
            matches!(claim, Claim::Wait { pending, .. } if pending == waiting),
            "{claim:?}"
        );
        stage.after(360);
        granted(stage.claim_at(ten).await);
    }
}

pub(crate) async fn a_clock_set_back_delays_the_next_claim_by_one_period(stage: Stage) {
    let ten = per_hour(10);
    stage
        .sync(&[1, 2].map(|number| image(APP, number, &["v1"])))
        .await;
    granted(stage.claim_at(ten).await);
    let yesterday = stage
        .clock
        .now()
        .saturating_sub(Duration::from_secs(86_400));
    stage.clock.set_wall(yesterday);
    let wait = Claim::Wait {
        until: yesterday.saturating_add(Duration::from_secs(360)),
        pending: 1,
    };
    assert_eq!(stage.claim_at(ten).await, wait);
    stage.after(359);
    assert_eq!(
        stage.claim_at(ten).await,
        wait,
        "the wait does not begin anew"
    );
    stage.after(1);
    granted(stage.claim_at(ten).await);
}

pub(crate) async fn a_failed_image_waits_and_is_tried_again(stage: Stage) {
    stage.sync(&[image(APP, 1, &["v1"])]).await;
    let first = stage.granted().await;
    assert_eq!(first.attempt, 1);
    stage
        .fail(&first.lease, Some(Duration::from_secs(60)))
        .await;
    let stored = stage.images().await.remove(0);
    assert_eq!(stored.state, ImageState::Pending);
    assert_eq!(stored.failure, Some(error_record("the sink is full")));
    let until = stage.clock.now().saturating_add(Duration::from_secs(60));
    assert_eq!(stage.claim().await, Claim::Wait { until, pending: 1 });
    stage.after(60);
    let second = stage.granted().await;
    assert_eq!(
        (second.attempt, second.lease.fence > first.lease.fence),
        (2, true)
    );
    stage.acknowledge(&second.lease).await;
    let stored = stage.images().await.remove(0);
    assert_eq!(stored.failure, None);
    assert_eq!(stored.ingested_at, Some(stage.clock.now()));
}

pub(crate) async fn an_image_given_up_is_parked_until_it_is_asked_for(stage: Stage) {
    stage.sync(&[image(APP, 1, &["v1"])]).await;
    let claimed = stage.granted().await;
    stage.fail(&claimed.lease, None).await;
    stage.after(1_000_000);
    assert_eq!(
        stage.claim().await,
        Claim::Idle {
            lease_ends_at: None
        }
    );
    let stored = stage.images().await.remove(0);
    assert_eq!(stored.state, ImageState::Parked);
    assert_eq!(stored.failure, Some(error_record("the sink is full")));
    assert!(stage.inventory.request(PROD, &digest(1)).await.unwrap());
    assert_eq!(stage.ingest().await.attempt, 1);
    assert_eq!(stage.state_of(APP, 1).await, ImageState::Ingested);
}

pub(crate) async fn images_are_counted_by_state(stage: Stage) {
    let mut page: Vec<_> = (1..=6).map(|number| image(APP, number, &["v1"])).collect();
    page.push(image(APP, 7, &[]));
    stage.sync(&page).await;
    stage.ingest().await;
    let given_up = stage.granted().await;
    stage.fail(&given_up.lease, None).await;
    let waits = stage.granted().await;
    stage
        .fail(&waits.lease, Some(Duration::from_secs(60)))
        .await;
    stage.granted().await;
    stage.sync(&page[1..]).await;
    let mut expected = StateCounts::default();
    expected.pending = 2;
    expected.in_hand = 1;
    expected.ingested = 1;
    expected.parked = 1;
    expected.left_out = 1;
    expected.gone = 1;
    assert_eq!(stage.counts().await, expected);
}
