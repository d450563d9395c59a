use registry_intake::{
    config::{RegistryVersion, RequiredRole, Secret},
    connector::{Outcome, Verification},
    error::{AccountKind, ErrorCode, IntegrationError, Step},
    simulator::{Action, Fault, HarborV1, HarborV2, harbor_v1::Account},
};

use super::{as_admin, as_plain, as_robot, config, connector, plain, robot, start};

fn outcomes(report: &Verification) -> String {
    let probes = report.probes.iter();
    let named = probes.map(|probe| format!("{} {}", probe.step, probe.outcome.as_str()));
    named.collect::<Vec<_>>().join(", ")
}

fn failure(report: &Verification) -> (Step, ErrorCode) {
    let failed = report.probes.iter().find_map(|probe| match &probe.outcome {
        Outcome::Failed(error) => Some((probe.step, error.code())),
        _ => None,
    });
    failed.unwrap_or_else(|| panic!("nothing failed: {}", outcomes(report)))
}

#[tokio::test]
async fn an_administrator_is_verified_by_every_step() {
    let (harbor, clock) = start(HarborV1::builder()).await;
    let report = connector(as_admin(&harbor), &clock).verify().await;
    assert_eq!(
        outcomes(&report),
        "config passed, dns skipped, connect passed, tls skipped, registry passed, \
         version passed, credentials passed, role passed, listing passed, pull passed, vpc skipped"
    );
    assert_eq!(report.version.as_deref(), Some("v1.10.19-b1a56175"));
    assert_eq!(report.seen.namespaces, Some(6));
    assert!(report.seen.repositories.is_some_and(|seen| seen > 5));
}

#[tokio::test]
async fn a_2_x_is_told_by_its_version_and_costs_no_log_in() {
    let (harbor, clock) = crate::harbor_v2::start(HarborV2::builder()).await;
    let config = crate::harbor_v2::as_admin(&harbor).version(RegistryVersion::V1);
    let report = connector(config, &clock).verify().await;
    match report.failure() {
        Some(IntegrationError::RegistryVersionError {
            configured, found, ..
        }) => assert_eq!((*configured, found.as_str()), ("V1", "v2.0")),
        other => panic!("{other:?}"),
    }
    let asked = harbor.log().recent();
    assert!(asked.iter().all(|request| request.account.is_none()));
}

#[tokio::test]
async fn a_wrong_password_costs_one_failed_log_in() {
    let (harbor, clock) = start(HarborV1::builder()).await;
    let wrong = as_admin(&harbor).password(Secret::new("not-the-password"));
    let connector = connector(wrong, &clock);
    let refused = (Step::Credentials, ErrorCode::FailedToVerifyUsernameOrPwd);
    assert_eq!(failure(&connector.verify().await), refused);
    assert!(connector.open_listing(&Default::default()).await.is_err());
    assert_eq!(harbor.accounts().failed_logins(HarborV1::USERNAME), 1);
}

#[tokio::test]
async fn a_name_locked_by_somebody_else_is_waited_for() {
    let (harbor, clock) = start(HarborV1::builder()).await;
    let locked = Fault::new(Action::status(401)).on_path("users/current");
    harbor.faults().arm(locked.times(1));
    let report = connector(as_admin(&harbor), &clock).verify().await;
    assert!(report.is_ok(), "{}", outcomes(&report));
    assert_eq!(harbor.accounts().failed_logins(HarborV1::USERNAME), 0);
}

#[tokio::test]
async fn who_is_no_administrator_is_told_so_by_kind() {
    let builder = HarborV1::builder().account(plain()).account(robot());
    let (harbor, clock) = start(builder).await;
    let any_role = as_robot(&harbor).required_role(RequiredRole::List);
    for (config, kind) in [
        (as_plain(&harbor), AccountKind::User),
        (as_robot(&harbor), AccountKind::Robot),
        // There is no role by which a robot of 1.x lists anything.
        (any_role, AccountKind::Robot),
    ] {
        let report = connector(config, &clock).verify().await;
        match report.failure() {
            Some(IntegrationError::UserDoesNotHaveAdminRole { account, context }) => {
                assert_eq!((*account, context.step), (kind, Step::Role));
            }
            other => panic!("{other:?}"),
        }
    }
    let lists = as_plain(&harbor).required_role(RequiredRole::List);
    let report = connector(lists, &clock).verify().await;
    assert!(report.is_ok(), "{}", outcomes(&report));
    assert_eq!(report.seen.namespaces, Some(2));
}

#[tokio::test]
async fn a_robot_is_told_apart_from_a_server_that_fails() {
    let (harbor, clock) = start(HarborV1::builder().account(robot())).await;
    let wrong = as_robot(&harbor).password(Secret::new("wrong"));
    let refused = (Step::Credentials, ErrorCode::FailedToVerifyUsernameOrPwd);
    assert_eq!(failure(&connector(wrong, &clock).verify().await), refused);
    assert_eq!(harbor.accounts().failed_logins("robot$puller"), 1);

    let broken = Fault::new(Action::status(500)).on_path("users/current");
    harbor.faults().arm(broken);
    let unavailable = (Step::Credentials, ErrorCode::RegistryUnavailable);
    let report = connector(as_admin(&harbor), &clock).verify().await;
    assert_eq!(failure(&report), unavailable);
    // A broken server says the same of a robot whose secret is wrong: the token service does not.
    let unknown = config(&harbor)
        .username("robot$nobody")
        .password(Secret::new("any"));
    let report = connector(unknown, &clock).verify().await;
    assert_eq!(failure(&report), refused);
}

#[tokio::test]
async fn an_address_serves_as_a_user_name() {
    let second = Account::administrator("second", "Second12345").email("second@example.test");
    let (harbor, clock) = start(HarborV1::builder().account(second)).await;
    let by_address = config(&harbor)
        .username("second@example.test")
        .password(Secret::new("Second12345"));
    let report = connector(by_address, &clock).verify().await;
    assert!(report.is_ok(), "{}", outcomes(&report));
}

#[tokio::test]
async fn a_server_that_was_upgraded_is_told_by_its_version_in_a_run_too() {
    let (harbor, clock) = crate::harbor_v2::start(HarborV2::builder()).await;
    let config = crate::harbor_v2::as_admin(&harbor).version(RegistryVersion::V1);
    let opened = connector(config, &clock)
        .open_listing(&Default::default())
        .await;
    assert_eq!(opened.unwrap_err().code(), ErrorCode::RegistryVersionError);
    let (harbor, clock) = start(HarborV1::builder()).await;
    let config = as_admin(&harbor).version(RegistryVersion::V2);
    let opened = connector(config, &clock)
        .open_listing(&Default::default())
        .await;
    assert_eq!(opened.unwrap_err().code(), ErrorCode::RegistryVersionError);
}
