use super::{
    super::{
        api::Call,
        edition::{Edition, Repository},
        fault::Class,
        reading::{At, Next, Reading},
        signature::encode,
        wire::{self, TagWire, unreadable},
    },
    AcrPersonal,
    catalogue::{Catalogue, path},
};
use crate::{
    error::{IntegrationError, Step, Violation},
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
            Reference::Digest(digest) => self.by_digest(repository, digest.as_str()).await?,
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
            Err((Class::TagMissing | Class::RepositoryMissing | Class::NamespaceMissing, _)) => {
                return Ok(None);
            }
            Err((_, error)) => return Err(error),
        };
        // The SDK's model has no wrapper, older documents have one.
        let row: TagWire = wire::one(&answer)?;
        row.into_image(repository)
            .map(Some)
            .map_err(|source| unreadable(&answer, Some(source)))
    }

    async fn by_digest(
        &self,
        repository: &RepositoryName,
        digest: &str,
    ) -> Result<Option<Image>, IntegrationError> {
        let api = self.probing();
        let place = Repository {
            name: repository.clone(),
            id: String::new(),
        };
        let (mut reading, mut at) = (Reading::default(), At::FIRST);
        loop {
            let page = match Catalogue.tags(&api, &place, &at).await {
                Ok(page) => page,
                Err(IntegrationError::NamespaceNotFound { .. }) => return Ok(None),
                Err(error) => return Err(error),
            };
            let follows = reading.take(&at, &page, |row| row.tag.clone(), |row| row.tag.clone());
            for row in page.rows {
                let image = row.into_image(repository).map_err(|source| {
                    IntegrationError::ProtocolViolation {
                        context: self.connection.at(Step::Listing, repository.as_str()),
                        violation: Violation::Body,
                        source: Some(source),
                    }
                })?;
                if image.digest.as_str() == digest {
                    return Ok(Some(Image {
                        tags: Vec::new(),
                        ..image
                    }));
                }
            }
            match follows {
                Next::At(next) if next != At::Again => at = next,
                _ => return Ok(None),
            }
        }
    }
}
