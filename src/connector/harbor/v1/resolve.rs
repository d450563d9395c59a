use super::{
    HarborV1,
    api::{Api, tags_path},
    manifests::{Found, Manifests},
    wire::TagWire,
};
use crate::{
    connector::harbor::answers::{Identity, refusal},
    error::{ErrorCode, IntegrationError, Step},
    http::{Patience, RequestCount},
    image::{Digest, Image, Reference, RepositoryName, Tag},
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
            Reference::Tag(tag) => api.tag(repository, tag).await?,
            Reference::Digest(digest) => api.manifest(repository, digest).await?,
        };
        found.ok_or_else(|| IntegrationError::ImageNotFound {
            context: api.context(Step::Listing),
            repository: repository.clone(),
            reference: reference.clone(),
        })
    }
}

impl Api {
    async fn tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<Image>, IntegrationError> {
        let path = format!("{}/{tag}", tags_path(repository));
        let answer = self.get(Step::Listing, &path, &[]).await?;
        let row: TagWire = match answer.status() {
            200 => answer.json()?,
            // The tag is missed before its project is.
            404 => return self.find_project(repository).await.map(|()| None),
            _ => return Err(refusal(&answer, Identity::User)),
        };
        Manifests::new(self, repository).of(row).await
    }

    async fn manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Image>, IntegrationError> {
        let asked = digest.to_string();
        match Manifests::new(self, repository).head(&asked, None).await {
            Ok(Found::Manifest(manifest)) => Ok(Some(Image {
                repository: repository.clone(),
                digest: digest.clone(),
                tags: Vec::new(),
                kind: manifest.kind(),
                media_type: Some(manifest.media_type),
                size: None,
                platforms: Vec::new(),
                pushed_at: None,
                pulled_at: None,
            })),
            Ok(Found::AsShown | Found::Nothing) => Ok(None),
            // The token service grants nothing in a project that does not exist, and does not say so.
            Err(error) if error.code() == ErrorCode::TokenScopeMissing => {
                self.find_project(repository).await?;
                Err(error)
            }
            Err(error) => Err(error),
        }
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
            _ => Ok(()),
        }
    }
}
