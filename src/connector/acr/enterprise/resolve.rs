use serde::Deserialize;

use super::{
    super::{
        api::{Api, Call},
        edition::Repository,
        fault::Class,
        resolve::by_digest,
        wire::{TagWire, unreadable},
    },
    AcrEnterprise, Catalogue,
};
use crate::{
    error::{IntegrationError, Step},
    image::{Image, Reference, RepositoryName, Tag},
};

impl AcrEnterprise {
    /// One image: by tag in two requests. No call finds a digest, so that one is looked for among the
    /// repository's tags.
    pub(super) async fn look_up(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Image, IntegrationError> {
        let api = self.probing();
        let instance = self.instance.id(&api, Step::Listing).await?;
        let missing = || IntegrationError::ImageNotFound {
            context: self
                .connection
                .at(Step::Listing, format!("{repository} {reference}")),
            repository: repository.clone(),
            reference: reference.clone(),
        };
        let call = Call::rpc("GetRepository", Step::Listing)
            .with("InstanceId", &instance)
            .with("RepoNamespaceName", repository.namespace())
            .with("RepoName", repository.within_namespace())
            .about(repository.as_str());
        let answer = match api.attempt(&call).await? {
            Ok(answer) => answer,
            Err((Class::RepositoryMissing | Class::NamespaceMissing | Class::Missing, _)) => {
                return Err(missing());
            }
            Err((_, error)) => return Err(error),
        };
        let IdWire { id } = answer.json_of_any_type()?;
        match reference {
            Reference::Tag(tag) => by_tag(&api, &instance, &id, repository, tag)
                .await?
                .ok_or_else(missing),
            Reference::Digest(digest) => {
                let catalogue = Catalogue { instance };
                let at = Repository {
                    name: repository.clone(),
                    id,
                };
                let found = by_digest(&api, &catalogue, &at, digest).await?;
                found.ok_or_else(missing)
            }
        }
    }
}

#[derive(Deserialize)]
struct IdWire {
    #[serde(rename = "RepoId")]
    id: String,
}

/// None where there is no such tag.
async fn by_tag(
    api: &Api,
    instance: &str,
    id: &str,
    repository: &RepositoryName,
    tag: &Tag,
) -> Result<Option<Image>, IntegrationError> {
    let mut call = Call::rpc("GetRepoTag", Step::Listing)
        .with("InstanceId", instance)
        .with("RepoId", id)
        .with("Tag", tag.as_str())
        .about(format!("{repository} {tag}"));
    call.is_get = true;
    let answer = match api.attempt(&call).await? {
        Ok(answer) => answer,
        // The code of a missing tag is an open fact; the repository was just seen.
        Err((Class::Missing | Class::RepositoryMissing, _)) => return Ok(None),
        Err((_, error)) => return Err(error),
    };
    let row: TagWire = answer.json_of_any_type()?;
    if row.is_leaving() {
        return Ok(None);
    }
    row.into_image(repository)
        .map(Some)
        .map_err(|source| unreadable(&answer, Some(source)))
}
