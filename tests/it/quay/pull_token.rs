//! Tokens to pull from one repository, as a Quay gives them out.

use std::{sync::Arc, time::Duration};

use registry_intake::{
    clock::{Clock, ManualClock, Timestamp},
    config::{IntegrationConfig, Protocol, RegistryType, RegistryVersion, Secret, SessionUse},
    conformance::observe,
    error::{ErrorCode, ErrorRecord},
    image::Location,
    simulator::{
        Action, Fault, Quay,
        quay::{Robot, Scope, Token, User},
    },
};

use super::{as_owner, config, connector, start};
use crate::{
    harbor_v2::{
        jumping_clock,
        pull_token::{bearer, code, manifest, place},
    },
    replay::ReplayServer,
};

const HOUR: Duration = Duration::from_secs(3600);
const TOKEN: &str = "0123456789012345678901234567890123456789";
const ROBOT: (&str, &str) = ("acme+scanner", "ROBOTSECRET0123456789");

fn location(quay: &Quay, repository: &str) -> Location {
    let (organization, _) = repository.split_once('/').unwrap();
    let listed = quay.listed(organization).into_iter();
    let mut rows = listed.filter(|row| row.repository == repository);
    place(repository, rows.next().map(|row| row.digest))
}

fn robot() -> Robot {
    Robot::new(ROBOT.0, ROBOT.1).reads("acme/api")
}

#[tokio::test]
async fn a_token_pulls_from_its_repository_alone_until_it_ends() {
    // Later than the last push, before which the simulator never is.
    let manual = ManualClock::jumping_at("2036-02-01T00:00:00Z".parse().unwrap());
    let clock: Arc<dyn Clock> = Arc::new(manual.clone());
    let builder = Quay::builder().robot(robot()).clock(Arc::clone(&clock));
    let quay = builder.start().await.unwrap();
    let owner = (Quay::USERNAME, Quay::PASSWORD);
    for login in [None, Some(owner), Some(ROBOT)] {
        let mut config = as_owner(&quay);
        if let Some((username, password)) = login {
            config = config.username(username).password(Secret::new(password));
        }
        let (api, other) = (location(&quay, "acme/api"), location(&quay, "acme/tools"));
        let before = quay.log().total();
        let access = connector(config, &clock).pull_token(&api).await.unwrap();
        assert_eq!(quay.log().total() - before, 2, "{login:?}");
        let sent = quay.log().recent().pop().unwrap().account;
        let user = login.map_or("$oauthtoken", |(username, _)| username);
        assert_eq!(sent.as_deref(), Some(user));
        assert_eq!(access.location, api);
        assert_eq!(access.expires_at, Some(clock.now().saturating_add(HOUR)));

        let server = quay.address();
        let head = manifest(server, &access, "HEAD", &api).await;
        assert_eq!(head.status, 200, "{login:?}");
        let digest = api.digest.to_string();
        assert_eq!(head.header("Docker-Content-Digest"), Some(digest.as_str()));
        let got = manifest(server, &access, "GET", &api).await;
        assert!(got.body.contains("schemaVersion"), "{}", got.body);
        let elsewhere = manifest(server, &access, "HEAD", &other).await;
        assert_eq!(elsewhere.status, 401, "{login:?}");

        manual.advance(HOUR - Duration::from_secs(1));
        assert_eq!(manifest(server, &access, "HEAD", &api).await.status, 200);
        manual.advance(Duration::from_secs(1));
        assert_eq!(manifest(server, &access, "HEAD", &api).await.status, 401);
    }
}

#[tokio::test]
async fn refused_credentials_are_tried_once() {
    for (username, password, words) in [
        (Quay::USERNAME, "wrong", "Invalid Username or Password"),
        (ROBOT.0, "wrong", "Could not find robot"),
        ("$oauthtoken", TOKEN, "could not be validated"),
    ] {
        let (quay, clock) = start(Quay::builder().robot(robot())).await;
        let by_token = username == "$oauthtoken";
        let config = if by_token {
            config(&quay, &["acme"], password)
        } else {
            let config = as_owner(&quay).username(username);
            config.password(Secret::new(password))
        };
        let connector = connector(config, &clock);
        // In a public repository a stranger would be given one.
        let locations = ["acme/api", "acme/base"].map(|name| location(&quay, name));
        let refused = connector.pull_token(&locations[0]).await;
        let record = ErrorRecord::from(refused.as_ref().unwrap_err());
        assert_eq!(code(refused), ErrorCode::FailedToVerifyUsernameOrPwd);
        assert!(record.message.contains(words), "{}", record.message);
        let again = connector.pull_token(&locations[1]).await;
        assert_eq!(code(again), ErrorCode::FailedToVerifyUsernameOrPwd);
        assert_eq!(quay.log().of_path("/v2/auth"), 1, "{username}");

        if by_token {
            // No refusal of a token locks anything, so a verification tries it again.
            let all = Token::new(TOKEN, Quay::USERNAME, &Scope::ALL);
            quay.accounts().add_token(all);
            assert!(connector.verify().await.is_ok());
            connector.pull_token(&locations[0]).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_password_that_was_refused_at_the_page_is_not_tried_for_a_token_nor_the_other_way() {
    for page_first in [true, false] {
        let (quay, clock) = start(Quay::builder()).await;
        let config = as_owner(&quay).session(SessionUse::Always);
        let config = config.username(Quay::USERNAME);
        let connector = connector(config.password(Secret::new("wrong")), &clock);
        let location = location(&quay, "acme/api");
        for list in [page_first, !page_first] {
            if list {
                assert!(observe(Arc::clone(&connector)).await.is_complete());
            } else {
                let refused = connector.pull_token(&location).await;
                assert_eq!(code(refused), ErrorCode::FailedToVerifyUsernameOrPwd);
            }
            // The lock that a failure brings is over.
            clock.sleep(Duration::from_secs(10)).await;
        }
        assert_eq!(quay.accounts().failed_logins(Quay::USERNAME), 1);
    }
}

#[tokio::test]
async fn a_user_whom_somebody_else_locked_is_waited_for_and_not_for_ever() {
    let (quay, clock) = start(Quay::builder()).await;
    let owner = || {
        let config = as_owner(&quay).username(Quay::USERNAME);
        config.password(Secret::new(Quay::PASSWORD))
    };
    let location = location(&quay, "acme/api");
    let wrong = owner().password(Secret::new("wrong"));
    let refused = connector(wrong, &clock).pull_token(&location).await;
    assert_eq!(code(refused), ErrorCode::FailedToVerifyUsernameOrPwd);
    connector(owner(), &clock)
        .pull_token(&location)
        .await
        .unwrap();
    assert_eq!(quay.accounts().failed_logins(Quay::USERNAME), 1);

    let locked = Fault::new(Action::too_many_requests(Some("0")));
    quay.faults().arm(locked.on_path("/v2/auth"));
    let connector = connector(owner(), &clock);
    let locked = connector.pull_token(&location).await;
    assert_eq!(code(locked), ErrorCode::RateLimited);
    quay.faults().clear();
    connector.pull_token(&location).await.unwrap();
}

#[tokio::test]
async fn who_may_not_pull_is_told_so_by_the_repository() {
    let builder = Quay::builder()
        .robot(robot())
        .user(User::new("outsider", "Outsider1"))
        .token(Token::new(TOKEN, Quay::USERNAME, &[Scope::OrgAdmin]));
    let (quay, clock) = start(builder).await;
    let by = |username: &str, password: &str| {
        let config = as_owner(&quay).username(username);
        config.password(Secret::new(password))
    };
    for (config, repository) in [
        (by(ROBOT.0, ROBOT.1), "acme/tools"),
        (by("outsider", "Outsider1"), "acme/api"),
        (config(&quay, &["acme"], TOKEN), "acme/api"),
        (by(Quay::USERNAME, Quay::PASSWORD), "no-such/app"),
    ] {
        let location = location(&quay, repository);
        let error = connector(config, &clock)
            .pull_token(&location)
            .await
            .unwrap_err();
        let record = ErrorRecord::from(&error);
        assert_eq!(record.code, ErrorCode::TokenScopeMissing, "{repository}");
        assert!(record.message.contains(repository), "{}", record.message);
        assert!(record.remedy.contains("repo:read"), "{}", record.remedy);
    }
}

#[tokio::test]
async fn an_organisation_that_is_not_configured_has_no_token() {
    let (quay, clock) = start(Quay::builder()).await;
    let config = config(&quay, &["empty"], Quay::AUTH_TOKEN);
    let location = location(&quay, "acme/api");
    let refused = connector(config, &clock).pull_token(&location).await;
    assert_eq!(code(refused), ErrorCode::NamespaceNotFound);
    assert_eq!(quay.log().total(), 0);
}

#[tokio::test]
async fn a_token_does_not_say_that_its_repository_exists() {
    let (quay, clock) = start(Quay::builder()).await;
    let location = location(&quay, "acme/no-such");
    let connector = connector(as_owner(&quay), &clock);
    let access = connector.pull_token(&location).await.unwrap();
    let head = manifest(quay.address(), &access, "HEAD", &location).await;
    assert_eq!(head.status, 404);
}

#[tokio::test]
async fn a_token_is_made_for_the_name_that_the_server_has_and_asked_for_where_it_is() {
    let (quay, clock) = start(Quay::builder().external_url("https://elsewhere.test")).await;
    let config = as_owner(&quay).domain("quay.test").ip(quay.address().ip());
    let location = location(&quay, "acme/api");
    let access = connector(config, &clock).pull_token(&location).await;
    let access = access.unwrap();
    assert_eq!(access.dial, Some(quay.address().ip()));
    let head = manifest(quay.address(), &access, "HEAD", &location).await;
    assert_eq!(head.status, 200);
}

#[tokio::test]
async fn credentials_that_are_lost_on_the_way_get_no_strangers_token() {
    let (quay, clock) = start(Quay::builder()).await;
    quay.faults()
        .arm(Fault::new(Action::StripCredentials).times(2));
    let connector = connector(as_owner(&quay), &clock);
    let public = location(&quay, "acme/base");
    let refused = connector.pull_token(&public).await;
    assert_eq!(code(refused), ErrorCode::FailedToVerifyUsernameOrPwd);
    connector.pull_token(&public).await.unwrap();
}

#[tokio::test]
async fn what_answers_otherwise_gives_no_token() {
    for (action, expected) in [
        (Action::Html, ErrorCode::RegistryTypeError),
        (Action::status(500), ErrorCode::RegistryUnavailable),
        (Action::unavailable(None), ErrorCode::RegistryUnavailable),
    ] {
        let (quay, clock) = start(Quay::builder()).await;
        quay.faults().arm(Fault::new(action));
        let location = location(&quay, "acme/api");
        let refused = connector(as_owner(&quay), &clock)
            .pull_token(&location)
            .await;
        assert_eq!(code(refused), expected);
    }
}

#[tokio::test]
async fn neither_token_nor_secret_shows() {
    let (quay, clock) = start(Quay::builder()).await;
    let config = as_owner(&quay).username(Quay::USERNAME);
    let connector = connector(config.password(Secret::new(Quay::PASSWORD)), &clock);
    let location = location(&quay, "acme/api");
    let access = connector.pull_token(&location).await.unwrap();
    let shown = format!("{connector:?} {access:?}");
    assert!(shown.contains("[redacted]"), "{shown}");
    let secrets = [Quay::PASSWORD, Quay::AUTH_TOKEN];
    for part in bearer(&access).split('.').chain(secrets) {
        assert!(!shown.contains(part), "{shown}");
    }
}

#[tokio::test]
async fn every_recorded_account_gets_its_token_or_the_reason_why_not() {
    let missing = Some(ErrorCode::TokenScopeMissing);
    for (name, repository, expected) in [
        ("orgowner", "buynlarge/orgrepo", None),
        ("orgowner", "buynlarge/team/backend/api", None),
        // Whether there is such a repository is not asked.
        ("orgowner", "buynlarge/nosuch", None),
        ("$oauthtoken", "buynlarge/orgrepo", None),
        ("orgowner", "nosuchorg/x", missing),
        ("outsider", "buynlarge/orgrepo", missing),
        ("buynlarge+noaccess", "buynlarge/orgrepo", missing),
        ("quayadmin", "buynlarge/orgrepo", missing),
    ] {
        let server = ReplayServer::start("quay-3", &["v2_ping_and_auth"]).await;
        let config = IntegrationConfig::builder("recorded")
            .registry_type(RegistryType::Quay)
            .version(RegistryVersion::V2)
            .protocol(Protocol::Http)
            .domain(server.address().ip().to_string())
            .port(server.address().port())
            .namespace("buynlarge", Secret::new("any"));
        let config = match name {
            "$oauthtoken" => config,
            name => config.username(name).password(Secret::new("any")),
        };
        let connector = connector(config, &jumping_clock());
        let location = place(repository, None);
        let answer = connector.pull_token(&location).await;
        assert!(server.unmatched().is_empty(), "{:?}", server.unmatched());
        match expected {
            Some(expected) => assert_eq!(code(answer), expected, "{name} {repository}"),
            None => {
                let an_hour = Timestamp::UNIX_EPOCH.saturating_add(HOUR);
                assert_eq!(answer.unwrap().expires_at, Some(an_hour), "{name}");
            }
        }
    }
}
