use super::{
    Quay,
    api::Api,
    wire::{ManifestWire, TagsWire},
};
use crate::{
    error::{ErrorContext, IntegrationError, Step, Violation},
    http::{Patience, RequestCount},
    image::{Image, Reference, RepositoryName},
};

impl Quay {
    /// One manifest: by tag with that tag alone, by digest with none.
    pub(super) async fn look_up(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Image, IntegrationError> {
        let organization = repository.namespace();
        let mut namespaces = self.connection.config.namespaces().iter();
        let namespace = namespaces
            .find(|namespace| namespace.organization == organization)
            .ok_or_else(|| IntegrationError::NamespaceNotFound {
                context: Box::new(self.connection.client.context(Step::Listing)),
                namespace: organization.to_owned(),
            })?;
        let requests = RequestCount::new();
        let api = Api::new(&self.connection, namespace, &requests, Patience::Probe);
        let missing = |context: ErrorContext| IntegrationError::ImageNotFound {
            context: Box::new(context),
            repository: repository.clone(),
            reference: reference.clone(),
        };
        let repository_path = format!("/api/v1/repository/{repository}");
        let (path, query) = match reference {
            Reference::Tag(tag) => (
                format!("{repository_path}/tag/"),
                vec![("specificTag", tag.as_str()), ("onlyActiveTags", "true")],
            ),
            Reference::Digest(digest) => (format!("{repository_path}/manifest/{digest}"), vec![]),
        };
        let answer = api.get(Step::Listing, &path, &query).await?;
        match answer.status() {
            200 => {}
            404 if answer.is_json() => return Err(missing(answer.context())),
            // An organisation that does not exist is answered so too.
            403 if api.is_administered().await? => {
                return Err(api.repository_refusal(repository, &answer));
            }
            _ => return Err(api.refusal(&answer)),
        }
        let image = match reference {
            Reference::Tag(tag) => {
                let TagsWire { tags, .. } = answer.json()?;
                let found = tags.into_iter().find(|found| found.name == tag.as_str());
                let found = found.ok_or_else(|| missing(answer.context()))?;
                found.into_image(repository)
            }
            Reference::Digest(digest) => answer
                .json::<ManifestWire>()?
                .into_image(repository, digest),
        };
        image.map_err(|source| IntegrationError::ProtocolViolation {
            context: Box::new(answer.context()),
            violation: Violation::Body,
            source: Some(source),
        })
    }
}
