use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::{
    api::Api,
    listing::write_cursor,
    wire::{TagWire, TagsWire},
};
use crate::{
    error::{IntegrationError, Step, Violation},
    http::Answer,
    image::{Entry, EntryPage, Next, RepositoryName},
};

/// The largest page of tags: more is cut in silence.
const MOST: usize = 100;

/// Where a list of tags goes on.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum At {
    /// Behind what was read.
    Behind(Read),
    /// All was read: see whether page 1 is as it was.
    Again { first: u64 },
}

/// What was read of a list of tags.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Read {
    rows: usize,
    /// The name in the last row.
    last: String,
    /// A fingerprint of page 1.
    first: u64,
    /// The rows of page 1: a server may cut its pages at fewer than asked for.
    most: usize,
}

/// A page by its number and length.
#[derive(Debug, Clone, Copy)]
struct Slice {
    page: usize,
    limit: usize,
}

impl Slice {
    const FIRST: Self = Self {
        page: 1,
        limit: MOST,
    };

    /// The page of at most `most` rows that holds the last of `read` rows and reaches furthest
    /// beyond it.
    fn overlapping(read: usize, most: usize) -> Option<Self> {
        let last = read.checked_sub(1)?;
        (1..=most)
            .map(|limit| Self {
                page: last / limit + 1,
                limit,
            })
            .max_by_key(|slice| slice.end())
            .filter(|slice| slice.end() > read)
    }

    const fn start(self) -> usize {
        (self.page - 1) * self.limit
    }

    const fn end(self) -> usize {
        self.page * self.limit
    }
}

/// One page of a repository's tags.
///
/// They are paged by offset, newest first. What is deleted before the end of what was read moves the
/// rest up, and a page would lose as many tags: so each page holds the last row of the one before
/// it, where it must still be. What is pushed or moved comes to the top, which page 1 read again
/// shows.
pub(super) async fn page(
    api: &Api,
    repository: &RepositoryName,
    at: Option<At>,
) -> Result<EntryPage, IntegrationError> {
    let slice = match &at {
        None | Some(At::Again { .. }) => Some(Slice::FIRST),
        Some(At::Behind(read)) => Slice::overlapping(read.rows, read.most),
    };
    let Some(slice) = slice else {
        return Ok(unsettled(Vec::new(), Next::Restart));
    };
    let answer = ask(api, repository, slice).await?;
    let TagsWire {
        mut tags,
        has_additional,
    } = answer.json()?;
    let is_first = at.is_none();
    let mut read = match at {
        None => Read {
            rows: 0,
            last: String::new(),
            first: fingerprint(&tags),
            most: tags.len().min(MOST),
        },
        Some(At::Again { first }) => {
            let is_unchanged = fingerprint(&tags) == first;
            let next = [Next::Restart, Next::End][usize::from(is_unchanged)].clone();
            return Ok(unsettled(Vec::new(), next));
        }
        Some(At::Behind(read)) => {
            let known = read.rows - slice.start();
            let last = tags.get(known - 1);
            if last.is_none_or(|tag| tag.name != read.last) {
                return Ok(unsettled(Vec::new(), Next::Restart));
            }
            tags.drain(..known);
            read
        }
    };
    let next = match tags.last() {
        _ if !has_additional && is_first => Next::End,
        _ if !has_additional => go_on(&At::Again { first: read.first }),
        None => Next::Restart,
        Some(last) => {
            read.rows += tags.len();
            read.last.clone_from(&last.name);
            go_on(&At::Behind(read))
        }
    };
    let entries = tags
        .into_iter()
        .map(|tag| tag.into_image(repository).map(Entry::Tag))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| IntegrationError::ProtocolViolation {
            context: Box::new(answer.context()),
            violation: Violation::Body,
            source: Some(source),
        })?;
    Ok(unsettled(entries, next))
}

/// Reads one tag, which only the scope `repo:read` allows.
pub(super) async fn look(api: &Api, repository: &RepositoryName) -> Result<(), IntegrationError> {
    let answer = ask(api, repository, Slice { page: 1, limit: 1 }).await?;
    answer.json::<TagsWire>().map(drop)
}

async fn ask(
    api: &Api,
    repository: &RepositoryName,
    slice: Slice,
) -> Result<Answer, IntegrationError> {
    let [limit, number] = [slice.limit, slice.page].map(|number| number.to_string());
    let query = [
        ("limit", limit.as_str()),
        ("page", number.as_str()),
        ("onlyActiveTags", "true"),
    ];
    let path = format!("/api/v1/repository/{repository}/tag/");
    let answer = api.get(Step::Listing, &path, &query).await?;
    match answer.status() {
        200 => Ok(answer),
        _ => Err(api.repository_refusal(repository, &answer)),
    }
}

fn unsettled(entries: Vec<Entry>, next: Next) -> EntryPage {
    EntryPage {
        entries,
        settled: false,
        next,
    }
}

fn go_on(at: &At) -> Next {
    write_cursor(at).map_or(Next::Restart, Next::Page)
}

fn fingerprint(tags: &[TagWire]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for tag in tags {
        (&tag.name, &tag.manifest_digest).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// How many pages so many rows take, where each must hold the last row of the one before.
    fn pages(rows: usize, most: usize) -> usize {
        let (mut read, mut pages) = (most, 1);
        while read < rows {
            let slice = Slice::overlapping(read, most).unwrap();
            assert!(slice.limit <= most && slice.start() < read && read < slice.end());
            (read, pages) = (slice.end(), pages + 1);
        }
        pages
    }

    #[test]
    fn every_page_holds_the_last_row_of_the_one_before_and_few_are_more() {
        assert_eq!(pages(260, MOST), 3);
        assert_eq!(pages(520, MOST), 6);
        assert_eq!(pages(1_000, MOST), 11);
        assert!(pages(100_000, MOST) < 1_150);
        assert!(pages(1_000, 50) < 30, "where the server cuts at 50");
    }

    #[test]
    fn nothing_overlaps_pages_of_one_row() {
        assert!(Slice::overlapping(1, 1).is_none());
        assert!(Slice::overlapping(0, 100).is_none());
    }
}
