use std::time::Duration;

use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{
    Write,
    bindings::unknown,
    stored::{Stored, count, integer, json, time, to_json, word},
};
use crate::{
    image::{Cursor, Proof, Scope},
    inventory::{InventoryError, RunEnd, RunReport, RunTicket, ScopeOutcome},
};

const FAILURE: &str = "failure";

/// A run in which more would go, both in number and in percent of what was known before, takes
/// nothing away until the next complete one misses it too.
const LOSS_IN_LOCATIONS: i64 = 20;
const LOSS_IN_PERCENT: i64 = 30;

/// How many runs of an integration are kept.
const KEPT_RUNS: i64 = 50;

impl Write {
    pub(super) async fn begin_run(&mut self, integration: &str) -> Stored<RunTicket> {
        let now = self.nanos();
        let id: i64 = sqlx::query_scalar("SELECT id FROM integration WHERE name = $1")
            .bind(integration)
            .fetch_optional(self.connection())
            .await?
            .ok_or_else(|| unknown(integration))?;
        let run = sqlx::query_scalar(
            "INSERT INTO run (integration, started_at) VALUES ($1, $2) RETURNING id",
        )
        .bind(id)
        .bind(now)
        .fetch_one(self.connection())
        .await?;
        sqlx::query("UPDATE integration SET current_run = $2 WHERE id = $1")
            .bind(id)
            .bind(run)
            .execute(self.connection())
            .await?;
        self.forget_old_runs(id).await?;
        Ok(RunTicket {
            integration: integration.to_owned(),
            run,
        })
    }

    /// What a run could not read or left out is kept with it; what it read is only of use until
    /// its end.
    async fn forget_old_runs(&mut self, integration: i64) -> Stored<()> {
        sqlx::query(
            "DELETE FROM scope WHERE outcome IN ('open', 'listed')
                 AND run IN (SELECT id FROM run WHERE integration = $1)",
        )
        .bind(integration)
        .execute(self.connection())
        .await?;
        sqlx::query(
            "DELETE FROM run WHERE integration = $1
                 AND id NOT IN (SELECT id FROM run WHERE integration = $1 ORDER BY id DESC LIMIT $2)
                 AND id IS NOT (SELECT max(id) FROM run
                                WHERE integration = $1 AND proof IS NOT NULL AND failure IS NULL)",
        )
        .bind(integration)
        .bind(KEPT_RUNS)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// The integration whose run this is, if no later one has begun.
    pub(super) async fn integration_of(&mut self, ticket: &RunTicket) -> Stored<i64> {
        let current =
            sqlx::query_scalar("SELECT id FROM integration WHERE name = $1 AND current_run = $2")
                .bind(&ticket.integration)
                .bind(ticket.run)
                .fetch_optional(self.connection())
                .await?;
        current.ok_or_else(|| {
            InventoryError::RunSuperseded {
                integration: ticket.integration.clone(),
            }
            .into()
        })
    }

    pub(super) async fn open_scope(
        &mut self,
        run: i64,
        scope: &Scope,
        checkpoint: Option<&Cursor>,
    ) -> Stored<()> {
        let (kind, name) = columns(scope);
        sqlx::query(
            "INSERT INTO scope (run, kind, name, cursor) VALUES ($1, $2, $3, $4)
             ON CONFLICT (run, kind, name) DO UPDATE
             SET cursor = coalesce(excluded.cursor, cursor)",
        )
        .bind(run)
        .bind(kind)
        .bind(name)
        .bind(checkpoint.map(Cursor::as_str))
        .execute(self.connection())
        .await?;
        Ok(())
    }

    pub(super) async fn close_scope(
        &mut self,
        ticket: &RunTicket,
        scope: &Scope,
        outcome: &ScopeOutcome,
    ) -> Stored<()> {
        self.integration_of(ticket).await?;
        let (kind, name) = columns(scope);
        let (outcome, reason) = match outcome {
            ScopeOutcome::Listed => ("listed", None),
            ScopeOutcome::Excluded(exclusion) => {
                ("excluded", Some(to_json("exclusion", exclusion)?))
            }
            ScopeOutcome::Skipped(error) => ("skipped", Some(to_json(FAILURE, error)?)),
        };
        sqlx::query(
            "INSERT INTO scope (run, kind, name, outcome, reason) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (run, kind, name) DO UPDATE
             SET outcome = excluded.outcome, reason = excluded.reason",
        )
        .bind(ticket.run)
        .bind(kind)
        .bind(name)
        .bind(outcome)
        .bind(reason)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    pub(super) async fn finish_run(
        &mut self,
        ticket: &RunTicket,
        end: &RunEnd,
    ) -> Stored<RunReport> {
        let integration = self.integration_of(ticket).await?;
        let complete = end.is_complete();
        let (gone, held) = match end.proof {
            Some(proof) => {
                self.mark_missing(integration, ticket.run, proof, complete)
                    .await?
            }
            None => (0, 0),
        };
        sqlx::query(
            "UPDATE integration
             SET current_run = NULL, complete_run = CASE WHEN $3 THEN $2 ELSE complete_run END
             WHERE id = $1",
        )
        .bind(integration)
        .bind(ticket.run)
        .bind(complete)
        .execute(self.connection())
        .await?;
        let failure = end.failure.as_ref();
        let row = sqlx::query(
            "UPDATE run
             SET finished_at = $2, proof = $3, gone = $4, held = $5, requests = $6,
                 elapsed_ms = $7, failure = $8,
                 skipped = (SELECT count(*) FROM scope WHERE run = $1 AND outcome = 'skipped'),
                 excluded = (SELECT count(*) FROM scope WHERE run = $1 AND outcome = 'excluded')
             WHERE id = $1
             RETURNING *",
        )
        .bind(ticket.run)
        .bind(self.nanos())
        .bind(end.proof.map(Proof::as_str))
        .bind(gone)
        .bind(held)
        .bind(integer(end.requests))
        .bind(milliseconds(end.elapsed))
        .bind(
            failure
                .map(|failure| to_json(FAILURE, failure))
                .transpose()?,
        )
        .fetch_one(self.connection())
        .await?;
        report(&row)
    }

    /// Marks what the run covers and did not see; returns how many locations are gone and how many
    /// are held to be until another run says so too.
    async fn mark_missing(
        &mut self,
        integration: i64,
        run: i64,
        proof: Proof,
        complete: bool,
    ) -> Stored<(i64, i64)> {
        let missing = sqlx::query(
            "WITH covered AS (
                 SELECT id FROM repository
                 WHERE integration = $1 AND 'listed' = coalesce(
                     (SELECT outcome FROM scope
                      WHERE run = $2 AND kind = 'repository' AND name = repository.name),
                     (SELECT outcome FROM scope
                      WHERE run = $2 AND kind = 'namespace' AND name = repository.namespace),
                     (SELECT outcome FROM scope WHERE run = $2 AND kind = 'registry'))
             ),
             missing AS MATERIALIZED (
                 SELECT repository, digest, $4 AND coalesce(missing_run = (
                     SELECT complete_run FROM integration WHERE id = $1), FALSE) AS confirmed
                 FROM location
                 WHERE gone_at IS NULL AND seen_run <> $2 AND repository IN covered
             ),
             known AS (
                 SELECT count(*) - (SELECT added FROM run WHERE id = $2) AS locations
                 FROM location JOIN repository ON repository.id = location.repository
                 WHERE integration = $1 AND gone_at IS NULL
             ),
             verdict AS MATERIALIZED (
                 SELECT $3 AND NOT (count(*) > $6 AND count(*) * 100 > $7 * (
                     SELECT locations FROM known)) AS at_once
                 FROM missing WHERE NOT confirmed
             )
             UPDATE location
             SET missing_run = iif($4, $2, missing_run),
                 gone_run = iif(at_once OR confirmed, $2, NULL),
                 gone_at = iif(at_once OR confirmed, $5, NULL)
             FROM missing, verdict
             WHERE location.repository = missing.repository AND location.digest = missing.digest",
        )
        .bind(integration)
        .bind(run)
        .bind(proof == Proof::Totals)
        .bind(complete)
        .bind(self.nanos())
        .bind(LOSS_IN_LOCATIONS)
        .bind(LOSS_IN_PERCENT)
        .execute(self.connection())
        .await?
        .rows_affected();
        let gone: i64 = sqlx::query_scalar("SELECT count(*) FROM location WHERE gone_run = $1")
            .bind(run)
            .fetch_one(self.connection())
            .await?;
        self.take_from_items(integration, run).await?;
        Ok((gone, integer(missing) - gone))
    }

    /// Tells the sink, and the work items, of the locations that this run marked as gone.
    async fn take_from_items(&mut self, integration: i64, run: i64) -> Stored<()> {
        sqlx::query(
            "INSERT INTO change (integration, kind, repository, digest, tags)
             SELECT $1, 'gone', repository.name, location.digest, location.tags
             FROM location
             JOIN repository ON repository.id = location.repository
             JOIN item ON item.id = location.item
             WHERE location.gone_run = $2
                 AND (item.progress = 'in_hand' OR item.ingested_at IS NOT NULL)",
        )
        .bind(integration)
        .bind(run)
        .execute(self.connection())
        .await?;
        sqlx::query(
            "UPDATE item SET live = item.live - lost.live, eligible = item.eligible - lost.eligible
             FROM (SELECT item, count(*) AS live, sum(eligible) AS eligible
                   FROM location WHERE gone_run = $1 GROUP BY item) AS lost
             WHERE item.id = lost.item",
        )
        .bind(run)
        .execute(self.connection())
        .await?;
        Ok(())
    }
}

fn columns(scope: &Scope) -> (&'static str, &str) {
    match scope {
        Scope::Registry => ("registry", ""),
        Scope::Namespace(name) => ("namespace", name),
        Scope::Repository(name) => ("repository", name.as_str()),
    }
}

fn milliseconds(duration: Duration) -> i64 {
    integer(duration.as_millis())
}

pub(super) async fn last(
    connection: &mut SqliteConnection,
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
    connection: &mut SqliteConnection,
    integration: i64,
) -> Stored<Option<RunReport>> {
    let row = sqlx::query(
        "SELECT * FROM run WHERE integration = $1 AND proof IS NOT NULL AND failure IS NULL
         ORDER BY id DESC LIMIT 1",
    )
    .bind(integration)
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(report).transpose()
}

fn report(row: &SqliteRow) -> Stored<RunReport> {
    let number = |column: &str| row.try_get(column).map(count);
    let proof: Option<&str> = row.try_get("proof")?;
    let failure: Option<&str> = row.try_get("failure")?;
    Ok(RunReport {
        run: Some(row.try_get("id")?),
        started_at: time(row.try_get("started_at")?),
        finished_at: time(row.try_get("finished_at")?),
        proof: proof.map(|text| word("proof", text)).transpose()?,
        listed: number("listed")?,
        new: number("added")?,
        changed: number("changed")?,
        unchanged: number("unchanged")?,
        gone: number("gone")?,
        held: number("held")?,
        skipped: number("skipped")?,
        excluded: number("excluded")?,
        requests: number("requests")?,
        elapsed_ms: number("elapsed_ms")?,
        failure: failure.map(|text| json(FAILURE, text)).transpose()?,
    })
}
