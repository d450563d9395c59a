//! What a run covers and did not see.

use super::{
    Write,
    runs::CurrentRun,
    stored::{Stored, count, integer},
};
use crate::image::Proof;

/// A run in which more would go, both in number and in percent of what was known before, takes
/// nothing away until the next complete one misses it too.
const LOSS_IN_LOCATIONS: i64 = 20;
const LOSS_IN_PERCENT: i64 = 30;

impl Write {
    /// Marks what the run covers and did not see as gone, or holds it back.
    pub(super) async fn mark_missing(
        &mut self,
        run: &CurrentRun,
        proof: Proof,
        complete: bool,
    ) -> Stored<()> {
        self.let_go_of_held(run.integration).await?;
        let missing = sqlx::query(
            "WITH covered AS (
                 SELECT repository.id, coalesce(
                     own.since_reading, parent.since_reading, whole.since_reading) AS since_reading
                 FROM repository
                 LEFT JOIN scope AS own ON own.run = $2 AND own.kind = 'repository'
                     AND own.name = repository.name
                 LEFT JOIN scope AS parent ON parent.run = $2 AND parent.kind = 'namespace'
                     AND parent.name = repository.namespace
                 LEFT JOIN scope AS whole ON whole.run = $2 AND whole.kind = 'registry'
                 WHERE repository.integration = $1
                     AND coalesce(own.outcome, parent.outcome, whole.outcome) = 'listed'
             ),
             missing AS MATERIALIZED (
                 SELECT location.repository, location.digest, $4 AND coalesce(missing_run = (
                     SELECT complete_run FROM integration WHERE id = $1), FALSE) AS confirmed
                 FROM covered JOIN location ON location.repository = covered.id
                 WHERE gone_at IS NULL AND seen_reading < covered.since_reading
             ),
             known AS (
                 SELECT count(*) - (SELECT added FROM run WHERE id = $2) AS locations
                 FROM location JOIN repository ON repository.id = location.repository
                 WHERE integration = $1 AND gone_at IS NULL
             ),
             verdict AS MATERIALIZED (
                 SELECT $3 AND NOT (count(*) > $5 AND count(*) * 100 > $6 * (
                     SELECT locations FROM known)) AS at_once
                 FROM missing WHERE NOT confirmed
             )
             UPDATE location
             SET missing_run = CASE WHEN $4 THEN $2 ELSE missing_run END,
                 gone_run = CASE WHEN at_once OR confirmed THEN $2 END,
                 held_run = CASE WHEN at_once OR confirmed THEN NULL ELSE $2 END
             FROM missing, verdict
             WHERE location.repository = missing.repository AND location.digest = missing.digest",
        )
        .bind(run.integration)
        .bind(run.id)
        .bind(proof == Proof::Totals)
        .bind(complete)
        .bind(LOSS_IN_LOCATIONS)
        .bind(LOSS_IN_PERCENT)
        .execute(self.connection())
        .await?
        .rows_affected();
        let gone = self.take_away(run.integration, run.id).await?;
        sqlx::query("UPDATE run SET gone = $2, held = $3 WHERE id = $1")
            .bind(run.id)
            .bind(gone)
            .bind(integer(missing) - gone)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    pub(super) async fn confirm_held(&mut self, integration: &str) -> Stored<u64> {
        let held: Option<(i64, i64)> = sqlx::query_as(
            "SELECT integration.id, max(location.held_run)
             FROM location
             JOIN repository ON repository.id = location.repository
             JOIN integration ON integration.id = repository.integration
             WHERE location.held_run IS NOT NULL AND integration.name = $1
             GROUP BY integration.id",
        )
        .bind(integration)
        .fetch_optional(self.connection())
        .await?;
        // Only what the last proved run held back is held.
        let Some((integration, run)) = held else {
            return Ok(0);
        };
        sqlx::query("UPDATE location SET gone_run = held_run, held_run = NULL WHERE held_run = $1")
            .bind(run)
            .execute(self.connection())
            .await?;
        let gone = self.take_away(integration, run).await?;
        sqlx::query("UPDATE run SET gone = gone + $2, held = held - $2 WHERE id = $1")
            .bind(run)
            .bind(gone)
            .execute(self.connection())
            .await?;
        Ok(count(gone))
    }

    /// Whatever was held back is not any more.
    pub(super) async fn let_go_of_held(&mut self, integration: i64) -> Stored<()> {
        sqlx::query(
            "UPDATE location SET held_run = NULL
             WHERE held_run IS NOT NULL
                 AND repository IN (SELECT id FROM repository WHERE integration = $1)",
        )
        .bind(integration)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Ends the locations that this run takes away and that are not gone yet: the sink is told, the
    /// work items lose them, and the run's changes have them. Returns how many they are.
    async fn take_away(&mut self, integration: i64, run: i64) -> Stored<i64> {
        sqlx::query(
            "INSERT INTO change (integration, kind, repository, digest, tags)
             SELECT $1, 'gone', repository.name, location.digest, location.tags
             FROM location
             JOIN repository ON repository.id = location.repository
             JOIN item ON item.id = location.item
             WHERE location.gone_run = $2 AND location.gone_at IS NULL
                 AND (item.progress = 'in_hand' OR item.ingested_at IS NOT NULL)",
        )
        .bind(integration)
        .bind(run)
        .execute(self.connection())
        .await?;
        let told = sqlx::query(
            "INSERT INTO run_change (run, sequence, kind, repository, digest, tags)
             SELECT run.id, run.changes + row_number() OVER (
                        ORDER BY repository.name, location.digest),
                    'gone', repository.id, location.digest, location.tags
             FROM run
             JOIN location ON location.gone_run = run.id AND location.gone_at IS NULL
             JOIN repository ON repository.id = location.repository
             WHERE run.id = $1",
        )
        .bind(run)
        .execute(self.connection())
        .await?
        .rows_affected();
        sqlx::query("UPDATE run SET changes = changes + $2 WHERE id = $1")
            .bind(run)
            .bind(integer(told))
            .execute(self.connection())
            .await?;
        sqlx::query(
            "UPDATE item SET live = item.live - lost.live, eligible = item.eligible - lost.eligible
             FROM (SELECT item, count(*) AS live,
                          sum(CASE WHEN omission IS NULL THEN 1 ELSE 0 END) AS eligible
                   FROM location WHERE gone_run = $1 AND gone_at IS NULL GROUP BY item) AS lost
             WHERE item.id = lost.item",
        )
        .bind(run)
        .execute(self.connection())
        .await?;
        let gone =
            sqlx::query("UPDATE location SET gone_at = $2 WHERE gone_run = $1 AND gone_at IS NULL")
                .bind(run)
                .bind(self.nanos())
                .execute(self.connection())
                .await?
                .rows_affected();
        Ok(integer(gone))
    }
}
