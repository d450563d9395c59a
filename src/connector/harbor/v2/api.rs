use std::{sync::Arc, time::Duration};

use super::wire::{ErrorsWire, StatisticsWire, UserWire};
use crate::{
    connector::{
        harbor::{
            answers::{Identity, refusal, segment},
            session::Harbor,
        },
        session::{self, Session},
    },
    error::{ErrorContext, IntegrationError, Step, Violation},
    http::{Account, Answer, Patience, RequestCount},
    image::RepositoryName,
};

/// The API 2.0 as one account sees it in one run.
#[derive(Debug, Clone)]
pub(super) struct Api {
    pub(super) harbor: Arc<Harbor>,
    pub(super) account: Account,
    /// Used before the account where there is one.
    pub(super) session: Option<Arc<Session>>,
    pub(super) requests: RequestCount,
    pub(super) patience: Patience,
}

impl Api {
    /// Asks with the account's credentials; `path` lies below `/api/v2.0`.
    pub(super) async fn get(
        &self,
        step: Step,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Answer, IntegrationError> {
        let url = self.harbor.url(&format!("/api/v2.0{path}"), query);
        let request = |account: &Account| {
            let request = self.harbor.client.get(step, url.clone()).account(account);
            request.counted(&self.requests).patience(self.patience)
        };
        session::send(self.session.as_ref(), &self.account, request).await
    }

    /// Proves the account: lists answer a wrong password as they answer a stranger, and only
    /// `users/current` refuses it. Tells how long the server took to weigh it, too.
    pub(super) async fn identify(&self) -> Result<(Identity, Duration), IntegrationError> {
        let answer = self.get(Step::Credentials, "/users/current", &[]).await?;
        let identity = match answer.status() {
            200 if answer.json::<UserWire>()?.is_admin() => Identity::Admin,
            200 => Identity::User,
            412 => Identity::Robot,
            // 2.0 answers a valid robot so, but a broken server may answer anybody so. No user has
            // such a name, and the distribution API refuses a wrong secret.
            500 if self.harbor.login.username.starts_with("robot$") => {
                self.may_pull(Step::Credentials).await?;
                Identity::Robot
            }
            404 => return Err(self.harbor.other_registry(&answer, "V2").await),
            500.. => return Err(refusal(&answer, Identity::User)),
            _ => return Err(answer.violation(Violation::Status)),
        };
        Ok((identity, answer.elapsed()))
    }

    /// The distribution API takes the credentials as they are, and refuses wrong ones.
    pub(super) async fn may_pull(&self, step: Step) -> Result<(), IntegrationError> {
        let answer = self
            .harbor
            .client
            .get(step, self.harbor.url("/v2/", &[]))
            .account(&self.account)
            .counted(&self.requests)
            .patience(self.patience)
            .send()
            .await?;
        match answer.status() {
            200 => Ok(()),
            500.. => Err(refusal(&answer, Identity::User)),
            _ => Err(answer.violation(Violation::Status)),
        }
    }

    /// The true totals, which an administrator alone is told.
    pub(super) async fn statistics(&self) -> Result<StatisticsWire, IntegrationError> {
        let answer = self.get(Step::Listing, "/statistics", &[]).await?;
        match answer.status() {
            200 => answer.json(),
            _ => Err(refusal(&answer, Identity::Admin)),
        }
    }

    /// Whether the project exists. Before 2.9 even an administrator is told 403 of one that does
    /// not; to anybody else 403 says nothing.
    pub(super) async fn has_project(
        &self,
        id: u64,
        identity: Identity,
    ) -> Result<bool, IntegrationError> {
        let answer = self
            .get(Step::Listing, &format!("/projects/{id}"), &[])
            .await?;
        Ok(match answer.status() {
            403 => identity != Identity::Admin,
            status => status != 404,
        })
    }

    pub(super) fn context(&self, step: Step) -> Box<ErrorContext> {
        Box::new(self.harbor.client.context(step))
    }
}

/// Whether the server does not know the path, as before the version that brought it.
pub(super) fn is_unknown_path(answer: &Answer) -> bool {
    answer.status() == 404
        && answer
            .json::<ErrorsWire>()
            .is_ok_and(|errors| errors.is_unknown_path())
}

/// The path of a repository's artifacts. The slashes of its name are encoded twice: the proxy in
/// front decodes once, and a raw slash would split the segment.
pub(super) fn artifacts_path(repository: &RepositoryName) -> String {
    let twice = segment(&segment(repository.within_namespace()));
    let project = segment(repository.namespace());
    format!("/projects/{project}/repositories/{twice}/artifacts")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn slashes_of_a_repository_are_encoded_twice_and_other_spellings_not_at_all() {
        let path = |name: &str| artifacts_path(&name.parse().unwrap());
        assert_eq!(
            path("team-a/team/app"),
            "/projects/team-a/repositories/team%252Fapp/artifacts"
        );
        assert_eq!(
            path("2024/nested.dir/my_app-1.x"),
            "/projects/2024/repositories/nested.dir%252Fmy_app-1.x/artifacts"
        );
    }
}
