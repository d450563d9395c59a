//! How a page differs from what is known.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Serialize;
use sqlx::Row as _;

use super::{
    Row,
    contents::tags,
    stored::{Stored, integer, storable, to_json},
};
use crate::inventory::{ChangeKind, Omission, PageChanges, RunChangeKind, Sighting};

/// An image of the page as the statements read it.
#[derive(Serialize)]
pub(super) struct PageRow<'a> {
    pub(super) place: usize,
    repository: i64,
    #[serde(skip)]
    name: &'a str,
    digest: &'a str,
    kind: &'static str,
    media_type: Option<Cow<'a, str>>,
    size: Option<i64>,
    tags: String,
    platforms: String,
    pushed_at: Option<i64>,
    pub(super) omission: Option<Omission>,
}

/// What the inventory holds at an image's place.
pub(super) struct Standing {
    /// The image's place in the page.
    pub(super) place: i64,
    /// The sink knows the digest.
    known: bool,
    /// There is such a location.
    exists: bool,
    /// It is not gone.
    pub(super) live: bool,
    /// The reading that saw it last.
    seen_reading: i64,
    /// Its facts are those of the page.
    same: bool,
    /// So is what keeps it from ingestion.
    same_omission: bool,
    /// It is for ingestion.
    eligible: bool,
    tags: Option<String>,
}

impl Standing {
    pub(super) fn of(row: &Row) -> sqlx::Result<Self> {
        Ok(Self {
            place: row.try_get(0)?,
            known: row.try_get(1)?,
            exists: row.try_get(2)?,
            live: row.try_get(3)?,
            seen_reading: row.try_get(4)?,
            same: row.try_get(5)?,
            same_omission: row.try_get(6)?,
            eligible: row.try_get(7)?,
            tags: row.try_get(8)?,
        })
    }
}

/// Since when an image counts as seen already.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    /// The one under way.
    pub(super) now: i64,
    /// The one with which the run began.
    pub(super) first: i64,
}

/// What a page changes of a work item.
#[derive(Serialize)]
pub(super) struct ItemDelta<'a> {
    digest: &'a str,
    pub(super) live: i64,
    eligible: i64,
    pushed_at: i64,
}

#[derive(Serialize)]
pub(super) struct SeenAgain<'a> {
    repository: i64,
    digest: &'a str,
}

#[derive(Serialize)]
pub(super) struct ChangeRow<'a> {
    kind: ChangeKind,
    repository: &'a str,
    digest: &'a str,
    tags: &'a str,
}

/// What the run's report has of a change.
#[derive(Serialize)]
pub(super) struct RunChangeRow<'a> {
    /// From 1 within the page.
    pub(super) place: usize,
    kind: RunChangeKind,
    repository: i64,
    digest: &'a str,
    tags: &'a str,
    tags_before: Option<&'a str>,
}

/// What has to be written of a page.
#[derive(Default)]
pub(super) struct Writes<'a> {
    pub(super) counts: PageChanges,
    pub(super) left_out: BTreeMap<Omission, u64>,
    pub(super) items: BTreeMap<&'a str, ItemDelta<'a>>,
    pub(super) locations: Vec<&'a PageRow<'a>>,
    pub(super) seen_again: Vec<SeenAgain<'a>>,
    pub(super) changes: Vec<ChangeRow<'a>>,
    pub(super) run_changes: Vec<RunChangeRow<'a>>,
}

/// The page with each image once: where it shows one twice, the later showing is the newer.
pub(super) fn rows<'a>(
    images: &[Sighting<'a>],
    repositories: &BTreeMap<String, i64>,
) -> Stored<Vec<PageRow<'a>>> {
    let once: BTreeMap<_, _> = images
        .iter()
        .map(|seen| ((&seen.image.repository, &seen.image.digest), seen))
        .collect();
    let known = once.into_values().filter_map(|seen| {
        let repository = repositories.get(seen.image.repository.as_str())?;
        Some((*repository, seen))
    });
    known
        .enumerate()
        .map(|(place, (repository, Sighting { image, omission }))| {
            Ok(PageRow {
                place,
                repository,
                name: image.repository.as_str(),
                digest: image.digest.as_str(),
                kind: image.kind.as_str(),
                media_type: image.media_type.as_deref().map(storable),
                size: image.size.map(integer),
                tags: to_json("list of tags", &image.tags)?,
                platforms: to_json("list of platforms", &image.platforms)?,
                pushed_at: image.pushed_at.map(|time| time.as_unix_nanos()),
                omission: *omission,
            })
        })
        .collect()
}

pub(super) fn compare<'a>(
    page: &'a [PageRow<'a>],
    standings: &'a [Standing],
    reading: Reading,
    now: i64,
) -> Stored<Writes<'a>> {
    let mut writes = Writes::default();
    for standing in standings {
        let Some(row) = usize::try_from(standing.place)
            .ok()
            .and_then(|at| page.get(at))
        else {
            continue;
        };
        let Standing {
            exists, live, same, ..
        } = *standing;
        let was = standing.tags.as_deref();
        let retagged = match was {
            Some(was) if live && !same => retagged(was, &row.tags)?,
            _ => false,
        };
        if standing.seen_reading < reading.first {
            let count = match (live, same) {
                (false, _) => &mut writes.counts.new,
                (true, false) => &mut writes.counts.changed,
                (true, true) => &mut writes.counts.unchanged,
            };
            *count += 1;
            if let Some(reason) = row.omission {
                *writes.left_out.entry(reason).or_default() += 1;
            }
        }
        if let Some(kind) = run_change(standing, retagged) {
            writes.run_changes.push(RunChangeRow {
                place: writes.run_changes.len() + 1,
                kind,
                repository: row.repository,
                digest: row.digest,
                tags: &row.tags,
                tags_before: was.filter(|_| retagged),
            });
        }
        if live && same && standing.same_omission {
            if standing.seen_reading < reading.now {
                writes.seen_again.push(SeenAgain {
                    repository: row.repository,
                    digest: row.digest,
                });
            }
            continue;
        }
        let item = writes.items.entry(row.digest).or_insert(ItemDelta {
            digest: row.digest,
            live: 0,
            eligible: 0,
            pushed_at: i64::MIN,
        });
        item.live += i64::from(!live);
        item.eligible += i64::from(row.omission.is_none()) - i64::from(live && standing.eligible);
        // What no push is told of is as new as its first sight.
        let pushed_at = row.pushed_at.unwrap_or(if exists { i64::MIN } else { now });
        item.pushed_at = item.pushed_at.max(pushed_at);
        writes.locations.push(row);
        let change = match (live, retagged) {
            (false, _) => Some(ChangeKind::LocationAdded),
            (true, true) => Some(ChangeKind::Retagged),
            (true, false) => None,
        };
        if let Some(kind) = change.filter(|_| standing.known) {
            writes.changes.push(ChangeRow {
                kind,
                repository: row.name,
                digest: row.digest,
                tags: &row.tags,
            });
        }
    }
    Ok(writes)
}

fn run_change(standing: &Standing, retagged: bool) -> Option<RunChangeKind> {
    match (standing.exists, standing.live, standing.same) {
        (false, ..) => Some(RunChangeKind::New),
        (true, false, _) => Some(RunChangeKind::Returned),
        (true, true, false) if retagged => Some(RunChangeKind::Retagged),
        (true, true, false) => Some(RunChangeKind::Updated),
        (true, true, true) => None,
    }
}

fn retagged(old: &str, new: &str) -> Stored<bool> {
    if old == new {
        return Ok(false);
    }
    let (old, new) = (tags(old)?, tags(new)?);
    Ok(!old
        .iter()
        .map(|tag| &tag.name)
        .eq(new.iter().map(|tag| &tag.name)))
}
