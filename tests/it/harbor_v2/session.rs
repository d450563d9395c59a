//! Listing by a session in place of the password.

use std::{sync::Arc, time::Duration};

use registry_intake::{
    config::{IntegrationConfigBuilder, RequiredRole, Secret, SessionUse},
    conformance::{Observation, observe},
    error::ErrorCode,
    image::Proof,
    simulator::{
        Action, Fault, HarborV2, HarborV2Builder,
        harbor_v2::{Account, AuthMode, Release, Role},
    },
};

use super::{as_admin, as_robot, config, connector, shown, start};

/// What 600,000 rounds take.
const SLOW: Duration = Duration::from_millis(160);

fn slow() -> HarborV2Builder {
    HarborV2::builder().password_cost(SLOW)
}

async fn list(
    builder: HarborV2Builder,
    config: impl Fn(&HarborV2) -> IntegrationConfigBuilder,
) -> (HarborV2, Observation) {
    let (harbor, clock) = start(builder).await;
    let told = observe(connector(config(&harbor), &clock)).await;
    (harbor, told)
}

#[track_caller]
fn assert_complete(harbor: &HarborV2, told: &Observation) {
    assert!(told.is_complete(), "{:?} {:?}", told.end, told.skipped);
    assert_eq!(told.images, shown(harbor.listed()));
    assert_eq!(told.requests, harbor.log().total());
}

#[tokio::test]
async fn where_hashing_is_slow_a_whole_listing_costs_two_hashes() {
    for release in Release::ALL {
        let (harbor, told) = list(slow().release(release), as_admin).await;
        assert_complete(&harbor, &told);
        assert_eq!(told.end.unwrap().proof, Some(Proof::Totals), "{release}");
        let accounts = harbor.accounts();
        assert_eq!(accounts.password_hashes(), 2, "{release}");
        assert_eq!(accounts.form_logins(), 1);
        assert_eq!(accounts.open_sessions(), 0, "signed out at the end");
    }
}

#[tokio::test]
async fn a_plain_user_may_list_by_a_session_too() {
    let user = Account::user("ann", "AnnsPass1").member_of("team-a", Role::Developer);
    let as_ann = |harbor: &HarborV2| {
        config(harbor)
            .username("ann")
            .password(Secret::new("AnnsPass1"))
            .required_role(RequiredRole::List)
    };
    let (by_session, told) = list(slow().account(user.clone()), as_ann).await;
    assert_eq!(by_session.accounts().form_logins(), 1);
    let never = |harbor: &HarborV2| as_ann(harbor).session(SessionUse::Never);
    let (_, by_password) = list(slow().account(user), never).await;
    assert!(told.is_complete() && by_password.is_complete());
    assert_eq!(told.images, by_password.images);
}

#[tokio::test]
async fn by_default_nobody_signs_in_where_it_is_of_no_use_or_not_allowed() {
    let fast = HarborV2::builder();
    let never = |harbor: &HarborV2| as_admin(harbor).session(SessionUse::Never);
    let (ldap, oidc) = (AuthMode::Ldap, AuthMode::Oidc);
    for (why, (harbor, told)) in [
        ("hashing is cheap", list(fast, as_admin).await),
        ("robots cost no hash", list(slow(), as_robot).await),
        ("it is forbidden", list(slow(), never).await),
        (
            "an LDAP knows the users",
            list(slow().auth_mode(ldap), as_admin).await,
        ),
        (
            "an OIDC provider does",
            list(slow().auth_mode(oidc), as_admin).await,
        ),
    ] {
        assert_complete(&harbor, &told);
        assert_eq!(harbor.log().of_path("/c/login"), 0, "{why}");
    }
}

#[tokio::test]
async fn whoever_wants_sessions_always_has_them_where_hashing_is_cheap_too() {
    let always = |harbor: &HarborV2| as_admin(harbor).session(SessionUse::Always);
    let (harbor, told) = list(HarborV2::builder(), always).await;
    assert_complete(&harbor, &told);
    assert_eq!(harbor.accounts().form_logins(), 1);
    let always = |harbor: &HarborV2| as_robot(harbor).session(SessionUse::Always);
    let (harbor, told) = list(HarborV2::builder(), always).await;
    assert_complete(&harbor, &told);
    assert_eq!(harbor.log().of_path("/c/login"), 0, "robots have none");
}

#[tokio::test]
async fn where_the_server_lets_nobody_in_the_password_is_sent_as_before() {
    for refusal in [
        Action::status(403),
        Action::status(500),
        Action::status(302),
        Action::Html,
        Action::Reset,
    ] {
        let (harbor, clock) = start(slow()).await;
        let fault = Fault::new(refusal.clone()).on_path("/c/login");
        harbor.faults().arm(fault);
        let told = observe(connector(as_admin(&harbor), &clock)).await;
        assert_complete(&harbor, &told);
        assert_eq!(
            harbor.log().of_path("/c/login"),
            1,
            "{refusal:?}: tried once"
        );
        assert_eq!(harbor.accounts().failed_logins(HarborV2::USERNAME), 0);
    }
}

#[tokio::test]
async fn a_server_that_takes_forms_over_https_alone_is_listed_by_password_over_http() {
    let (harbor, told) = list(slow().check_origin(true), as_admin).await;
    assert_complete(&harbor, &told);
    assert_eq!(harbor.log().of_path("/c/login"), 1);
    assert_eq!(harbor.accounts().form_logins(), 0);
}

#[tokio::test]
async fn whose_password_an_oidc_provider_knows_lists_by_basic() {
    let ann = Account::administrator("ann", "AnnsPass1");
    let as_ann = |harbor: &HarborV2| {
        let config = config(harbor)
            .username("ann")
            .password(Secret::new("AnnsPass1"));
        config.session(SessionUse::Always)
    };
    let (harbor, told) = list(slow().account(ann).auth_mode(AuthMode::Oidc), as_ann).await;
    assert_complete(&harbor, &told);
    assert_eq!(harbor.log().of_path("/c/login"), 1);
    assert_eq!(harbor.accounts().form_logins(), 0);
}

#[tokio::test]
async fn a_session_that_is_worth_less_than_the_password_is_not_used() {
    let (harbor, clock) = start(slow()).await;
    let plain = r#"{"username":"admin","sysadmin_flag":false}"#;
    let plain = Action::Answer {
        status: 200,
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        body: plain.to_owned(),
    };
    let fault = Fault::new(plain).on_path("/users/current").nth(2);
    harbor.faults().arm(fault);
    let told = observe(connector(as_admin(&harbor), &clock)).await;
    assert_eq!(harbor.faults().struck(), 1);
    assert_complete(&harbor, &told);
    // Two visits, `users/current` by session, and the way out.
    assert_eq!(harbor.accounts().password_hashes(), told.requests - 4);
    assert_eq!(harbor.accounts().open_sessions(), 0);
}

#[tokio::test]
async fn a_session_that_ends_in_mid_run_is_renewed_once() {
    let (harbor, whole) = list(slow(), as_admin).await;
    assert_complete(&harbor, &whole);
    for k in 6..=whole.requests {
        let (harbor, clock) = start(slow()).await;
        let harbor = Arc::new(harbor);
        let server = Arc::downgrade(&harbor);
        harbor.before_request(move |number, _, _| {
            if let Some(harbor) = server.upgrade().filter(|_| number == k) {
                harbor.accounts().end_sessions();
            }
        });
        let told = observe(connector(as_admin(&harbor), &clock)).await;
        assert_complete(&harbor, &told);
        let accounts = harbor.accounts();
        let renewed = accounts.form_logins() - 1;
        // The last request is the sign-out, of which nobody is told that it came too late.
        assert_eq!(renewed, u64::from(k < whole.requests), "request {k}");
        assert_eq!(accounts.password_hashes(), 2 + renewed, "request {k}");
    }
}

#[tokio::test]
async fn a_session_that_keeps_ending_is_given_up_for_the_password() {
    let (harbor, clock) = start(slow()).await;
    harbor.accounts().end_sessions_after(Some(4));
    let told = observe(connector(as_admin(&harbor), &clock)).await;
    assert_complete(&harbor, &told);
    assert_eq!(harbor.accounts().form_logins(), 2);
    // The first proof, two sign-ins, and what came after the second session.
    assert!(harbor.accounts().password_hashes() > 3);
}

/// Answers that no API gives to who is let in.
pub(crate) fn surprises() -> Vec<Action> {
    let statuses = [302, 400, 403, 412, 422, 500].map(Action::status);
    let bodies = [Action::Html, Action::TruncateBody];
    statuses.into_iter().chain(bodies).collect()
}

#[tokio::test]
async fn any_surprise_in_mid_run_makes_the_rest_go_by_password_and_the_session_is_signed_out() {
    for surprise in surprises() {
        let (harbor, clock) = start(slow()).await;
        let fault = Fault::new(surprise.clone()).on_path("/artifacts").nth(1);
        harbor.faults().arm(fault);
        let told = observe(connector(as_admin(&harbor), &clock)).await;
        assert_eq!(harbor.faults().struck(), 1, "{surprise:?}");
        assert_complete(&harbor, &told);
        let accounts = harbor.accounts();
        assert!(accounts.password_hashes() > 3, "{surprise:?}");
        let sessions = (accounts.form_logins(), accounts.open_sessions());
        assert_eq!(sessions, (1, 0), "{surprise:?}");
    }
}

#[tokio::test]
async fn a_session_whose_proof_fails_is_signed_out() {
    for surprise in surprises() {
        let (harbor, clock) = start(slow()).await;
        let fault = Fault::new(surprise.clone());
        harbor.faults().arm(fault.on_path("/users/current").nth(2));
        let told = observe(connector(as_admin(&harbor), &clock)).await;
        assert_eq!(harbor.faults().struck(), 1, "{surprise:?}");
        assert_complete(&harbor, &told);
        let accounts = harbor.accounts();
        let sessions = (accounts.form_logins(), accounts.open_sessions());
        assert_eq!(sessions, (1, 0), "{surprise:?}");
    }
}

#[tokio::test]
async fn a_verification_never_signs_in() {
    let (harbor, clock) = start(slow()).await;
    let always = as_admin(&harbor).session(SessionUse::Always);
    assert!(connector(always, &clock).verify().await.is_ok());
    assert_eq!(harbor.log().of_path("/c/login"), 0);
}

#[tokio::test]
async fn a_wrong_password_is_found_out_before_anything_is_signed_in() {
    let wrong = |harbor: &HarborV2| {
        as_admin(harbor)
            .password(Secret::new("wrong"))
            .session(SessionUse::Always)
    };
    let (harbor, told) = list(slow(), wrong).await;
    let error = told.end.unwrap_err();
    assert_eq!(error.code(), ErrorCode::FailedToVerifyUsernameOrPwd);
    assert_eq!(harbor.log().of_path("/c/login"), 0);
    assert_eq!(harbor.accounts().failed_logins(HarborV2::USERNAME), 1);
}
