use std::time::Duration;

use registry_intake::{
    clock::Clock,
    error::ErrorCode,
    inventory::{Claim, Failure, ImageState, InventoryError, Lease},
};

use crate::inventory::stage::{LEASE, Stage, digest, error_record, image};

const APP: &str = "team-a/app";

async fn refused(stage: &Stage, lease: &Lease) {
    let failure = Failure {
        error: error_record("late"),
        retry_at: None,
    };
    let later = stage.clock.now().saturating_add(LEASE);
    for answer in [
        stage.inventory.acknowledge(lease).await,
        stage.inventory.renew(lease, later).await,
        stage.inventory.fail(lease, &failure).await,
    ] {
        assert!(
            matches!(&answer, Err(InventoryError::LeaseLost { digest }) if digest == lease.digest.as_str()),
            "{answer:?}"
        );
    }
}

pub(crate) async fn an_ended_lease_passes_on_and_its_late_answers_are_refused(stage: Stage) {
    stage.sync(&[image(APP, 1, &["v1"])]).await;
    let first = stage.granted().await;
    let lease_ends_at = Some(first.lease_until);
    assert_eq!(first.lease_until, stage.clock.now().saturating_add(LEASE));
    assert_eq!(stage.claim().await, Claim::Idle { lease_ends_at });
    stage.clock.advance(LEASE - Duration::from_nanos(1));
    assert_eq!(stage.claim().await, Claim::Idle { lease_ends_at });
    stage.clock.advance(Duration::from_nanos(1));
    let second = stage.granted().await;
    assert_eq!(second.attempt, 2);
    assert!(second.lease.fence > first.lease.fence);
    refused(&stage, &first.lease).await;
    assert_eq!(stage.state_of(APP, 1).await, ImageState::InHand);
    stage.acknowledge(&second.lease).await;
    refused(&stage, &first.lease).await;
    let elsewhere = Lease {
        integration: "nobody".to_owned(),
        ..second.lease
    };
    refused(&stage, &elsewhere).await;
}

pub(crate) async fn a_late_answer_is_good_while_nobody_else_has_claimed(stage: Stage) {
    stage
        .sync(&[1, 2].map(|number| image(APP, number, &["v1"])))
        .await;
    let slow = stage.granted().await;
    stage.clock.advance(LEASE * 2);
    stage.request(&digest(1)).await;
    assert_eq!(
        stage.granted().await.lease.digest,
        digest(1),
        "which also ends the lease"
    );
    assert_eq!(stage.state_of(APP, 2).await, ImageState::Pending);
    stage.acknowledge(&slow.lease).await;
    assert_eq!(stage.state_of(APP, 2).await, ImageState::Ingested);
    assert!(matches!(stage.claim().await, Claim::Idle { .. }));
}

pub(crate) async fn a_lease_is_answered_once(stage: Stage) {
    stage.sync(&[image(APP, 1, &["v1"])]).await;
    let claimed = stage.granted().await;
    stage.fail(&claimed.lease, Some(Duration::ZERO)).await;
    refused(&stage, &claimed.lease).await;
    let claimed = stage.granted().await;
    stage.acknowledge(&claimed.lease).await;
    refused(&stage, &claimed.lease).await;
    assert_eq!(stage.state_of(APP, 1).await, ImageState::Ingested);
}

pub(crate) async fn a_renewed_lease_lasts(stage: Stage) {
    stage.sync(&[image(APP, 1, &["v1"])]).await;
    let claimed = stage.granted().await;
    for _ in 0..5 {
        stage.clock.advance(LEASE - Duration::from_secs(1));
        let until = stage.clock.now().saturating_add(LEASE);
        stage.inventory.renew(&claimed.lease, until).await.unwrap();
        let lease_ends_at = Some(until);
        assert_eq!(stage.claim().await, Claim::Idle { lease_ends_at });
    }
    stage.acknowledge(&claimed.lease).await;
}

pub(crate) async fn an_image_that_never_comes_back_is_parked(stage: Stage) {
    stage.sync(&[image(APP, 1, &["v1"])]).await;
    for attempt in 1..=3 {
        assert_eq!(stage.granted().await.attempt, attempt);
        stage.clock.advance(LEASE);
    }
    assert_eq!(
        stage.claim().await,
        Claim::Idle {
            lease_ends_at: None
        }
    );
    assert_eq!(stage.state_of(APP, 1).await, ImageState::Parked);
    let failure = stage.images().await.remove(0).failure.unwrap();
    assert_eq!(failure.code, ErrorCode::SinkFailed);
    assert_eq!(
        failure.message,
        "the lease of the last of 3 attempts ended without an answer"
    );
    assert!(stage.request(&digest(1)).await);
    assert_eq!(stage.granted().await.attempt, 1);
}

pub(crate) async fn an_answer_to_an_earlier_claim_is_none_to_a_request(stage: Stage) {
    stage
        .sync(&[1, 2].map(|number| image(APP, number, &["v1"])))
        .await;
    let slow = stage.granted().await;
    stage.request(&digest(1)).await;
    stage.clock.advance(LEASE);
    assert_eq!(
        stage.ingest().await.lease.digest,
        digest(1),
        "which also ends the lease"
    );
    assert!(stage.request(&slow.lease.digest).await);
    refused(&stage, &slow.lease).await;
    assert_eq!(stage.state_of(APP, 2).await, ImageState::Pending);
    assert_eq!(stage.ingest().await.lease.digest, slow.lease.digest);
}

pub(crate) async fn what_is_in_hand_is_not_handed_over_again_on_request(stage: Stage) {
    stage.sync(&[image(APP, 1, &["v1"])]).await;
    let claimed = stage.granted().await;
    assert!(stage.request(&digest(1)).await);
    assert!(matches!(stage.claim().await, Claim::Idle { .. }));
    stage.acknowledge(&claimed.lease).await;
    assert_eq!(
        stage.claim().await,
        Claim::Idle {
            lease_ends_at: None
        }
    );
    assert!(stage.request(&digest(1)).await);
    let again = stage.ingest().await;
    assert_eq!(again.attempt, 1);
    assert_eq!(
        stage.claim().await,
        Claim::Idle {
            lease_ends_at: None
        }
    );
}

pub(crate) async fn a_clock_set_back_does_not_prolong_leases_and_pauses(stage: Stage) {
    stage
        .sync(&[1, 2].map(|number| image(APP, number, &["v1"])))
        .await;
    let pauses = stage.granted().await;
    stage
        .fail(&pauses.lease, Some(Duration::from_secs(60)))
        .await;
    stage.granted().await;
    let yesterday = stage
        .clock
        .now()
        .saturating_sub(Duration::from_secs(86_400));
    stage.clock.set_wall(yesterday);
    let pause_ends = yesterday.saturating_add(Duration::from_secs(60));
    let wait = Claim::Wait {
        until: pause_ends,
        pending: 1,
    };
    assert_eq!(stage.claim().await, wait);
    stage.after(59);
    assert_eq!(stage.claim().await, wait);
    stage.after(1);
    assert_eq!(stage.granted().await.lease.digest, pauses.lease.digest);
    stage.clock.advance(LEASE - Duration::from_secs(61));
    assert!(matches!(stage.claim().await, Claim::Idle { .. }));
    stage.after(1);
    let other = stage.granted().await;
    assert_ne!(other.lease.digest, pauses.lease.digest);
    assert_eq!(other.attempt, 2, "its lease has ended by now");
}
