//! Which scopes a run has to read, and how each ended.

use std::collections::BTreeMap;

use sqlx::Row;

use super::{
    Write,
    runs::CurrentRun,
    stored::{Stored, count, integer, json, parsed, to_json},
};
use crate::{
    error::{ErrorCode, ErrorRecord},
    image::{Cursor, Exclusion, Scope},
    inventory::{
        ClosedScope, NamedScope, OpenScope, ResumedRun, RunTicket, ScopeList, ScopeOutcome,
    },
};

const FAILURE: &str = "failure";
const EXCLUSION: &str = "exclusion";

impl Write {
    pub(super) async fn store_scopes(
        &mut self,
        ticket: &RunTicket,
        scopes: &[NamedScope],
        list: &ScopeList,
    ) -> Stored<()> {
        let run = self.current_run(ticket).await?;
        for named in scopes {
            let (kind, name) = columns(&named.scope);
            let (outcome, reason) = ended(named.outcome.as_ref())?;
            sqlx::query(
                "INSERT INTO scope (run, kind, name, outcome, reason, since_reading)
                 VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (run, kind, name) DO NOTHING",
            )
            .bind(run.id)
            .bind(kind)
            .bind(name)
            .bind(outcome)
            .bind(reason)
            .bind(run.first_reading)
            .execute(self.connection())
            .await?;
            self.leave_out(&run, &named.scope, named.outcome.as_ref())
                .await?;
        }
        let cursor = match list {
            ScopeList::ReadTo(cursor) => Some(cursor.as_str()),
            ScopeList::Unread | ScopeList::Read => None,
        };
        sqlx::query("UPDATE run SET list_read = $2, list_cursor = $3 WHERE id = $1")
            .bind(run.id)
            .bind(*list == ScopeList::Read)
            .bind(cursor)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    pub(super) async fn open_scope(
        &mut self,
        run: i64,
        first_reading: i64,
        scope: &Scope,
        checkpoint: Option<&Cursor>,
    ) -> Stored<()> {
        let (kind, name) = columns(scope);
        sqlx::query(
            "INSERT INTO scope (run, kind, name, cursor, since_reading) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (run, kind, name) DO UPDATE
             SET cursor = coalesce(excluded.cursor, scope.cursor)",
        )
        .bind(run)
        .bind(kind)
        .bind(name)
        .bind(checkpoint.map(Cursor::as_str))
        .bind(first_reading)
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
        let run = self.current_run(ticket).await?;
        self.leave_out(&run, scope, Some(outcome)).await?;
        let (kind, name) = columns(scope);
        let (outcome, reason) = ended(Some(outcome))?;
        sqlx::query(
            "INSERT INTO scope (run, kind, name, outcome, reason, since_reading)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (run, kind, name) DO UPDATE
             SET outcome = excluded.outcome, reason = excluded.reason",
        )
        .bind(run.id)
        .bind(kind)
        .bind(name)
        .bind(outcome)
        .bind(reason)
        .bind(run.first_reading)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// What is known in a scope that the selection rules out is not for ingestion any more.
    async fn leave_out(
        &mut self,
        run: &CurrentRun,
        scope: &Scope,
        outcome: Option<&ScopeOutcome>,
    ) -> Stored<()> {
        if outcome != Some(&ScopeOutcome::Excluded(Exclusion::Filtered)) {
            return Ok(());
        }
        let (kind, name) = columns(scope);
        sqlx::query(
            "UPDATE item SET eligible = item.eligible - lost.eligible
             FROM (SELECT location.item, count(*) AS eligible
                   FROM location JOIN repository ON repository.id = location.repository
                   WHERE repository.integration = $1
                       AND ($2 = 'registry' OR $2 = 'namespace' AND repository.namespace = $3
                           OR $2 = 'repository' AND repository.name = $3)
                       AND location.omission IS NULL AND location.gone_at IS NULL
                   GROUP BY location.item) AS lost
             WHERE item.id = lost.item",
        )
        .bind(run.integration)
        .bind(kind)
        .bind(name)
        .execute(self.connection())
        .await?;
        sqlx::query(
            "UPDATE location SET omission = 'repository'
             WHERE omission IS NULL AND gone_at IS NULL AND repository IN (
                 SELECT id FROM repository
                 WHERE integration = $1
                     AND ($2 = 'registry' OR $2 = 'namespace' AND namespace = $3
                         OR $2 = 'repository' AND name = $3))",
        )
        .bind(run.integration)
        .bind(kind)
        .bind(name)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// How far the run had come. What starts over, starts over with this reading.
    pub(super) async fn resumed_scopes(
        &mut self,
        run: i64,
        reading: i64,
        takeovers: u32,
    ) -> Stored<ResumedRun> {
        sqlx::query("UPDATE scope SET cursor = NULL WHERE run = $1 AND outcome = 'skipped'")
            .bind(run)
            .execute(self.connection())
            .await?;
        sqlx::query(
            "UPDATE scope SET since_reading = $2
             WHERE run = $1 AND outcome IN ('open', 'skipped') AND cursor IS NULL",
        )
        .bind(run)
        .bind(reading)
        .execute(self.connection())
        .await?;
        let (list_read, list_cursor): (bool, Option<String>) =
            sqlx::query_as("SELECT list_read, list_cursor FROM run WHERE id = $1")
                .bind(run)
                .fetch_one(self.connection())
                .await?;
        let scopes = sqlx::query(
            "SELECT kind, name, outcome, reason, cursor FROM scope WHERE run = $1
             ORDER BY kind, name",
        )
        .bind(run)
        .fetch_all(self.connection())
        .await?;
        let (mut closed, mut open) = (Vec::new(), Vec::new());
        for row in &scopes {
            let scope = scope(row.try_get("kind")?, row.try_get("name")?)?;
            let reason: Option<&str> = row.try_get("reason")?;
            let reason = reason.unwrap_or("null");
            let outcome = match row.try_get("outcome")? {
                "listed" => ScopeOutcome::Listed,
                "excluded" => ScopeOutcome::Excluded(json(EXCLUSION, reason)?),
                "skipped" => ScopeOutcome::Skipped(json(FAILURE, reason)?),
                _ => {
                    let cursor: Option<String> = row.try_get("cursor")?;
                    let cursor = cursor.map(Cursor::new);
                    open.push(OpenScope { scope, cursor });
                    continue;
                }
            };
            closed.push(ClosedScope { scope, outcome });
        }
        Ok(ResumedRun {
            takeovers,
            scope_list: match list_cursor {
                _ if list_read => ScopeList::Read,
                Some(cursor) => ScopeList::ReadTo(Cursor::new(cursor)),
                None => ScopeList::Unread,
            },
            closed,
            open,
        })
    }

    /// Counts, in the run's report, the scopes that it did not read, by reason.
    pub(super) async fn count_scopes(&mut self, run: i64) -> Stored<()> {
        let reasons: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT outcome, reason, count(*)
             FROM scope WHERE run = $1 AND outcome IN ('skipped', 'excluded')
             GROUP BY outcome, reason",
        )
        .bind(run)
        .fetch_all(self.connection())
        .await?;
        let mut skipped = BTreeMap::<ErrorCode, u64>::new();
        let mut excluded = BTreeMap::<Exclusion, u64>::new();
        for (outcome, reason, scopes) in reasons {
            let of_reason = if outcome == "skipped" {
                let error: ErrorRecord = json(FAILURE, &reason)?;
                skipped.entry(error.code).or_default()
            } else {
                excluded.entry(json(EXCLUSION, &reason)?).or_default()
            };
            *of_reason += count(scopes);
        }
        sqlx::query(
            "UPDATE run SET skipped = $2, skipped_by = $3, excluded = $4, excluded_by = $5
             WHERE id = $1",
        )
        .bind(run)
        .bind(integer(skipped.values().sum::<u64>()))
        .bind(to_json("counts", &skipped)?)
        .bind(integer(excluded.values().sum::<u64>()))
        .bind(to_json("counts", &excluded)?)
        .execute(self.connection())
        .await?;
        Ok(())
    }
}

fn ended(outcome: Option<&ScopeOutcome>) -> Stored<(&'static str, Option<String>)> {
    Ok(match outcome {
        None => ("open", None),
        Some(ScopeOutcome::Listed) => ("listed", None),
        Some(ScopeOutcome::Excluded(exclusion)) => {
            ("excluded", Some(to_json(EXCLUSION, exclusion)?))
        }
        Some(ScopeOutcome::Skipped(error)) => ("skipped", Some(to_json(FAILURE, error)?)),
    })
}

fn columns(scope: &Scope) -> (&'static str, &str) {
    match scope {
        Scope::Registry => ("registry", ""),
        Scope::Namespace(name) => ("namespace", name),
        Scope::Repository(name) => ("repository", name.as_str()),
    }
}

fn scope(kind: &str, name: String) -> Stored<Scope> {
    Ok(match kind {
        "registry" => Scope::Registry,
        "namespace" => Scope::Namespace(name),
        _ => Scope::Repository(parsed("repository name", &name)?),
    })
}
