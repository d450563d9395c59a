//! What a run sees, page by page.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    Write,
    comparison::{PageRow, Reading, Standing, Writes, compare, rows},
    runs::CurrentRun,
    stored::{Stored, integer, json, to_json},
};
use crate::{
    image::{Cursor, Scope},
    inventory::{Omission, PageChanges, RunTicket, Sighting},
};

const PAGE: &str = "page";

/// Whether the facts of a location are those of the page.
macro_rules! same {
    () => {
        "(location.tags, location.kind, location.media_type, location.size, location.platforms,
          location.pushed_at)
         IS NOT DISTINCT FROM
         (page.value ->> 'tags', page.value ->> 'kind', page.value ->> 'media_type',
          CAST(page.value ->> 'size' AS BIGINT), page.value ->> 'platforms',
          CAST(page.value ->> 'pushed_at' AS BIGINT))"
    };
}

#[derive(Serialize)]
struct RepositoryRow<'a> {
    name: &'a str,
    namespace: &'a str,
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
        let repositories = self.repositories(run.integration, images).await?;
        let page = rows(images, &repositories)?;
        let unchanged = self.see_again(reading, &page).await?;
        let rest = page.iter().filter(|row| row.omission.is_some());
        let rest: Vec<_> = if unchanged + rest.clone().count() == page.len() {
            rest.collect()
        } else {
            page.iter().collect()
        };
        let standings = self.standings(run.integration, &rest).await?;
        let mut writes = compare(&page, &standings, reading, self.nanos())?;
        writes.counts.unchanged += unchanged as u64;
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
        let repositories = self.repositories(integration, &images).await?;
        let page = rows(&images, &repositories)?;
        let all: Vec<_> = page.iter().collect();
        let mut standings = self.standings(integration, &all).await?;
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

    /// The numbers of the page's repositories, by name; those that are not known yet are added.
    async fn repositories(
        &mut self,
        integration: i64,
        images: &[Sighting<'_>],
    ) -> Stored<BTreeMap<String, i64>> {
        let names: BTreeSet<_> = images.iter().map(|seen| &seen.image.repository).collect();
        let listed = names.iter().map(|name| RepositoryRow {
            name: name.as_str(),
            namespace: name.namespace(),
        });
        let listed = to_json(PAGE, &listed.collect::<Vec<_>>())?;
        let known = self.known_repositories(integration, &listed).await?;
        if known.len() == names.len() {
            return Ok(known);
        }
        sqlx::query(concat!(
            "INSERT INTO repository (integration, name, namespace)
             SELECT $1, value ->> 'name', value ->> 'namespace'
             FROM ",
            elements!("$2"),
            " AS page WHERE true
             ON CONFLICT (integration, name) DO NOTHING",
        ))
        .bind(integration)
        .bind(&listed)
        .execute(self.connection())
        .await?;
        self.known_repositories(integration, &listed).await
    }

    async fn known_repositories(
        &mut self,
        integration: i64,
        listed: &str,
    ) -> Stored<BTreeMap<String, i64>> {
        let known: Vec<(String, i64)> = sqlx::query_as(concat!(
            "SELECT name, id FROM repository
             WHERE integration = $1 AND name IN (SELECT page.value ->> 'name' FROM ",
            elements!("$2"),
            " AS page)",
        ))
        .bind(integration)
        .bind(listed)
        .fetch_all(self.connection())
        .await?;
        Ok(known.into_iter().collect())
    }

    /// Marks, of the images that are for ingestion, those that are as they were and that the run
    /// has not seen yet, and returns how many they are: in most pages all.
    async fn see_again(&mut self, reading: Reading, page: &[PageRow<'_>]) -> Stored<usize> {
        let selected: Vec<_> = page.iter().filter(|row| row.omission.is_none()).collect();
        let marked = sqlx::query(concat!(
            "UPDATE location SET seen_reading = $2, missing_run = NULL, held_run = NULL
             FROM ",
            elements!("$1"),
            " AS page
             WHERE location.repository = CAST(page.value ->> 'repository' AS BIGINT)
                 AND location.digest = page.value ->> 'digest'
                 AND location.gone_at IS NULL AND location.omission IS NULL
                 AND location.seen_reading < $3 AND ",
            same!(),
        ))
        .bind(to_json(PAGE, &selected)?)
        .bind(reading.now)
        .bind(reading.first)
        .execute(self.connection())
        .await?
        .rows_affected();
        Ok(usize::try_from(marked).unwrap_or(usize::MAX))
    }

    /// Items are looked up one by one: PostgreSQL, until it has analysed the table, takes an
    /// integration for a small part of it, and would read all items of it for a join.
    async fn standings(
        &mut self,
        integration: i64,
        page: &[&PageRow<'_>],
    ) -> Stored<Vec<Standing>> {
        if page.is_empty() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(concat!(
            "SELECT CAST(page.value ->> 'place' AS BIGINT),
                    coalesce((SELECT progress = 'in_hand' OR ingested_at IS NOT NULL FROM item
                              WHERE integration = $1 AND digest = page.value ->> 'digest'), FALSE),
                    location.digest IS NOT NULL,
                    location.digest IS NOT NULL AND location.gone_at IS NULL,
                    coalesce(location.seen_reading, 0), ",
            same!(),
            ", location.omission IS NOT DISTINCT FROM page.value ->> 'omission',
                    location.digest IS NOT NULL AND location.omission IS NULL,
                    location.tags
             FROM ",
            elements!("$2"),
            " AS page
             LEFT JOIN location ON location.repository = CAST(page.value ->> 'repository' AS BIGINT)
                 AND location.digest = page.value ->> 'digest'
             ORDER BY 1",
        ))
        .bind(integration)
        .bind(to_json(PAGE, page)?)
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
             SELECT CAST(page.value ->> 'repository' AS BIGINT), page.value ->> 'digest',
                    (SELECT id FROM item
                     WHERE integration = $1 AND digest = page.value ->> 'digest'),
                    page.value ->> 'kind',
                    page.value ->> 'media_type', CAST(page.value ->> 'size' AS BIGINT),
                    page.value ->> 'tags', page.value ->> 'platforms',
                    CAST(page.value ->> 'pushed_at' AS BIGINT), page.value ->> 'omission', $4, $3
             FROM ",
            elements!("$2"),
            " AS page
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
