use std::sync::Arc;

use super::{
    HarborV2,
    api::{Api, artifacts_path},
    wire::{ArtifactWire, ErrorsWire},
};
use crate::{
    connector::harbor::answers::{Identity, refusal},
    error::{IntegrationError, Step, Violation},
    http::{Answer, Patience, RequestCount},
    image::{Image, Reference, RepositoryName},
};

impl HarborV2 {
    /// One artifact with all its tags.
    pub(super) async fn look_up(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Image, IntegrationError> {
        let api = Api {
            account: self.harbor.account().await?,
            session: None,
            harbor: Arc::clone(&self.harbor),
            requests: RequestCount::new(),
            patience: Patience::Probe,
        };
        let path = format!("{}/{reference}", artifacts_path(repository));
        let answer = api
            .get(Step::Listing, &path, &[("with_tag", "true")])
            .await?;
        match answer.status() {
            200 => answer
                .json::<ArtifactWire>()?
                .into_image(Some(repository))
                .map_err(|source| IntegrationError::ProtocolViolation {
                    context: Box::new(answer.context()),
                    violation: Violation::Body,
                    source: Some(source),
                }),
            404 if names_project(&answer) => Err(no_project(&answer, repository)),
            404 if answer.is_json() => Err(IntegrationError::ImageNotFound {
                context: Box::new(answer.context()),
                repository: repository.clone(),
                reference: reference.clone(),
            }),
            // Before 2.9 even an administrator is told 403 of a project that does not exist.
            403 => match api.identify().await? {
                (Identity::Admin, _) => Err(no_project(&answer, repository)),
                (identity, _) => Err(refusal(&answer, identity)),
            },
            500.. => Err(refusal(&answer, Identity::User)),
            _ => Err(answer.violation(Violation::Status)),
        }
    }
}

fn names_project(answer: &Answer) -> bool {
    let errors = answer.json::<ErrorsWire>();
    errors.is_ok_and(|errors| errors.is_unknown_project())
}

fn no_project(answer: &Answer, repository: &RepositoryName) -> IntegrationError {
    IntegrationError::NamespaceNotFound {
        context: Box::new(answer.context()),
        namespace: repository.namespace().to_owned(),
    }
}
