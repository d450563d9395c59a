//! The pages of a Quay, for whatever bytes.

use super::wire::{
    ConfigWire, CsrfWire, ManifestWire, OrganizationWire, RepositoriesWire, RepositoryWire,
    SignInWire, TagsWire,
};
use crate::{
    http::Answer,
    image::{Digest, Image, RepositoryName},
};

/// The images of a page of tags; the other pages are read too.
pub(crate) fn page(answer: &Answer, repository: &RepositoryName, digest: &Digest) -> Vec<Image> {
    let _ = answer.json::<OrganizationWire>();
    let _ = answer.json::<CsrfWire>();
    let _ = answer.json::<SignInWire>();
    let _ = answer.json::<ConfigWire>();
    if let Ok(page) = answer.json::<RepositoriesWire>() {
        let rows = page.repositories.iter();
        let _ = rows
            .filter(|row| RepositoryWire::has_no_active_tag(row))
            .count();
    }
    let manifest = answer
        .json::<ManifestWire>()
        .ok()
        .and_then(|manifest| manifest.into_image(repository, digest).ok());
    let tags = answer.json::<TagsWire>().map(|page| page.tags);
    let images = tags.unwrap_or_default().into_iter();
    images
        .filter_map(|tag| tag.into_image(repository).ok())
        .chain(manifest)
        .collect()
}
