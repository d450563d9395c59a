//! Tokens to pull from one repository, as a Harbor gives them out.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use registry_intake::{
    clock::{Clock, ManualClock, Timestamp},
    config::{Protocol, Secret},
    connector::{PullAccess, PullCredential},
    error::{ErrorCode, ErrorRecord, IntegrationError, Step},
    image::Location,
    simulator::{
        Action, Fault, HarborV2,
        harbor_v2::{Account, Release, Role},
    },
};
use serde_json::{Value, json};

use super::{as_admin, as_robot, config, connector, start};
use crate::replay::wire::{Received, ask};

const HALF_AN_HOUR: Duration = Duration::from_secs(1800);
const TOKENS: &str = "/service/token";

/// A place that the registry lists, or one that it does not.
fn location(harbor: &HarborV2, repository: &str) -> Location {
    let listed = harbor.listed().into_iter();
    let mut rows = listed.filter(|row| row.repository == repository);
    let digest = rows.next().map(|row| row.digest);
    place(repository, digest)
}

pub(crate) fn place(repository: &str, digest: Option<String>) -> Location {
    let digest = digest.unwrap_or_else(|| format!("sha256:{:064x}", 1));
    Location {
        repository: repository.parse().unwrap(),
        digest: digest.parse().unwrap(),
        tags: Vec::new(),
    }
}

pub(crate) fn bearer(access: &PullAccess) -> &str {
    match &access.credential {
        PullCredential::Bearer { token } => token.expose(),
        other => panic!("{other:?}"),
    }
}

/// What a scanner that holds nothing but the access is told of the manifest at `location`.
pub(crate) async fn manifest(
    server: SocketAddr,
    access: &PullAccess,
    method: &str,
    location: &Location,
) -> Received {
    let Location {
        repository, digest, ..
    } = location;
    let types = [
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    ];
    let headers = [
        ("Host".to_owned(), access.host.clone()),
        ("Accept".to_owned(), types.join(",")),
        (
            "Authorization".to_owned(),
            format!("Bearer {}", bearer(access)),
        ),
    ];
    let target = format!("/v2/{repository}/manifests/{digest}");
    ask(server, method, &target, &headers, "").await
}

pub(crate) fn code(result: Result<PullAccess, IntegrationError>) -> ErrorCode {
    let error = result.expect_err("a token that must not be");
    assert_eq!(error.context().step, Step::Pull);
    error.code()
}

#[tokio::test]
async fn a_token_pulls_from_its_repository_alone_until_it_ends() {
    for release in Release::ALL {
        let manual = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
        let clock: Arc<dyn Clock> = Arc::new(manual.clone());
        let builder = HarborV2::builder().release(release);
        let harbor = builder.clock(Arc::clone(&clock)).start().await.unwrap();
        for config in [as_admin(&harbor), as_robot(&harbor)] {
            let (api, index) = (
                location(&harbor, "payments/api"),
                location(&harbor, "library/hello-world"),
            );
            let before = harbor.log().total();
            let access = connector(config, &clock).pull_token(&api).await.unwrap();
            assert_eq!(harbor.log().total() - before, 1, "{release}");
            assert_eq!(access.location, api);
            assert_eq!(
                access.expires_at,
                Some(clock.now().saturating_add(HALF_AN_HOUR))
            );

            let server = harbor.address();
            let head = manifest(server, &access, "HEAD", &api).await;
            assert_eq!(head.status, 200, "{release}");
            let digest = api.digest.to_string();
            assert_eq!(head.header("Docker-Content-Digest"), Some(digest.as_str()));
            let got = manifest(server, &access, "GET", &api).await;
            assert!(got.body.contains("schemaVersion"), "{}", got.body);
            let elsewhere = manifest(server, &access, "HEAD", &index).await;
            assert_eq!(elsewhere.status, 401, "{release}");

            manual.advance(HALF_AN_HOUR - Duration::from_secs(1));
            assert_eq!(manifest(server, &access, "HEAD", &api).await.status, 200);
            manual.advance(Duration::from_secs(1));
            assert_eq!(manifest(server, &access, "HEAD", &api).await.status, 401);
        }
    }
}

#[tokio::test]
async fn a_wrong_password_gets_no_token_even_for_what_is_public_and_costs_one_failed_log_in() {
    for release in Release::ALL {
        for repository in ["payments/api", "library/nginx"] {
            let (harbor, clock) = start(HarborV2::builder().release(release)).await;
            let wrong = as_admin(&harbor).password(Secret::new("not-the-password"));
            let connector = connector(wrong, &clock);
            let location = location(&harbor, repository);
            for _ in 0..2 {
                let refused = connector.pull_token(&location).await;
                assert_eq!(code(refused), ErrorCode::FailedToVerifyUsernameOrPwd);
                assert_eq!(harbor.accounts().failed_logins(HarborV2::USERNAME), 1);
                assert_eq!(harbor.log().total(), 1, "{release} {repository}");
            }
        }
    }
}

#[tokio::test]
async fn a_password_that_is_changed_gets_no_token_and_the_new_one_does() {
    let (harbor, clock) = start(HarborV2::builder()).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), HarborV2::PASSWORD).unwrap();
    let rotated = as_admin(&harbor).password(Secret::file(file.path()));
    let connector = connector(rotated, &clock);
    let location = location(&harbor, "payments/api");
    connector.pull_token(&location).await.unwrap();
    let accounts = harbor.accounts();
    accounts.set_password(HarborV2::USERNAME, "Another12345");
    for _ in 0..2 {
        let refused = connector.pull_token(&location).await;
        assert_eq!(code(refused), ErrorCode::FailedToVerifyUsernameOrPwd);
    }
    assert_eq!(accounts.failed_logins(HarborV2::USERNAME), 1);
    std::fs::write(file.path(), "Another12345").unwrap();
    connector.pull_token(&location).await.unwrap();
    assert_eq!(accounts.failed_logins(HarborV2::USERNAME), 1);
}

#[tokio::test]
async fn a_user_name_that_somebody_else_locked_is_waited_for() {
    let (harbor, clock) = start(HarborV2::builder()).await;
    let location = location(&harbor, "library/nginx");
    // A locked user is answered at once and as a stranger is.
    harbor
        .faults()
        .arm(Fault::new(Action::StripCredentials).nth(1));
    let before = clock.monotonic();
    let access = connector(as_admin(&harbor), &clock)
        .pull_token(&location)
        .await;
    assert!(clock.monotonic() - before >= Duration::from_millis(1500));
    let access = access.unwrap();
    let head = manifest(harbor.address(), &access, "HEAD", &location).await;
    assert_eq!(head.status, 200);
    assert_eq!(harbor.log().total(), 3);
}

#[tokio::test]
async fn who_may_not_pull_is_told_so_by_the_repository() {
    let plain = Account::user("plain", "Plain12345").member_of("payments", Role::Guest);
    let (harbor, clock) = start(HarborV2::builder().account(plain)).await;
    let plain = || {
        let config = config(&harbor).username("plain");
        config.password(Secret::new("Plain12345"))
    };
    let member = location(&harbor, "payments/api");
    connector(plain(), &clock)
        .pull_token(&member)
        .await
        .unwrap();
    for (config, repository) in [
        (plain(), "2024/0"),
        (plain(), "no-such-project/app"),
        (as_admin(&harbor), "no-such-project/app"),
    ] {
        let location = location(&harbor, repository);
        let error = connector(config, &clock)
            .pull_token(&location)
            .await
            .unwrap_err();
        let record = ErrorRecord::from(&error);
        assert_eq!(record.code, ErrorCode::TokenScopeMissing, "{repository}");
        assert!(record.message.contains(repository), "{}", record.message);
        assert!(record.remedy.contains("read the repository"));
        assert!(!error.is_retryable());
    }
    assert_eq!(harbor.accounts().failed_logins("plain"), 0);
}

#[tokio::test]
async fn a_token_does_not_say_that_its_repository_exists() {
    let (harbor, clock) = start(HarborV2::builder()).await;
    let location = location(&harbor, "payments/no-such");
    let connector = connector(as_admin(&harbor), &clock);
    let access = connector.pull_token(&location).await.unwrap();
    let head = manifest(harbor.address(), &access, "HEAD", &location).await;
    assert_eq!(head.status, 404);
}

#[tokio::test]
async fn a_server_whose_clock_is_off_gives_tokens_that_are_fresh() {
    let here: Timestamp = "2026-02-01T00:00:00Z".parse().unwrap();
    for there in ["2016-02-01T00:00:00Z", "2036-02-01T00:00:00Z"] {
        let theirs = ManualClock::jumping_at(there.parse().unwrap());
        let builder = HarborV2::builder().clock(Arc::new(theirs));
        let harbor = builder.start().await.unwrap();
        let ours: Arc<dyn Clock> = Arc::new(ManualClock::jumping_at(here));
        let location = location(&harbor, "payments/api");
        let connector = connector(as_admin(&harbor), &ours);
        let access = connector.pull_token(&location).await.unwrap();
        assert_eq!(access.expires_at, Some(here.saturating_add(HALF_AN_HOUR)));
    }
}

#[tokio::test]
async fn neither_token_nor_password_shows() {
    let (harbor, clock) = start(HarborV2::builder()).await;
    let connector = connector(as_admin(&harbor), &clock);
    let location = location(&harbor, "payments/api");
    let access = connector.pull_token(&location).await.unwrap();
    let shown = format!("{connector:?} {access:?}");
    assert!(shown.contains("[redacted]"), "{shown}");
    for part in bearer(&access).split('.').chain([HarborV2::PASSWORD]) {
        assert!(!shown.contains(part), "{shown}");
    }
}

#[tokio::test]
async fn credentials_go_to_the_configured_address_whatever_the_server_calls_itself() {
    let (harbor, clock) = start(HarborV2::builder().external_url("https://elsewhere.test")).await;
    let config = as_admin(&harbor)
        .domain("harbor.test")
        .ip(harbor.address().ip());
    let location = location(&harbor, "payments/api");
    let access = connector(config, &clock).pull_token(&location).await;
    let access = access.unwrap();
    assert_eq!(
        (access.protocol, access.host.as_str(), access.dial),
        (Protocol::Http, "harbor.test", Some(harbor.address().ip()))
    );
    let head = manifest(harbor.address(), &access, "HEAD", &location).await;
    assert_eq!(head.status, 200);
}

fn token(claims: &Value) -> String {
    let payload = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("e30.{payload}.c2lnbmF0dXJl")
}

/// A right answer for `payments/api`, changed.
fn answered(change: impl FnOnce(&mut Value, &mut Value)) -> Action {
    let grant = json!({ "type": "repository", "name": "payments/api", "actions": ["pull"] });
    let mut claims = json!({ "sub": "admin", "iat": 100, "exp": 160, "access": [grant] });
    let mut body = json!({ "expires_in": 60 });
    change(&mut claims, &mut body);
    if body.get("token").is_none() {
        body["token"] = json!(token(&claims));
    }
    Action::Answer {
        status: 200,
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        body: body.to_string(),
    }
}

#[tokio::test]
async fn what_a_token_says_of_itself_is_read_closely() {
    let cases = [
        ("as it is", answered(|_, _| {}), None),
        (
            "without its beginning",
            answered(|claims, _| claims["iat"] = Value::Null),
            None,
        ),
        (
            "without any lifetime",
            answered(|claims, body| {
                claims["iat"] = Value::Null;
                body["expires_in"] = Value::Null;
            }),
            Some(ErrorCode::ProtocolViolation),
        ),
        (
            "over before it began",
            answered(|claims, body| {
                claims["exp"] = json!(40);
                body["expires_in"] = json!(0);
            }),
            Some(ErrorCode::ProtocolViolation),
        ),
        (
            "no JSON Web Token",
            answered(|_, body| body["token"] = json!("opaque")),
            Some(ErrorCode::ProtocolViolation),
        ),
        (
            "no token",
            answered(|_, body| body["token"] = Value::Null),
            Some(ErrorCode::ProtocolViolation),
        ),
        (
            "granting nothing",
            answered(|claims, _| claims["access"] = Value::Null),
            Some(ErrorCode::TokenScopeMissing),
        ),
        (
            "granting another action",
            answered(|claims, _| claims["access"][0]["actions"] = json!(["push"])),
            Some(ErrorCode::TokenScopeMissing),
        ),
        (
            "granting another repository",
            answered(|claims, _| claims["access"][0]["name"] = json!("payments/api2")),
            Some(ErrorCode::TokenScopeMissing),
        ),
        (
            "granting what is no repository",
            answered(|claims, _| claims["access"][0]["type"] = json!("registry")),
            Some(ErrorCode::TokenScopeMissing),
        ),
        (
            "for nobody, as 2.0 writes it",
            answered(|claims, _| claims["sub"] = json!("")),
            Some(ErrorCode::FailedToVerifyUsernameOrPwd),
        ),
        ("a page", Action::Html, Some(ErrorCode::ProtocolViolation)),
        (
            "cut",
            Action::TruncateBody,
            Some(ErrorCode::ProtocolViolation),
        ),
        (
            "unknown",
            Action::status(404),
            Some(ErrorCode::ProtocolViolation),
        ),
        (
            "broken",
            Action::status(500),
            Some(ErrorCode::RegistryUnavailable),
        ),
        (
            "limited",
            Action::too_many_requests(Some("2")),
            Some(ErrorCode::RateLimited),
        ),
    ];
    for (case, action, expected) in cases {
        let (harbor, clock) = start(HarborV2::builder()).await;
        harbor.faults().arm(Fault::new(action).on_path(TOKENS));
        let location = location(&harbor, "payments/api");
        let result = connector(as_admin(&harbor), &clock)
            .pull_token(&location)
            .await;
        match expected {
            Some(expected) => assert_eq!(code(result), expected, "{case}"),
            None => assert_eq!(
                result.unwrap().expires_at,
                Some(clock.now().saturating_add(Duration::from_secs(60))),
                "{case}"
            ),
        }
    }
}
