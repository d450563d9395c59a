//! What a verification tells, step by step.

use std::time::Duration;

use registry_intake::{
    connector::{Outcome, Verification},
    error::{ErrorCode, IntegrationError, Language, Step},
    simulator::acr::{AccessKey, Denial, Instance, InstanceStatus, VpcAccess},
};

use super::*;

fn failure(report: &Verification) -> (Step, ErrorCode) {
    let failed = report.probes.iter().find_map(|probe| match &probe.outcome {
        Outcome::Failed(error) => Some((probe.step, error.code())),
        _ => None,
    });
    failed.unwrap_or_else(|| panic!("nothing failed: {report:#?}"))
}

fn warnings(report: &Verification) -> Vec<&'static str> {
    report
        .warnings
        .iter()
        .map(|warning| warning.code())
        .collect()
}

async fn by_key(key: AccessKey, credentials: AcrCredentials) -> Verification {
    let (acr, clock) = enterprise(AcrEnterprise::builder().key(key)).await;
    connector(of_enterprise(&acr).credentials(credentials), &clock)
        .verify()
        .await
}

#[tokio::test]
async fn a_good_integration_passes_every_step() {
    let (acr, clock) = enterprise(AcrEnterprise::builder()).await;
    let report = connector(of_enterprise(&acr), &clock).verify().await;
    assert!(report.is_ok(), "{report:#?}");
    // Without the one that is being deleted.
    assert_eq!(report.seen.repositories, Some(6));
    assert_eq!(warnings(&report), [""; 0]);
    let (acr, clock) = personal(AcrPersonal::builder()).await;
    let report = connector(of_personal(&acr), &clock).verify().await;
    assert!(report.is_ok(), "{report:#?}");
}

#[tokio::test]
async fn a_key_that_is_wrong_in_any_way_is_refused_once() {
    let temporary = AccessKey::temporary(
        "STS.ended",
        "secret",
        "token",
        "1970-01-01T00:00:00Z".parse().unwrap(),
    );
    let with_token = |token: &str| AcrCredentials::AccessKey {
        id: "STS.ended".to_owned(),
        secret: Secret::new("secret"),
        security_token: Some(Secret::new(token)),
    };
    let lasting = || AccessKey::new("LTAI", "secret");
    for (known, credentials) in [
        (lasting(), key("LTAI", "wrong")),
        (lasting(), key("LTAInobody", "secret")),
        (lasting().inactive(), key("LTAI", "secret")),
        (temporary.clone(), with_token("token")),
        (temporary.clone(), with_token("another")),
        (temporary, key("STS.ended", "secret")),
    ] {
        let report = by_key(known, credentials).await;
        let refused = (Step::Credentials, ErrorCode::FailedToVerifyUsernameOrPwd);
        assert_eq!(failure(&report), refused, "{report:#?}");
        assert!(!format!("{report:?}").contains("secret\""), "{report:?}");
    }
    let (acr, clock) = enterprise(AcrEnterprise::builder()).await;
    let wrong = key(AcrEnterprise::ACCESS_KEY_ID, "wrong");
    connector(of_enterprise(&acr).credentials(wrong), &clock)
        .verify()
        .await;
    assert_eq!(acr.log().total(), 1);
}

#[tokio::test]
async fn a_missing_right_is_named_by_its_step() {
    for (action, step) in [
        ("cr:GetInstance", Step::Role),
        ("cr:ListRepositoryTag", Step::Listing),
        ("cr:GetAuthorizationToken", Step::Pull),
    ] {
        for denial in [Denial::NoPermission, Denial::ForbiddenRam] {
            let known = AccessKey::new("LTAI", "secret").denies(&[action]);
            let (acr, clock) = enterprise(AcrEnterprise::builder().key(known).denial(denial)).await;
            let config = of_enterprise(&acr).credentials(key("LTAI", "secret"));
            let report = connector(config, &clock).verify().await;
            assert_eq!(
                failure(&report),
                (step, ErrorCode::RamPermissionDenied),
                "{action}"
            );
            let Some(IntegrationError::RamPermissionDenied { action: told, .. }) = report.failure()
            else {
                panic!("{report:?}");
            };
            assert_eq!(told, action);
        }
    }
}

#[tokio::test]
async fn access_over_a_vpc_is_configured_or_not_or_may_not_be_asked_for() {
    let verified = async |access: VpcAccess, may_ask: bool, required: bool| {
        let mut known = AccessKey::new("LTAI", "secret");
        if !may_ask {
            known = known.denies(&["cr:GetInstanceVpcEndpoint"]);
        }
        let main = Instance::new(AcrEnterprise::INSTANCE_ID, "simulated").vpc_access(access);
        let (acr, clock) = enterprise(AcrEnterprise::builder().main(main).key(known)).await;
        let config = of_enterprise(&acr)
            .credentials(key("LTAI", "secret"))
            .vpc_access(if required {
                registry_intake::config::VpcAccess::Require
            } else {
                registry_intake::config::VpcAccess::Warn
            });
        connector(config, &clock).verify().await
    };
    assert!(verified(VpcAccess::Linked, true, true).await.is_ok());
    for access in [VpcAccess::Off, VpcAccess::Unlinked, VpcAccess::Creating] {
        let report = verified(access, true, true).await;
        assert_eq!(
            failure(&report),
            (Step::Vpc, ErrorCode::VpcAccessNotConfigured)
        );
        let remedy = report.failure().unwrap().guidance(Language::English).remedy;
        assert!(remedy.contains("access control"), "{remedy}");
        let report = verified(access, true, false).await;
        assert!(report.is_ok(), "{report:#?}");
        assert_eq!(warnings(&report), ["vpc_access_not_configured"]);
    }
    let report = verified(VpcAccess::Linked, false, false).await;
    assert!(report.is_ok(), "{report:#?}");
    assert_eq!(warnings(&report), ["vpc_access_unknown"]);
    let report = verified(VpcAccess::Linked, false, true).await;
    assert_eq!(
        failure(&report),
        (Step::Vpc, ErrorCode::RamPermissionDenied)
    );
}

#[tokio::test]
async fn an_instance_that_is_not_there_or_does_not_run_is_told() {
    let (acr, clock) = enterprise(AcrEnterprise::builder()).await;
    for instance in [
        AcrInstance::Id("cri-nowhere".to_owned()),
        AcrInstance::Name("nowhere".to_owned()),
        // A part of the right name.
        AcrInstance::Name("simul".to_owned()),
    ] {
        let report = connector(of_enterprise(&acr).instance(instance), &clock)
            .verify()
            .await;
        assert_eq!(
            failure(&report),
            (Step::Role, ErrorCode::WrongRegionOrEdition)
        );
    }
    let stopped =
        Instance::new(AcrEnterprise::INSTANCE_ID, "simulated").status(InstanceStatus::Stopped);
    let (acr, clock) = enterprise(AcrEnterprise::builder().main(stopped)).await;
    let report = connector(of_enterprise(&acr), &clock).verify().await;
    assert_eq!(
        failure(&report),
        (Step::Registry, ErrorCode::RegistryUnavailable)
    );
    let text = report.failure().unwrap().to_string();
    assert!(text.contains("STOPPED"), "{text}");
}

#[tokio::test]
async fn a_clock_that_is_off_is_told_with_how_far() {
    let acr = AcrEnterprise::builder()
        .clock(jumping_clock())
        .start()
        .await
        .unwrap();
    let off: Arc<dyn Clock> = Arc::new(registry_intake::clock::ManualClock::jumping_at(
        "1970-01-01T02:00:00Z".parse().unwrap(),
    ));
    let report = connector(of_enterprise(&acr), &off).verify().await;
    assert_eq!(failure(&report), (Step::Credentials, ErrorCode::ClockSkew));
    let Err(IntegrationError::ClockSkew { skew, .. }) = report.into_result() else {
        panic!("no skew");
    };
    assert_eq!(skew, Duration::from_hours(2));
}

#[tokio::test]
async fn what_is_no_acr_is_told_so() {
    let harbor = registry_intake::simulator::HarborV2::builder()
        .start()
        .await
        .unwrap();
    let clock = jumping_clock();
    let config = config(RegistryType::AcrPersonal, harbor.url()).credentials(key("LTAI", "secret"));
    let report = connector(config, &clock).verify().await;
    assert_eq!(
        failure(&report),
        (Step::Registry, ErrorCode::RegistryTypeError)
    );
}
