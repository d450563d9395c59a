//! The pages of a Harbor 1.x, for whatever bytes.

use super::{
    catalog::next_of,
    wire::{
        CatalogWire, ErrorWire, LogRowWire, NameWire, ProjectWire, RepositoryWire, Row,
        StatisticsWire, TagWire, UserWire,
    },
};
use crate::{http::Answer, image::Image, image::RepositoryName};

/// The images of a page of tags; the other pages are read too.
pub(crate) fn page(answer: &Answer, repository: &RepositoryName) -> Vec<Image> {
    let _ = answer.json::<Vec<ProjectWire>>();
    let _ = answer.json::<Vec<RepositoryWire>>();
    let _ = answer.json::<UserWire>().map(|user| user.is_admin());
    let _ = answer.json::<StatisticsWire>();
    let _ = answer.json::<CatalogWire>();
    let _ = answer.json::<Vec<NameWire>>();
    let _ = answer.json_of_any_type::<ErrorWire>();
    let rows = answer.json::<Vec<LogRowWire>>().unwrap_or_default();
    let _ = rows.iter().map(Row::id).max();
    let tags = answer.json::<Vec<TagWire>>().unwrap_or_default();
    let images = tags.into_iter().map(|tag| tag.into_image(repository));
    images.filter_map(Result::ok).collect()
}

/// Where the next page of the catalog begins by `Link`: nothing longer than the header itself.
pub(crate) fn link(data: &[u8]) {
    let answer = Answer::made_up(200, &[("link", data)], b"");
    if let Some(next) = next_of(&answer) {
        // A byte that is no text becomes a letter of three.
        assert!(next.len() <= 3 * data.len());
    }
}
