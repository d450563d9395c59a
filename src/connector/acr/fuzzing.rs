//! The pages and faults of an ACR, for whatever bytes.

use super::{
    fault::Told,
    wire::{DomainsWire, NamespaceWire, RepositoryWire, TagWire, one, page as page_of},
};
use crate::{
    http::Answer,
    image::{Image, RepositoryName},
};

/// The images of a page of tags; the other pages and what a fault tells are read too.
pub(crate) fn page(answer: &Answer, repository: &RepositoryName) -> Vec<Image> {
    if let Some(told) = Told::of(answer) {
        let _ = (told.class(), told.code(), told.is_failure(answer.status()));
        let _ = told.reason().to_string();
        let _ = (
            told.request_id(),
            told.patience(answer),
            told.signed_otherwise("x"),
        );
    }
    let _ = page_of::<NamespaceWire>(answer);
    let _ = one::<DomainsWire>(answer);
    if let Ok(repositories) = page_of::<RepositoryWire>(answer) {
        let _ = repositories
            .rows
            .iter()
            .filter_map(|row| row.path().ok())
            .count();
    }
    let tags = page_of::<TagWire>(answer).map(|page| page.rows);
    let images = tags.unwrap_or_default().into_iter();
    images
        .filter_map(|tag| tag.into_image(repository).ok())
        .collect()
}
