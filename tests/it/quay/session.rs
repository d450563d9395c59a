//! Listing by a session in place of the tokens.

use std::{sync::Arc, time::Duration};

use registry_intake::{
    config::{IntegrationConfigBuilder, Secret, SessionUse},
    conformance::{Observation, observe},
    error::{ErrorCode, ErrorRecord},
    simulator::{Action, Fault, Quay, quay::User},
};

use super::{as_owner, connector, shown, start};
use crate::harbor_v2::session::surprises;

const SIGN_IN: &str = "/api/v1/signin";
const SIGN_OUT: &str = "/api/v1/signout";

fn by_session(quay: &Quay) -> IntegrationConfigBuilder {
    as_owner(quay)
        .username(Quay::USERNAME)
        .password(Secret::new(Quay::PASSWORD))
        .session(SessionUse::Always)
}

#[track_caller]
fn assert_complete(quay: &Quay, told: &Observation) {
    assert!(told.is_complete(), "{:?} {:?}", told.end, told.skipped);
    assert_eq!(told.images, shown(quay, &quay.organizations()));
    assert_eq!(told.requests, quay.log().total());
}

#[tokio::test]
async fn a_whole_listing_costs_one_bcrypt_and_signs_out_with_the_token_handed_out_last() {
    let (quay, clock) = start(Quay::builder()).await;
    let told = observe(connector(by_session(&quay), &clock)).await;
    assert_complete(&quay, &told);
    assert_eq!(quay.accounts().bcrypts(), 1);
    assert_eq!(quay.log().of_path(SIGN_IN), 1);
    assert_eq!(quay.log().of_path(SIGN_OUT), 1);
    assert_eq!(quay.accounts().open_sessions(Quay::USERNAME), 0);
}

#[tokio::test]
async fn without_being_told_to_nobody_signs_in() {
    for session in [SessionUse::Auto, SessionUse::Never] {
        let (quay, clock) = start(Quay::builder()).await;
        let told = observe(connector(by_session(&quay).session(session), &clock)).await;
        assert_complete(&quay, &told);
        assert_eq!(quay.log().of_path(SIGN_IN), 0, "{session:?}");
    }
}

#[tokio::test]
async fn a_user_who_does_not_administer_every_organisation_is_not_listed_as() {
    let ada = User::new("ada", "AdasPass1").owner_of("acme");
    let (quay, clock) = start(Quay::builder().user(ada)).await;
    let config = by_session(&quay)
        .username("ada")
        .password(Secret::new("AdasPass1"));
    let told = observe(connector(config, &clock)).await;
    assert_complete(&quay, &told);
    assert_eq!(quay.log().of_path(SIGN_IN), 1);
    assert_eq!(quay.accounts().open_sessions("ada"), 0);
    assert!(quay.accounts().bcrypts() > 10, "listed by token");
}

#[tokio::test]
async fn a_refused_password_is_not_tried_again_and_the_tokens_list() {
    let (quay, clock) = start(Quay::builder()).await;
    let wrong = connector(by_session(&quay).password(Secret::new("wrong")), &clock);
    for _ in 0..2 {
        quay.log().reset();
        let told = observe(Arc::clone(&wrong)).await;
        assert_complete(&quay, &told);
    }
    assert_eq!(quay.accounts().failed_logins(Quay::USERNAME), 1);
    assert_eq!(quay.log().of_path(SIGN_IN), 0, "not in the second listing");
}

#[tokio::test]
async fn a_password_that_was_refused_is_verified_no_more_while_it_is_the_same() {
    let (quay, clock) = start(Quay::builder()).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let write = |password: &str| std::fs::write(file.path(), password).unwrap();
    write("wrong");
    let connector = connector(
        by_session(&quay).password(Secret::file(file.path())),
        &clock,
    );
    for words in [
        "Invalid Username or Password",
        "was not sent again",
        "was not sent again",
    ] {
        let report = connector.verify().await;
        let failure = report.failure().unwrap();
        assert_eq!(failure.code(), ErrorCode::FailedToVerifyUsernameOrPwd);
        let record = ErrorRecord::from(failure);
        assert!(record.message.contains(words), "{}", record.message);
        clock.sleep(Duration::from_secs(3600)).await;
        quay.log().reset();
        assert_complete(&quay, &observe(Arc::clone(&connector)).await);
        clock.sleep(Duration::from_secs(3600)).await;
    }
    assert_eq!(quay.accounts().failed_logins(Quay::USERNAME), 1);
    write(Quay::PASSWORD);
    assert!(connector.verify().await.is_ok());
}

#[tokio::test]
async fn where_the_server_lets_nobody_in_the_tokens_list() {
    for (path, surprise) in [
        ("/csrf_token", Action::Html),
        ("/csrf_token", Action::status(404)),
        (SIGN_IN, Action::status(403)),
        (SIGN_IN, Action::too_many_requests(Some("0"))),
        (SIGN_IN, Action::Reset),
        ("/api/v1/organization/acme", Action::Html),
    ] {
        let (quay, clock) = start(Quay::builder()).await;
        quay.faults()
            .arm(Fault::new(surprise.clone()).on_path(path).nth(1));
        let told = observe(connector(by_session(&quay), &clock)).await;
        assert_eq!(quay.faults().struck(), 1);
        assert_complete(&quay, &told);
        assert!(quay.accounts().bcrypts() > 10, "{path} {surprise:?}");
        let open = quay.accounts().open_sessions(Quay::USERNAME);
        assert_eq!(open, 0, "{path} {surprise:?}");
    }
}

#[tokio::test]
async fn after_any_surprise_in_mid_run_the_tokens_list_and_the_session_is_signed_out() {
    for surprise in surprises() {
        let (quay, clock) = start(Quay::builder()).await;
        let fault = Fault::new(surprise.clone()).on_path("/tag/").nth(1);
        quay.faults().arm(fault);
        let told = observe(connector(by_session(&quay), &clock)).await;
        assert_eq!(quay.faults().struck(), 1, "{surprise:?}");
        assert_complete(&quay, &told);
        assert_eq!(quay.log().of_path(SIGN_IN), 1, "{surprise:?}");
        assert!(quay.accounts().bcrypts() > 10, "{surprise:?}");
        let open = quay.accounts().open_sessions(Quay::USERNAME);
        assert_eq!(open, 0, "{surprise:?}");
    }
}

#[tokio::test]
async fn a_session_that_ends_in_mid_run_is_renewed_once() {
    let (quay, clock) = start(Quay::builder()).await;
    let whole = observe(connector(by_session(&quay), &clock)).await;
    assert_complete(&quay, &whole);
    for k in (6..whole.requests).step_by(7) {
        let (quay, clock) = start(Quay::builder()).await;
        let quay = Arc::new(quay);
        let server = Arc::downgrade(&quay);
        quay.before_request(move |number, _, _| {
            if let Some(quay) = server.upgrade().filter(|_| number == k) {
                quay.accounts().end_sessions();
            }
        });
        let told = observe(connector(by_session(&quay), &clock)).await;
        assert_complete(&quay, &told);
        assert!(quay.log().of_path(SIGN_IN) <= 2, "request {k}");
        assert!(quay.accounts().bcrypts() <= 2, "request {k}");
    }
}

#[tokio::test]
async fn a_verification_never_signs_in() {
    let (quay, clock) = start(Quay::builder()).await;
    assert!(connector(by_session(&quay), &clock).verify().await.is_ok());
    assert_eq!(quay.log().of_path(SIGN_IN), 0);
}
