use std::sync::Arc;

use super::wire::{ErrorWire, StatisticsWire, TagWire, UserWire};
use crate::{
    connector::harbor::{
        answers::{Identity, refusal, segment},
        session::Harbor,
    },
    error::{ErrorContext, IntegrationError, Step, Violation},
    http::{Account, Answer, Patience, RequestCount},
    image::{RepositoryName, Tag},
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
            200 if answer.json::<UserWire>()?.is_admin() => Ok(Identity::Admin),
            200 => Ok(Identity::User),
            // A valid robot is answered so, and anybody by a broken server. The token service tells:
            // to a wrong secret it gives a token for nobody.
            500 if self.harbor.login.username.starts_with("robot$") => {
                self.prove_by_token(Step::Credentials).await?;
                Ok(Identity::Robot)
            }
            404 => Err(self.harbor.other_registry(&answer, "V1").await),
            500.. => Err(refusal(&answer, Identity::User)),
            _ => Err(answer.violation(Violation::Status)),
        }
    }

    /// Proves the account at the token service, which users and robots pull by.
    pub(super) async fn prove_by_token(&self, step: Step) -> Result<(), IntegrationError> {
        let sending = (&self.requests, self.patience);
        let token = self.harbor.token(step, &self.account, None, sending);
        token.await.map(|_| ())
    }

    /// A tag with what Harbor knows of it; none where Harbor says that there is none.
    pub(super) async fn tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<TagWire>, IntegrationError> {
        let path = format!("{}/{tag}", tags_path(repository));
        let answer = self.get(Step::Listing, &path, &[]).await?;
        match answer.status() {
            200 => answer.json().map(Some),
            404 if is_told_by_harbor(&answer) => Ok(None),
            404 => Err(answer.violation(Violation::Status)),
            _ => Err(refusal(&answer, Identity::User)),
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

    /// Whether this is a 1.10, of which it was recorded how it behaves where that is not told.
    pub(super) async fn is_recorded_release(&self) -> Result<bool, IntegrationError> {
        let version = self.harbor.stated_version(&self.requests, self.patience);
        let version = version.await?;
        Ok(version.is_some_and(|version| version.starts_with("v1.10.")))
    }

    pub(super) fn context(&self, step: Step) -> Box<ErrorContext> {
        Box::new(self.harbor.client.context(step))
    }
}

/// Whether it is the project that is missing, and neither something within nor the path.
fn is_unknown_project(answer: &Answer) -> bool {
    message_of(answer).is_some_and(|message| {
        answer.status() == 404 && message.starts_with("project ") && message.ends_with(" not found")
    })
}

/// Whether an error is Harbor's own, and not a page of something in front of it.
fn is_told_by_harbor(answer: &Answer) -> bool {
    message_of(answer).is_some_and(|message| !message.is_empty())
}

fn message_of(answer: &Answer) -> Option<String> {
    let told = answer.json_of_any_type::<ErrorWire>();
    told.ok().map(|error| error.message)
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
