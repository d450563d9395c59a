use std::sync::Arc;

use super::wire::{ErrorWire, StatisticsWire, UserWire};
use crate::{
    connector::harbor::{
        answers::{Identity, refusal, segment},
        session::Harbor,
    },
    error::{ErrorContext, IntegrationError, Step, Violation},
    http::{Account, Answer, Patience, RequestCount},
    image::RepositoryName,
};

/// The API 1.x as one account sees it in one run.
#[derive(Debug, Clone)]
pub(super) struct Api {
    pub(super) harbor: Arc<Harbor>,
    pub(super) account: Account,
    pub(super) requests: RequestCount,
    pub(super) patience: Patience,
}

impl Api {
    /// Asks with the account's credentials; `path` lies below `/api`.
    pub(super) async fn get(
        &self,
        step: Step,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Answer, IntegrationError> {
        let url = self.harbor.url(&format!("/api{path}"), query);
        let request = self.harbor.client.get(step, url).account(&self.account);
        let request = request.counted(&self.requests).patience(self.patience);
        request.send().await
    }

    /// Proves the account: lists answer a wrong password as they answer a stranger, and only
    /// `users/current` refuses it.
    pub(super) async fn identify(&self) -> Result<Identity, IntegrationError> {
        let answer = self.get(Step::Credentials, "/users/current", &[]).await?;
        match answer.status() {
            200 if answer.json::<UserWire>()?.has_admin_role => Ok(Identity::Admin),
            200 => Ok(Identity::User),
            // A valid robot is answered so, and anybody by a broken server. The token service tells:
            // it gives a robot a token in its name, and a wrong secret one for nobody.
            500 if self.is_robots_name() && self.is_known(Step::Credentials).await? => {
                Ok(Identity::Robot)
            }
            404 => Err(IntegrationError::RegistryTypeError {
                context: Box::new(answer.context()),
            }),
            500.. => Err(refusal(&answer, Identity::User)),
            _ => Err(answer.violation(Violation::Status)),
        }
    }

    fn is_robots_name(&self) -> bool {
        self.harbor.login.username.starts_with("robot$")
    }

    /// Whether the token service knows the account by its own name. It refuses a wrong secret.
    pub(super) async fn is_known(&self, step: Step) -> Result<bool, IntegrationError> {
        let sending = (&self.requests, self.patience);
        let token = self.harbor.token(step, &self.account, None, sending);
        Ok(token.await?.subject == self.harbor.login.username)
    }

    /// The true totals, which an administrator alone is told.
    pub(super) async fn statistics(&self) -> Result<StatisticsWire, IntegrationError> {
        let answer = self.get(Step::Listing, "/statistics", &[]).await?;
        match answer.status() {
            200 => answer.json(),
            _ => Err(refusal(&answer, Identity::Admin)),
        }
    }

    /// Whether the project exists.
    pub(super) async fn has_project(&self, id: u64) -> Result<bool, IntegrationError> {
        let answer = self
            .get(Step::Listing, &format!("/projects/{id}"), &[])
            .await?;
        match answer.status() {
            404 => Ok(!is_unknown_project(&answer)),
            500.. => Err(refusal(&answer, Identity::User)),
            _ => Ok(true),
        }
    }

    pub(super) fn context(&self, step: Step) -> Box<ErrorContext> {
        Box::new(self.harbor.client.context(step))
    }
}

/// Whether it is the project that is missing, and neither something within nor the path.
pub(super) fn is_unknown_project(answer: &Answer) -> bool {
    let told = answer.json_of_any_type::<ErrorWire>();
    answer.status() == 404
        && told.is_ok_and(|error| {
            error.message.starts_with("project ") && error.message.ends_with(" not found")
        })
}

/// The path of a repository's tags. The slashes of its name stand as they are: encoded twice, as 2.x
/// wants them, they are not found.
pub(super) fn tags_path(repository: &RepositoryName) -> String {
    format!("/repositories/{}/tags", repository_path(repository))
}

/// A repository's name within a path.
pub(super) fn repository_path(repository: &RepositoryName) -> String {
    let segments: Vec<_> = repository.as_str().split('/').map(segment).collect();
    segments.join("/")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_slashes_of_a_repository_stand_as_they_are() {
        let path = |name: &str| tags_path(&name.parse().unwrap());
        assert_eq!(
            path("team-a/team/app"),
            "/repositories/team-a/team/app/tags"
        );
        assert_eq!(
            path("2024/nested.dir/my_app-1.x%"),
            "/repositories/2024/nested.dir/my_app-1.x%25/tags"
        );
    }
}
