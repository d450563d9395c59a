use super::{
    HarborV1,
    api::Api,
    manifests::{Found, Manifests},
};
use crate::{
    connector::harbor::answers::{Identity, refusal},
    error::{ErrorCode, IntegrationError, Step},
    http::{Patience, RequestCount},
    image::{Digest, Image, ImageKind, Reference, RepositoryName, Tag},
};

impl HarborV1 {
    /// One manifest: by tag with that tag alone, by digest with none.
    pub(super) async fn look_up(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Image, IntegrationError> {
        let api = self.api(&RequestCount::new(), Patience::Probe).await?;
        let found = match reference {
            Reference::Tag(tag) => api.image_by_tag(repository, tag).await?,
            Reference::Digest(digest) => api.image_by_digest(repository, digest).await?,
        };
        found.ok_or_else(|| IntegrationError::ImageNotFound {
            context: api.context(Step::Listing),
            repository: repository.clone(),
            reference: reference.clone(),
        })
    }
}

impl Api {
    async fn image_by_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<Image>, IntegrationError> {
        match self.tag(repository, tag).await? {
            Some(row) => Manifests::new(self, repository).of(row).await,
            // The tag is missed before its project is.
            None => self.find_project(repository).await.map(|()| None),
        }
    }

    async fn image_by_digest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Image>, IntegrationError> {
        let asked = digest.to_string();
        let mut manifests = Manifests::new(self, repository);
        let exists = match manifests.head(&asked, Some(&asked)).await {
            Ok(found) => !matches!(found, Found::Nothing),
            // The token service grants nothing in a project that does not exist, and does not say so.
            Err(error) if error.code() == ErrorCode::TokenScopeMissing => {
                self.find_project(repository).await?;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        // Of what kind it is would be told by an answer that counts as a pull.
        Ok(exists.then(|| Image {
            repository: repository.clone(),
            digest: digest.clone(),
            tags: Vec::new(),
            kind: ImageKind::Unknown,
            media_type: None,
            size: None,
            platforms: Vec::new(),
            pushed_at: None,
            pulled_at: None,
        }))
    }

    /// Makes sure that the repository's project exists.
    async fn find_project(&self, repository: &RepositoryName) -> Result<(), IntegrationError> {
        let project = repository.namespace();
        let query = [("project_name", project)];
        let harbor = &self.harbor;
        let answer = harbor
            .client
            .head(Step::Listing, harbor.url("/api/projects", &query))
            .account(&self.account)
            .patience(self.patience)
            .send()
            .await?;
        match answer.status() {
            404 => Err(IntegrationError::NamespaceNotFound {
                context: Box::new(answer.context()),
                namespace: project.to_owned(),
            }),
            200 => Ok(()),
            _ => Err(refusal(&answer, Identity::User)),
        }
    }
}
