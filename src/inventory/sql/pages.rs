use std::{borrow::Cow, collections::BTreeMap};

use serde::Serialize;
use sqlx::Row as _;

use super::{
    Row, Write,
    contents::tags,
    runs::CurrentRun,
    stored::{Stored, integer, json, storable, to_json},
};
use crate::{
    image::{Cursor, Scope},
    inventory::{ChangeKind, Omission, PageChanges, RunChangeKind, RunTicket, Sighting},
};

const PAGE: &str = "page";

/// An image of the page as the statements read it.
#[derive(Serialize)]
struct PageRow<'a> {
    place: usize,
    repository: &'a str,
    namespace: &'a str,
    digest: &'a str,
    kind: &'static str,
    media_type: Option<Cow<'a, str>>,
    size: Option<i64>,
    tags: String,
    platforms: String,
    pushed_at: Option<i64>,
    omission: Option<Omission>,
}

/// What the inventory holds at an image's place.
struct Standing {
    /// The image's place in the page.
    place: i64,
    repository: i64,
    /// The sink knows the digest.
    known: bool,
    /// There is such a location.
    exists: bool,
    /// It is not gone.
    live: bool,
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
    fn of(row: &Row) -> sqlx::Result<Self> {
        Ok(Self {
            place: row.try_get(0)?,
            repository: row.try_get(1)?,
            known: row.try_get(2)?,
            exists: row.try_get(3)?,
            live: row.try_get(4)?,
            seen_reading: row.try_get(5)?,
            same: row.try_get(6)?,
            same_omission: row.try_get(7)?,
            eligible: row.try_get(8)?,
            tags: row.try_get(9)?,
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
struct ItemDelta<'a> {
    digest: &'a str,
    live: i64,
    eligible: i64,
    pushed_at: i64,
}

#[derive(Serialize)]
struct SeenAgain<'a> {
    repository: i64,
    digest: &'a str,
}

#[derive(Serialize)]
struct ChangeRow<'a> {
    kind: ChangeKind,
    repository: &'a str,
    digest: &'a str,
    tags: &'a str,
}

/// What the run's report has of a change.
#[derive(Serialize)]
struct RunChangeRow<'a> {
    /// From 1 within the page.
    place: usize,
    kind: RunChangeKind,
    repository: i64,
    digest: &'a str,
    tags: &'a str,
    tags_before: Option<&'a str>,
}

/// What has to be written of a page.
#[derive(Default)]
struct Writes<'a> {
    counts: PageChanges,
    left_out: BTreeMap<Omission, u64>,
    items: BTreeMap<&'a str, ItemDelta<'a>>,
    locations: Vec<&'a PageRow<'a>>,
    seen_again: Vec<SeenAgain<'a>>,
    changes: Vec<ChangeRow<'a>>,
    run_changes: Vec<RunChangeRow<'a>>,
}

impl Write {
    pub(super) async fn store_page(
        &mut self,
        ticket: &RunTicket,
        scope: &Scope,
        images: &[Sighting<'_>],
        checkpoint: Option<&Cursor>,
    ) -> Stored<PageChanges> {
        let run = self.current_run(ticket).await?;
        let reading = Reading {
            now: run.reading,
            first: run.first_reading,
        };
        let page = rows(images)?;
        let standings = self.standings(run.integration, &page).await?;
        let writes = compare(&page, &standings, reading, self.nanos())?;
        self.write(run.integration, reading, &writes).await?;
        self.report(&run, &writes).await?;
        self.open_scope(run.id, run.first_reading, scope, checkpoint)
            .await?;
        Ok(writes.counts)
    }

    /// Writes an image that no run has listed, unless its location is known and there.
    pub(super) async fn store_found(
        &mut self,
        integration: i64,
        image: Sighting<'_>,
    ) -> Stored<()> {
        let reading: i64 = sqlx::query_scalar("SELECT reading FROM integration WHERE id = $1")
            .bind(integration)
            .fetch_one(self.connection())
            .await?;
        let reading = Reading {
            now: reading,
            first: reading,
        };
        let images = [image];
        let page = rows(&images)?;
        let mut standings = self.standings(integration, &page).await?;
        standings.retain(|standing| !standing.live);
        let writes = compare(&page, &standings, reading, self.nanos())?;
        self.write(integration, reading, &writes).await
    }

    async fn write(
        &mut self,
        integration: i64,
        reading: Reading,
        writes: &Writes<'_>,
    ) -> Stored<()> {
        self.write_items(integration, writes).await?;
        self.write_locations(integration, reading.now, writes)
            .await?;
        self.write_changes(integration, writes).await
    }

    async fn add_repositories(&mut self, integration: i64, page: &str) -> Stored<()> {
        sqlx::query(concat!(
            "INSERT INTO repository (integration, name, namespace)
             SELECT DISTINCT $1, value ->> 'repository', value ->> 'namespace'
             FROM ",
            elements!("$2"),
            " AS page WHERE true
             ON CONFLICT (integration, name) DO NOTHING",
        ))
        .bind(integration)
        .bind(page)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    async fn standings(&mut self, integration: i64, page: &[PageRow<'_>]) -> Stored<Vec<Standing>> {
        let page = to_json(PAGE, page)?;
        self.add_repositories(integration, &page).await?;
        let rows = sqlx::query(concat!(
            "SELECT CAST(page.value ->> 'place' AS BIGINT), repository.id,
                    coalesce(item.progress = 'in_hand' OR item.ingested_at IS NOT NULL, FALSE),
                    location.digest IS NOT NULL,
                    location.digest IS NOT NULL AND location.gone_at IS NULL,
                    coalesce(location.seen_reading, 0),
                    (location.tags, location.kind, location.media_type, location.size,
                     location.platforms, location.pushed_at)
                    IS NOT DISTINCT FROM
                    (page.value ->> 'tags', page.value ->> 'kind', page.value ->> 'media_type',
                     CAST(page.value ->> 'size' AS BIGINT), page.value ->> 'platforms',
                     CAST(page.value ->> 'pushed_at' AS BIGINT)),
                    location.omission IS NOT DISTINCT FROM page.value ->> 'omission',
                    location.digest IS NOT NULL AND location.omission IS NULL,
                    location.tags
             FROM ",
            elements!("$2"),
            " AS page
             LEFT JOIN repository ON repository.integration = $1
                 AND repository.name = page.value ->> 'repository'
             LEFT JOIN item ON item.integration = $1 AND item.digest = page.value ->> 'digest'
             LEFT JOIN location ON location.repository = repository.id
                 AND location.digest = page.value ->> 'digest'
             ORDER BY 1",
        ))
        .bind(integration)
        .bind(page)
        .fetch_all(self.connection())
        .await?;
        Ok(rows.iter().map(Standing::of).collect::<sqlx::Result<_>>()?)
    }

    async fn write_items(&mut self, integration: i64, writes: &Writes<'_>) -> Stored<()> {
        if writes.items.is_empty() {
            return Ok(());
        }
        let items: Vec<_> = writes.items.values().collect();
        sqlx::query(concat!(
            "INSERT INTO item (integration, digest, live, eligible, pushed_at, waiting_since)
             SELECT $1, value ->> 'digest', CAST(value ->> 'live' AS BIGINT),
                    CAST(value ->> 'eligible' AS BIGINT), CAST(value ->> 'pushed_at' AS BIGINT), $3
             FROM ",
            elements!("$2"),
            " AS page WHERE true
             ON CONFLICT (integration, digest) DO UPDATE
             SET live = item.live + excluded.live, eligible = item.eligible + excluded.eligible,
                 pushed_at = CASE WHEN excluded.pushed_at > item.pushed_at
                                  THEN excluded.pushed_at ELSE item.pushed_at END",
        ))
        .bind(integration)
        .bind(to_json(PAGE, &items)?)
        .bind(self.nanos())
        .execute(self.connection())
        .await?;
        Ok(())
    }

    async fn write_locations(
        &mut self,
        integration: i64,
        reading: i64,
        writes: &Writes<'_>,
    ) -> Stored<()> {
        if !writes.seen_again.is_empty() {
            sqlx::query(concat!(
                "UPDATE location SET seen_reading = $2, missing_run = NULL, held_run = NULL
                 FROM ",
                elements!("$1"),
                " AS page
                 WHERE location.repository = CAST(page.value ->> 'repository' AS BIGINT)
                     AND location.digest = page.value ->> 'digest'",
            ))
            .bind(to_json(PAGE, &writes.seen_again)?)
            .bind(reading)
            .execute(self.connection())
            .await?;
        }
        if writes.locations.is_empty() {
            return Ok(());
        }
        sqlx::query(concat!(
            "INSERT INTO location (repository, digest, item, kind, media_type, size, tags, platforms,
                                   pushed_at, omission, first_seen_at, seen_reading)
             SELECT repository.id, item.digest, item.id, page.value ->> 'kind',
                    page.value ->> 'media_type', CAST(page.value ->> 'size' AS BIGINT),
                    page.value ->> 'tags', page.value ->> 'platforms',
                    CAST(page.value ->> 'pushed_at' AS BIGINT), page.value ->> 'omission', $4, $3
             FROM ",
            elements!("$2"),
            " AS page
             LEFT JOIN repository ON repository.integration = $1
                 AND repository.name = page.value ->> 'repository'
             LEFT JOIN item ON item.integration = $1 AND item.digest = page.value ->> 'digest'
             WHERE true
             ON CONFLICT (repository, digest) DO UPDATE
             SET kind = excluded.kind, media_type = excluded.media_type, size = excluded.size,
                 tags = excluded.tags, platforms = excluded.platforms,
                 pushed_at = excluded.pushed_at, omission = excluded.omission,
                 seen_reading = excluded.seen_reading, missing_run = NULL, held_run = NULL,
                 gone_run = NULL, gone_at = NULL",
        ))
        .bind(integration)
        .bind(to_json(PAGE, &writes.locations)?)
        .bind(reading)
        .bind(self.nanos())
        .execute(self.connection())
        .await?;
        Ok(())
    }

    async fn write_changes(&mut self, integration: i64, writes: &Writes<'_>) -> Stored<()> {
        if writes.changes.is_empty() {
            return Ok(());
        }
        sqlx::query(concat!(
            "INSERT INTO change (integration, kind, repository, digest, tags)
             SELECT $1, value ->> 'kind', value ->> 'repository', value ->> 'digest',
                    value ->> 'tags'
             FROM ",
            elements!("$2"),
            " AS page",
        ))
        .bind(integration)
        .bind(to_json(PAGE, &writes.changes)?)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Adds the page to what the run will have to report.
    async fn report(&mut self, run: &CurrentRun, writes: &Writes<'_>) -> Stored<()> {
        if !writes.run_changes.is_empty() {
            sqlx::query(concat!(
                "INSERT INTO run_change (run, sequence, kind, repository, digest, tags, tags_before)
                 SELECT $1, $2 + CAST(value ->> 'place' AS BIGINT), value ->> 'kind',
                        CAST(value ->> 'repository' AS BIGINT), value ->> 'digest',
                        value ->> 'tags', value ->> 'tags_before'
                 FROM ",
                elements!("$3"),
                " AS page",
            ))
            .bind(run.id)
            .bind(run.changes)
            .bind(to_json(PAGE, &writes.run_changes)?)
            .execute(self.connection())
            .await?;
        }
        let mut left_out: BTreeMap<Omission, u64> = json("counts", &run.left_out)?;
        for (reason, images) in &writes.left_out {
            *left_out.entry(*reason).or_default() += images;
        }
        sqlx::query(
            "UPDATE run SET listed = listed + $2 + $3 + $4, added = added + $2,
                            changed = changed + $3, unchanged = unchanged + $4,
                            changes = changes + $5, left_out = $6
             WHERE id = $1",
        )
        .bind(run.id)
        .bind(integer(writes.counts.new))
        .bind(integer(writes.counts.changed))
        .bind(integer(writes.counts.unchanged))
        .bind(integer(writes.run_changes.len()))
        .bind(to_json("counts", &left_out)?)
        .execute(self.connection())
        .await?;
        Ok(())
    }
}

/// The page with each image once: where it shows one twice, the later showing is the newer.
fn rows<'a>(images: &[Sighting<'a>]) -> Stored<Vec<PageRow<'a>>> {
    let once: BTreeMap<_, _> = images
        .iter()
        .map(|seen| ((&seen.image.repository, &seen.image.digest), seen))
        .collect();
    once.into_values()
        .enumerate()
        .map(|(place, Sighting { image, omission })| {
            Ok(PageRow {
                place,
                repository: image.repository.as_str(),
                namespace: image.repository.namespace(),
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

fn compare<'a>(
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
                repository: standing.repository,
                digest: row.digest,
                tags: &row.tags,
                tags_before: was.filter(|_| retagged),
            });
        }
        if live && same && standing.same_omission {
            if standing.seen_reading < reading.now {
                writes.seen_again.push(SeenAgain {
                    repository: standing.repository,
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
                repository: row.repository,
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
