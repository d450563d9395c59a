use super::{
    super::{
        api::Call,
        edition::Repository,
        fault::Class,
        resolve::by_digest,
        signature::encode,
        wire::{self, TagWire, unreadable},
    },
    AcrPersonal,
    catalogue::{Catalogue, path},
};
use crate::{
    error::{IntegrationError, Step},
    image::{Image, Reference, RepositoryName, Tag},
};

impl AcrPersonal {
    /// One image: by tag in one request. No call finds a digest, so that one is looked for among the
    /// repository's tags.
    pub(super) async fn look_up(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Image, IntegrationError> {
        let found = match reference {
            Reference::Tag(tag) => self.by_tag(repository, tag).await?,
            Reference::Digest(digest) => {
                let place = Repository {
                    name: repository.clone(),
                    id: String::new(),
                };
                by_digest(&self.probing(), &Catalogue, &place, digest).await?
            }
        };
        found.ok_or_else(|| IntegrationError::ImageNotFound {
            context: self
                .connection
                .at(Step::Listing, format!("{repository} {reference}")),
            repository: repository.clone(),
            reference: reference.clone(),
        })
    }

    async fn by_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<Image>, IntegrationError> {
        let path = format!("{}/tags/{}", path(repository), encode(tag.as_str()));
        let call =
            Call::roa("GetRepoTag", Step::Listing, path).about(format!("{repository} {tag}"));
        let answer = match self.probing().attempt(&call).await? {
            Ok(answer) => answer,
            Err((Class::Missing | Class::RepositoryMissing | Class::NamespaceMissing, _)) => {
                return Ok(None);
            }
            Err((_, error)) => return Err(error),
        };
        // The SDK's model has no wrapper, older documents have one.
        let row: TagWire = wire::one(&answer)?;
        if row.is_leaving() {
            return Ok(None);
        }
        row.into_image(repository)
            .map(Some)
            .map_err(|source| unreadable(&answer, Some(source)))
    }
}
