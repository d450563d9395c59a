use registry_intake::{
    error::ErrorCode,
    image::RegistryKind,
    inventory::{
        Binding, ImageState, InventoryError, RunKind, RunRequest, RunStart, VerificationRecord,
    },
    pace::Pace,
};

use crate::inventory::stage::{
    PROD, Stage, binding, claim_request, digest, error_record, image, noon, run_request,
};

pub(crate) async fn a_name_stays_with_its_registry_until_it_is_rehomed(stage: Stage) {
    stage.sync(&[image("team-a/app", 1, &["v1"])]).await;
    stage.ingest().await;
    stage.inventory.bind(&binding(PROD)).await.unwrap();
    assert!(stage.inventory.is_bound(&binding(PROD)).await.unwrap());
    for elsewhere in [
        Binding {
            registry: "other.example.com:443".to_owned(),
            ..binding(PROD)
        },
        Binding {
            kind: RegistryKind::HarborV1,
            ..binding(PROD)
        },
    ] {
        let refused = stage.inventory.bind(&elsewhere).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::IntegrationRebound, "{refused}");
        assert!(refused.to_string().contains("harbor.example.com:443"));
        let refused = stage.inventory.is_bound(&elsewhere).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::IntegrationRebound, "{refused}");

        stage.inventory.rehome(&elsewhere).await.unwrap();
        stage.inventory.bind(&elsewhere).await.unwrap();
        assert_eq!(
            stage.inventory.integrations().await.unwrap()[0].binding,
            elsewhere
        );
        stage.inventory.rehome(&binding(PROD)).await.unwrap();
    }
    assert_eq!(stage.state_of("team-a/app", 1).await, ImageState::Ingested);
}

pub(crate) async fn what_is_not_bound_is_unknown(stage: Stage) {
    let record = VerificationRecord {
        at: noon(),
        failure: None,
    };
    let request = registry_intake::inventory::ClaimRequest {
        integration: "nobody",
        ..claim_request(&Pace::Unlimited)
    };
    let run = RunRequest {
        integration: "nobody",
        ..run_request(RunKind::Full, RunStart::Resume)
    };
    for refused in [
        stage.inventory.begin_run(&run).await.unwrap_err(),
        stage.inventory.claim(&request).await.unwrap_err(),
        stage
            .inventory
            .record_verification("nobody", &record)
            .await
            .unwrap_err(),
    ] {
        assert!(
            matches!(&refused, InventoryError::UnknownIntegration { integration } if integration == "nobody"),
            "{refused:?}"
        );
    }
    assert!(!stage.inventory.is_bound(&binding("nobody")).await.unwrap());
    assert!(!stage.inventory.request("nobody", &digest(1)).await.unwrap());
    assert_eq!(
        stage.inventory.images("nobody", None, 10).await.unwrap(),
        []
    );
    assert_eq!(stage.inventory.changes("nobody", 10).await.unwrap(), []);
}

pub(crate) async fn the_last_verification_is_kept(stage: Stage) {
    let last = async || {
        stage.inventory.integrations().await.unwrap()[0]
            .last_verification
            .clone()
    };
    assert_eq!(last().await, None);
    for failure in [
        None,
        Some(error_record("HTTP 503 \"'; DROP TABLE item; --")),
    ] {
        let record = VerificationRecord {
            at: noon(),
            failure,
        };
        stage
            .inventory
            .record_verification(PROD, &record)
            .await
            .unwrap();
        assert_eq!(last().await, Some(record));
    }
}
