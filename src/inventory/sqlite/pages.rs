use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Write,
    contents::tags,
    stored::{Stored, integer, to_json},
};
use crate::{
    image::{Cursor, Image, Scope},
    inventory::{ChangeKind, PageChanges, RunTicket, eligibility::is_for_ingestion},
};

const PAGE: &str = "page";

/// An image of the page as the statements read it.
#[derive(Serialize)]
struct PageRow<'a> {
    repository: &'a str,
    namespace: &'a str,
    digest: &'a str,
    kind: &'static str,
    media_type: Option<&'a str>,
    size: Option<i64>,
    tags: String,
    platforms: String,
    pushed_at: Option<i64>,
    eligible: bool,
}

/// What the inventory holds at an image's place.
type Standing = (
    i64,            // position in the page
    i64,            // repository
    bool,           // the sink knows the digest
    bool,           // there is such a location
    bool,           // it is not gone
    bool,           // this run has seen it
    bool,           // it is as in the page
    bool,           // it is for ingestion
    Option<String>, // its tags
);

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

/// What has to be written of a page.
#[derive(Default)]
struct Writes<'a> {
    counts: PageChanges,
    items: BTreeMap<&'a str, ItemDelta<'a>>,
    locations: Vec<&'a PageRow<'a>>,
    seen_again: Vec<SeenAgain<'a>>,
    changes: Vec<ChangeRow<'a>>,
}

impl Write {
    pub(super) async fn store_page(
        &mut self,
        ticket: &RunTicket,
        scope: &Scope,
        images: &[Image],
        checkpoint: Option<&Cursor>,
    ) -> Stored<PageChanges> {
        let integration = self.integration_of(ticket).await?;
        let page = rows(images)?;
        let page_json = to_json(PAGE, &page)?;
        self.add_repositories(integration, &page_json).await?;
        let standings = self.standings(integration, ticket.run, &page_json).await?;
        let writes = compare(&page, &standings, self.nanos())?;
        self.write_items(integration, &writes).await?;
        self.write_locations(integration, ticket.run, &writes)
            .await?;
        self.write_changes(integration, &writes).await?;
        self.count_page(ticket.run, writes.counts).await?;
        self.open_scope(ticket.run, scope, checkpoint).await?;
        Ok(writes.counts)
    }

    async fn add_repositories(&mut self, integration: i64, page: &str) -> Stored<()> {
        sqlx::query(
            "INSERT INTO repository (integration, name, namespace)
             SELECT DISTINCT $1, value ->> 'repository', value ->> 'namespace'
             FROM json_each($2) WHERE true
             ON CONFLICT (integration, name) DO NOTHING",
        )
        .bind(integration)
        .bind(page)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    async fn standings(&mut self, integration: i64, run: i64, page: &str) -> Stored<Vec<Standing>> {
        Ok(sqlx::query_as(
            "SELECT page.key, repository.id,
                    coalesce(item.progress = 'in_hand' OR item.ingested_at IS NOT NULL, false),
                    location.digest IS NOT NULL,
                    location.digest IS NOT NULL AND location.gone_at IS NULL,
                    coalesce(location.seen_run = $3, false),
                    (location.tags, location.kind, location.media_type, location.size,
                     location.platforms, location.pushed_at)
                    IS (page.value ->> 'tags', page.value ->> 'kind', page.value ->> 'media_type',
                     page.value ->> 'size', page.value ->> 'platforms', page.value ->> 'pushed_at'),
                    coalesce(location.eligible, false),
                    location.tags
             FROM json_each($2) AS page
             CROSS JOIN repository ON repository.integration = $1
                 AND repository.name = page.value ->> 'repository'
             LEFT JOIN item ON item.integration = $1 AND item.digest = page.value ->> 'digest'
             LEFT JOIN location ON location.repository = repository.id
                 AND location.digest = page.value ->> 'digest'",
        )
        .bind(integration)
        .bind(page)
        .bind(run)
        .fetch_all(self.connection())
        .await?)
    }

    async fn write_items(&mut self, integration: i64, writes: &Writes<'_>) -> Stored<()> {
        if writes.items.is_empty() {
            return Ok(());
        }
        let items: Vec<_> = writes.items.values().collect();
        sqlx::query(
            "INSERT INTO item (integration, digest, live, eligible, pushed_at, waiting_since)
             SELECT $1, value ->> 'digest', value ->> 'live', value ->> 'eligible',
                    value ->> 'pushed_at', $3
             FROM json_each($2) WHERE true
             ON CONFLICT (integration, digest) DO UPDATE
             SET live = live + excluded.live, eligible = eligible + excluded.eligible,
                 pushed_at = max(pushed_at, excluded.pushed_at)",
        )
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
        run: i64,
        writes: &Writes<'_>,
    ) -> Stored<()> {
        if !writes.seen_again.is_empty() {
            sqlx::query(
                "UPDATE location SET seen_run = $2, missing_run = NULL
                 FROM json_each($1) AS page
                 WHERE location.repository = page.value ->> 'repository'
                     AND location.digest = page.value ->> 'digest'",
            )
            .bind(to_json(PAGE, &writes.seen_again)?)
            .bind(run)
            .execute(self.connection())
            .await?;
        }
        if writes.locations.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "INSERT INTO location (repository, digest, item, kind, media_type, size, tags, platforms,
                                   pushed_at, eligible, first_seen_at, seen_run)
             SELECT repository.id, item.digest, item.id, page.value ->> 'kind',
                    page.value ->> 'media_type', page.value ->> 'size', page.value ->> 'tags',
                    page.value ->> 'platforms', page.value ->> 'pushed_at',
                    page.value ->> 'eligible', $4, $3
             FROM json_each($2) AS page
             CROSS JOIN repository ON repository.integration = $1
                 AND repository.name = page.value ->> 'repository'
             CROSS JOIN item ON item.integration = $1 AND item.digest = page.value ->> 'digest'
             WHERE true
             ON CONFLICT (repository, digest) DO UPDATE
             SET kind = excluded.kind, media_type = excluded.media_type, size = excluded.size,
                 tags = excluded.tags, platforms = excluded.platforms,
                 pushed_at = excluded.pushed_at, eligible = excluded.eligible,
                 seen_run = excluded.seen_run, missing_run = NULL, gone_run = NULL, gone_at = NULL",
        )
        .bind(integration)
        .bind(to_json(PAGE, &writes.locations)?)
        .bind(run)
        .bind(self.nanos())
        .execute(self.connection())
        .await?;
        Ok(())
    }

    async fn write_changes(&mut self, integration: i64, writes: &Writes<'_>) -> Stored<()> {
        if writes.changes.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "INSERT INTO change (integration, kind, repository, digest, tags)
             SELECT $1, value ->> 'kind', value ->> 'repository', value ->> 'digest',
                    value ->> 'tags'
             FROM json_each($2)",
        )
        .bind(integration)
        .bind(to_json(PAGE, &writes.changes)?)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    async fn count_page(&mut self, run: i64, counts: PageChanges) -> Stored<()> {
        sqlx::query(
            "UPDATE run SET listed = listed + $2 + $3 + $4, added = added + $2,
                            changed = changed + $3, unchanged = unchanged + $4
             WHERE id = $1",
        )
        .bind(run)
        .bind(integer(counts.new))
        .bind(integer(counts.changed))
        .bind(integer(counts.unchanged))
        .execute(self.connection())
        .await?;
        Ok(())
    }
}

/// The page with each image once: where it shows one twice, the later showing is the newer.
fn rows(images: &[Image]) -> Stored<Vec<PageRow<'_>>> {
    let once: BTreeMap<_, _> = images
        .iter()
        .map(|image| ((&image.repository, &image.digest), image))
        .collect();
    once.into_values()
        .map(|image| {
            Ok(PageRow {
                repository: image.repository.as_str(),
                namespace: image.repository.namespace(),
                digest: image.digest.as_str(),
                kind: image.kind.as_str(),
                media_type: image.media_type.as_deref(),
                size: image.size.map(integer),
                tags: to_json("list of tags", &image.tags)?,
                platforms: to_json("list of platforms", &image.platforms)?,
                pushed_at: image.pushed_at.map(|time| time.as_unix_nanos()),
                eligible: is_for_ingestion(image),
            })
        })
        .collect()
}

fn compare<'a>(page: &'a [PageRow<'a>], standings: &[Standing], now: i64) -> Stored<Writes<'a>> {
    let mut writes = Writes::default();
    for (position, repository, known, exists, live, seen, same, eligible, old_tags) in standings {
        let Some(row) = usize::try_from(*position).ok().and_then(|at| page.get(at)) else {
            continue;
        };
        if !seen {
            let count = match (live, same) {
                (false, _) => &mut writes.counts.new,
                (true, false) => &mut writes.counts.changed,
                (true, true) => &mut writes.counts.unchanged,
            };
            *count += 1;
        }
        if *live && *same {
            if !seen {
                writes.seen_again.push(SeenAgain {
                    repository: *repository,
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
        item.eligible += i64::from(row.eligible) - i64::from(*live && *eligible);
        // What no push is told of is as new as its first sight.
        let pushed_at = row
            .pushed_at
            .unwrap_or(if *exists { i64::MIN } else { now });
        item.pushed_at = item.pushed_at.max(pushed_at);
        writes.locations.push(row);
        let change = match old_tags {
            Some(old) if *live => retagged(old, &row.tags)?.then_some(ChangeKind::Retagged),
            _ => Some(ChangeKind::LocationAdded),
        };
        if let Some(kind) = change.filter(|_| *known) {
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
