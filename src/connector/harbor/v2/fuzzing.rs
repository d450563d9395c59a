//! The pages of a Harbor 2.x, for whatever bytes.

use super::{
    pager::told_by_link,
    wire::{
        ArtifactWire, ErrorsWire, LogRowWire, ProjectWire, RepositoryWire, Row, StatisticsWire,
        SystemInfoWire, UserWire,
    },
};
use crate::{http::Answer, image::Image, image::RepositoryName};

/// The images of a page of artifacts; the other pages are read too.
pub(crate) fn page(answer: &Answer, repository: &RepositoryName) -> Vec<Image> {
    let projects = answer.json::<Vec<ProjectWire>>().unwrap_or_default();
    let _ = projects.iter().map(ProjectWire::is_proxy_cache).count();
    let repositories = answer.json::<Vec<RepositoryWire>>().unwrap_or_default();
    let _ = repositories
        .iter()
        .filter_map(RepositoryWire::updated_at)
        .max();
    let _ = answer.json::<UserWire>().map(|user| user.is_admin());
    let _ = answer.json::<StatisticsWire>();
    let _ = answer.json::<SystemInfoWire>();
    let errors = answer.json::<ErrorsWire>();
    let _ = errors.map(|errors| errors.is_unknown_path() || errors.is_unknown_project());
    let rows = answer.json::<Vec<LogRowWire>>().unwrap_or_default();
    let _ = rows.iter().map(Row::id).max();
    let _ = rows.iter().filter_map(LogRowWire::repository).count();
    let rows = answer.json::<Vec<ArtifactWire>>().unwrap_or_default();
    let images = rows.into_iter().map(|row| row.into_image(Some(repository)));
    images.filter_map(Result::ok).collect()
}

/// A `Link` tells of one row more, or of none.
pub(crate) fn link(data: &[u8]) {
    let answer = Answer::made_up(200, &[("link", data)], b"");
    assert!([0, 8].contains(&told_by_link(&answer, 7)));
}
