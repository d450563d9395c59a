use std::collections::BTreeMap;

use super::Subject;
use crate::{
    connector::PullCredential,
    error::{ErrorCode, IntegrationError},
    image::Location,
    simulator::{Action, Fault},
};

/// A connector that gives tokens for pulling gives one for each repository, which ends and shows
/// nowhere; takes nothing else for one; and gives none by a refused password, which it tries once.
///
/// # Panics
/// Where the connector fails the case.
pub async fn pull_tokens_are_for_who_may_pull<S: Subject>(start: impl AsyncFn() -> S) {
    let subject = start().await;
    let connector = subject.connector();
    let locations = one_of_each_repository(&subject);
    for location in &locations {
        let access = match connector.pull_token(location).await {
            Err(IntegrationError::NotSupported { .. }) => return,
            access => access.expect("a token for an image that is there"),
        };
        let PullCredential::Bearer { token } = &access.credential else {
            panic!("no token: {access:?}");
        };
        assert_eq!(&access.location, location);
        assert!(access.expires_at.is_some(), "a token without an end");
        assert!(
            !format!("{access:?}").contains(token.expose()),
            "{location:?}"
        );
        for action in [Action::Html, Action::TruncateBody, Action::status(500)] {
            let case = format!("{location:?} {action:?}");
            subject.faults().arm(Fault::new(action));
            let answer = connector.pull_token(location).await;
            assert!(answer.is_err(), "{case}: a token out of nothing");
            subject.faults().clear();
        }
    }
    subject.change_password_after(0);
    for location in &locations {
        let refused = connector.pull_token(location).await;
        let error = refused.expect_err("a token by a wrong password");
        assert_eq!(error.code(), ErrorCode::FailedToVerifyUsernameOrPwd);
        let failed = subject.failed_logins();
        assert!(failed <= 1, "a refused password tried again");
    }
}

fn one_of_each_repository(subject: &impl Subject) -> Vec<Location> {
    let images = subject.contents().into_iter();
    let by_repository: BTreeMap<_, _> = images
        .map(|image| (image.repository, image.digest))
        .collect();
    by_repository
        .into_iter()
        .map(|(repository, digest)| Location {
            repository: repository.parse().expect("a repository's name"),
            digest: digest.parse().expect("a digest"),
            tags: Vec::new(),
        })
        .collect()
}
