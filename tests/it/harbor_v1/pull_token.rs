//! What a scanner is given to pull with.

use std::time::Duration;

use registry_intake::{
    config::Secret,
    connector::PullCredential,
    error::ErrorCode,
    simulator::{
        HarborV1,
        harbor_v1::{Contents, Push},
    },
};

use super::{as_admin, as_plain, as_robot, connector, plain, robot, start};
use crate::harbor_v2::pull_token::{code, manifest, place};

#[tokio::test]
async fn a_token_pulls_from_its_repository_for_who_may() {
    let mut contents = Contents::empty();
    let digest = contents.push("payments/api", Push::image().tag("1"));
    let builder = HarborV1::builder().contents(contents);
    let (harbor, clock) = start(builder.account(plain()).account(robot())).await;
    let location = place("payments/api", Some(digest));
    for config in [as_admin(&harbor), as_robot(&harbor)] {
        let access = connector(config, &clock)
            .pull_token(&location)
            .await
            .unwrap();
        let half_an_hour = clock.now().saturating_add(Duration::from_secs(1800));
        assert_eq!(access.expires_at, Some(half_an_hour));
        let pulled = manifest(harbor.address(), &access, "GET", &location).await;
        assert_eq!(pulled.status, 200);
    }
    let refused = connector(as_plain(&harbor), &clock)
        .pull_token(&location)
        .await;
    assert_eq!(code(refused), ErrorCode::TokenScopeMissing);
    let wrong = as_admin(&harbor).password(Secret::new("wrong"));
    let refused = connector(wrong, &clock).pull_token(&location).await;
    assert_eq!(code(refused), ErrorCode::FailedToVerifyUsernameOrPwd);
    assert_eq!(harbor.accounts().failed_logins(HarborV1::USERNAME), 1);
}

/// `/v2/` of 1.x takes no password, but the token service to which it sends takes this one.
#[tokio::test]
async fn pull_access_is_the_accounts_own() {
    let (harbor, clock) = start(HarborV1::builder()).await;
    let location = place("payments/api", None);
    let access = connector(as_admin(&harbor), &clock)
        .pull_access(&location)
        .await;
    match access.unwrap().credential {
        PullCredential::Basic { username, password } => {
            assert_eq!(username, HarborV1::USERNAME);
            assert_eq!(password.expose(), HarborV1::PASSWORD);
        }
        other => panic!("{other:?}"),
    }
}
