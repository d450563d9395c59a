//! What is kept of runs that have ended.

use sqlx::Row as _;

use super::{
    Connection, Pool, Row,
    contents::{location, tags},
    stored::{Stored, count, json, parsed, small, time, word},
};
use crate::inventory::{RunChange, RunReport};

pub(super) const FAILURE: &str = "failure";

/// How many runs of an integration are kept.
pub(super) const KEPT_RUNS: i64 = 50;

pub(super) async fn last(
    connection: &mut Connection,
    integration: i64,
) -> Stored<Option<RunReport>> {
    let row = sqlx::query(
        "SELECT * FROM run WHERE integration = $1 AND finished_at IS NOT NULL
         ORDER BY id DESC LIMIT 1",
    )
    .bind(integration)
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(report).transpose()
}

pub(super) async fn last_complete(
    connection: &mut Connection,
    integration: i64,
) -> Stored<Option<RunReport>> {
    let row = sqlx::query(
        "SELECT * FROM run
         WHERE integration = $1 AND kind = 'full' AND proof IS NOT NULL AND failure IS NULL
         ORDER BY id DESC LIMIT 1",
    )
    .bind(integration)
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(report).transpose()
}

pub(super) async fn runs(readers: &Pool, integration: &str, limit: u32) -> Stored<Vec<RunReport>> {
    let rows = sqlx::query(
        "SELECT * FROM run
         WHERE integration = (SELECT id FROM integration WHERE name = $1)
             AND finished_at IS NOT NULL
         ORDER BY id DESC LIMIT $2",
    )
    .bind(integration)
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await?;
    rows.iter().map(report).collect()
}

pub(super) fn report(row: &Row) -> Stored<RunReport> {
    let number = |column: &str| row.try_get(column).map(count);
    let text = |column: &str| row.try_get::<&str, _>(column);
    let proof: Option<&str> = row.try_get("proof")?;
    let failure: Option<&str> = row.try_get("failure")?;
    Ok(RunReport {
        run: Some(row.try_get("id")?),
        kind: word("kind of run", text("kind")?)?,
        started_at: time(row.try_get("started_at")?),
        finished_at: time(row.try_get("finished_at")?),
        takeovers: small(row.try_get("takeovers")?),
        proof: proof.map(|text| word("proof", text)).transpose()?,
        listed: number("listed")?,
        new: number("added")?,
        changed: number("changed")?,
        unchanged: number("unchanged")?,
        gone: number("gone")?,
        held: number("held")?,
        left_out: json("counts", text("left_out")?)?,
        skipped: number("skipped")?,
        skipped_by: json("counts", text("skipped_by")?)?,
        excluded: number("excluded")?,
        excluded_by: json("counts", text("excluded_by")?)?,
        blind_to: json("list of blind spots", text("blind_to")?)?,
        requests: number("requests")?,
        elapsed_ms: number("elapsed_ms")?,
        failure: failure.map(|text| json(FAILURE, text)).transpose()?,
    })
}

pub(super) async fn run_changes(
    readers: &Pool,
    integration: &str,
    run: i64,
    after: Option<i64>,
    limit: u32,
) -> Stored<Vec<RunChange>> {
    let rows = sqlx::query(
        "SELECT run_change.sequence, run_change.kind, repository.name AS repository,
                run_change.digest, run_change.tags, run_change.tags_before
         FROM run
         JOIN run_change ON run_change.run = run.id AND run_change.sequence > $3
         JOIN repository ON repository.id = run_change.repository
         WHERE run.id = $2
             AND run.integration = (SELECT id FROM integration WHERE name = $1)
         ORDER BY run_change.sequence LIMIT $4",
    )
    .bind(integration)
    .bind(run)
    .bind(after.unwrap_or(0))
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await?;
    rows.iter().map(run_change).collect()
}

fn run_change(row: &Row) -> Stored<RunChange> {
    let names = |text: &str| {
        let records = tags(text)?.into_iter();
        Stored::Ok(records.map(|tag| tag.name).collect())
    };
    let before: Option<&str> = row.try_get("tags_before")?;
    Ok(RunChange {
        sequence: row.try_get("sequence")?,
        kind: word("kind of change", row.try_get("kind")?)?,
        location: location(
            parsed("repository name", row.try_get("repository")?)?,
            parsed("digest", row.try_get("digest")?)?,
            tags(row.try_get("tags")?)?,
        ),
        tags_before: before.map(names).transpose()?,
    })
}
