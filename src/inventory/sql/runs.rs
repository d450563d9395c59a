//! Who may write a run, and how it ends.

use std::time::Duration;

use sqlx::Row as _;

use super::{
    Connection, Row, Write,
    bindings::unknown,
    reports::{FAILURE, KEPT_RUNS, report},
    stored::{Stored, integer, small, time, to_json, word},
};
use crate::{
    clock::Timestamp,
    error::ErrorRecord,
    image::{ChangeMark, Proof},
    inventory::{
        BegunRun, InventoryError, OpenRun, RunEnd, RunKind, RunReport, RunRequest, RunStart,
        RunTicket,
        run::{is_complete, is_successful},
    },
};

/// The run whose ticket is good.
pub(super) struct CurrentRun {
    pub(super) id: i64,
    pub(super) integration: i64,
    pub(super) kind: RunKind,
    /// The reading that is under way, and the one with which the run began.
    pub(super) reading: i64,
    pub(super) first_reading: i64,
    /// How many changes it has told.
    pub(super) changes: i64,
    /// How many images it has left out, by reason.
    pub(super) left_out: String,
}

/// A run that has begun and not ended.
struct Unfinished {
    open: OpenRun,
    lease_since: i64,
    takeovers: u32,
    mark: Option<ChangeMark>,
}

impl Write {
    /// The answer is an error of the inventory's own where it is a refusal: what was found out about
    /// the clock meanwhile is to be kept.
    pub(super) async fn begin_run(
        &mut self,
        request: &RunRequest<'_>,
    ) -> Stored<Result<BegunRun, InventoryError>> {
        let integration: i64 = sqlx::query_scalar("SELECT id FROM integration WHERE name = $1")
            .bind(request.integration)
            .fetch_optional(self.connection())
            .await?
            .ok_or_else(|| unknown(request.integration))?;
        if let Some(mut unfinished) = unfinished(self.connection(), integration).await? {
            if request.start == RunStart::Resume {
                self.follow_clock_of_run(&mut unfinished).await?;
                let until = unfinished.open.lease_until;
                if until > self.now {
                    return Ok(Err(InventoryError::RunInProgress {
                        integration: request.integration.to_owned(),
                        until,
                    }));
                }
                let age = self.now.since(unfinished.open.started_at);
                if unfinished.open.kind == request.kind && age < RunRequest::RESUMED_WITHIN {
                    return self
                        .take_over(request, integration, unfinished)
                        .await
                        .map(Ok);
                }
            }
            self.give_up(request.integration, integration).await?;
        }
        self.begin_anew(request, integration).await.map(Ok)
    }

    async fn begin_anew(&mut self, request: &RunRequest<'_>, integration: i64) -> Stored<BegunRun> {
        self.forget_old_runs(integration).await?;
        let reading = self.next_reading(integration).await?;
        let lease_until = self.now.saturating_add(request.lease);
        let run: i64 = sqlx::query_scalar(
            "INSERT INTO run (integration, kind, started_at, reading, first_reading, lease,
                              lease_since, lease_until, change_mark)
             VALUES ($1, $2, $3, $4, $4, $5, $3, $6, $7)
             RETURNING id",
        )
        .bind(integration)
        .bind(request.kind.as_str())
        .bind(self.nanos())
        .bind(reading)
        .bind(lease_nanos(request.lease))
        .bind(lease_until.as_unix_nanos())
        .bind(request.mark.map(ChangeMark::as_str))
        .fetch_one(self.connection())
        .await?;
        sqlx::query("UPDATE integration SET current_run = $2 WHERE id = $1")
            .bind(integration)
            .bind(run)
            .execute(self.connection())
            .await?;
        Ok(BegunRun {
            ticket: RunTicket {
                integration: request.integration.to_owned(),
                run,
                fence: reading,
            },
            started_at: self.now,
            lease_until,
            mark: request.mark.cloned(),
            resumed: None,
        })
    }

    async fn take_over(
        &mut self,
        request: &RunRequest<'_>,
        integration: i64,
        unfinished: Unfinished,
    ) -> Stored<BegunRun> {
        let OpenRun {
            run, started_at, ..
        } = unfinished.open;
        let reading = self.next_reading(integration).await?;
        let lease_until = self.now.saturating_add(request.lease);
        sqlx::query(
            "UPDATE run
             SET reading = $2, takeovers = takeovers + 1, lease = $3, lease_since = $4,
                 lease_until = $5
             WHERE id = $1",
        )
        .bind(run)
        .bind(reading)
        .bind(lease_nanos(request.lease))
        .bind(self.nanos())
        .bind(lease_until.as_unix_nanos())
        .execute(self.connection())
        .await?;
        let takeovers = unfinished.takeovers.saturating_add(1);
        let resumed = self.resumed_scopes(run, reading, takeovers).await?;
        Ok(BegunRun {
            ticket: RunTicket {
                integration: request.integration.to_owned(),
                run,
                fence: reading,
            },
            started_at,
            lease_until,
            mark: unfinished.mark,
            resumed: Some(resumed),
        })
    }

    async fn next_reading(&mut self, integration: i64) -> Stored<i64> {
        Ok(sqlx::query_scalar(
            "UPDATE integration SET reading = reading + 1 WHERE id = $1 RETURNING reading",
        )
        .bind(integration)
        .fetch_one(self.connection())
        .await?)
    }

    /// Where the clock was set back, the lease begins anew instead of lasting as much longer.
    async fn follow_clock_of_run(&mut self, unfinished: &mut Unfinished) -> Stored<()> {
        if unfinished.lease_since <= self.nanos() {
            return Ok(());
        }
        let length = unfinished
            .open
            .lease_until
            .since(time(unfinished.lease_since));
        unfinished.open.lease_until = self.now.saturating_add(length);
        sqlx::query("UPDATE run SET lease_since = $2, lease_until = $3 WHERE id = $1")
            .bind(unfinished.open.run)
            .bind(self.nanos())
            .bind(unfinished.open.lease_until.as_unix_nanos())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Ends the unfinished run of an integration, if there is one: its ticket is void from now on.
    pub(super) async fn give_up(&mut self, name: &str, integration: i64) -> Stored<()> {
        let superseded = InventoryError::RunSuperseded {
            integration: name.to_owned(),
        };
        sqlx::query(
            "UPDATE run SET finished_at = $2, failure = $3
             WHERE id = (SELECT current_run FROM integration WHERE id = $1)",
        )
        .bind(integration)
        .bind(self.nanos())
        .bind(to_json(FAILURE, &ErrorRecord::from(&superseded))?)
        .execute(self.connection())
        .await?;
        sqlx::query("UPDATE integration SET current_run = NULL WHERE id = $1")
            .bind(integration)
            .execute(self.connection())
            .await?;
        Ok(())
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
                 AND id <> coalesce(
                     (SELECT complete_run FROM integration WHERE id = $1),
                     0)",
        )
        .bind(integration)
        .bind(KEPT_RUNS - 1)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// The run of this ticket, its lease extended.
    pub(super) async fn current_run(&mut self, ticket: &RunTicket) -> Stored<CurrentRun> {
        let row = sqlx::query(
            "UPDATE run
             SET lease_since = $4,
                 lease_until = CASE
                     WHEN lease_since <= $4 AND lease_until - lease > $4 THEN lease_until
                     ELSE $4 + lease
                 END
             WHERE id = (SELECT current_run FROM integration WHERE name = $1)
                 AND id = $2 AND reading = $3
             RETURNING id, integration, kind, reading, first_reading, changes, left_out",
        )
        .bind(&ticket.integration)
        .bind(ticket.run)
        .bind(ticket.fence)
        .bind(self.nanos())
        .fetch_optional(self.connection())
        .await?
        .ok_or_else(|| superseded(ticket))?;
        Ok(CurrentRun {
            id: row.try_get("id")?,
            integration: row.try_get("integration")?,
            kind: word("kind of run", row.try_get("kind")?)?,
            reading: row.try_get("reading")?,
            first_reading: row.try_get("first_reading")?,
            changes: row.try_get("changes")?,
            left_out: row.try_get("left_out")?,
        })
    }

    pub(super) async fn renew_run(&mut self, ticket: &RunTicket, until: Timestamp) -> Stored<()> {
        let run = self.current_run(ticket).await?;
        sqlx::query("UPDATE run SET lease_until = $2 WHERE id = $1")
            .bind(run.id)
            .bind(until.as_unix_nanos())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    pub(super) async fn finish_run(
        &mut self,
        ticket: &RunTicket,
        end: &RunEnd,
    ) -> Stored<RunReport> {
        let run = self.current_run(ticket).await?;
        let complete = is_complete(run.kind, end.proof, end.failure.is_some());
        if let (RunKind::Full, Some(proof)) = (run.kind, end.proof) {
            self.mark_missing(&run, proof, complete).await?;
        }
        sqlx::query(
            "UPDATE integration
             SET current_run = NULL,
                 complete_run = CASE WHEN $3 THEN $2 ELSE complete_run END,
                 change_mark = CASE
                     WHEN $4 THEN coalesce(
                         $5, (SELECT change_mark FROM run WHERE id = $2),
                         CASE WHEN $6 THEN NULL ELSE change_mark END)
                     ELSE change_mark
                 END
             WHERE id = $1",
        )
        .bind(run.integration)
        .bind(run.id)
        .bind(complete)
        .bind(is_successful(run.kind, end.proof, end.failure.is_some()))
        .bind(end.mark.as_ref().map(ChangeMark::as_str))
        .bind(run.kind == RunKind::Full)
        .execute(self.connection())
        .await?;
        self.count_scopes(run.id).await?;
        let failure = end.failure.as_ref();
        let row = sqlx::query(
            "UPDATE run
             SET finished_at = $2, proof = $3, requests = $4, elapsed_ms = $5, failure = $6,
                 blind_to = $7
             WHERE id = $1
             RETURNING *",
        )
        .bind(run.id)
        .bind(self.nanos())
        .bind(end.proof.map(Proof::as_str))
        .bind(integer(end.requests))
        .bind(milliseconds(end.elapsed))
        .bind(
            failure
                .map(|failure| to_json(FAILURE, failure))
                .transpose()?,
        )
        .bind(to_json("list of blind spots", &end.blind_to)?)
        .fetch_one(self.connection())
        .await?;
        report(&row)
    }
}

/// No longer than half of what is left of time, so that a sum with the time now is one.
fn lease_nanos(lease: Duration) -> i64 {
    integer(lease.as_nanos()).min(i64::MAX / 4)
}

fn superseded(ticket: &RunTicket) -> InventoryError {
    InventoryError::RunSuperseded {
        integration: ticket.integration.clone(),
    }
}

fn milliseconds(duration: Duration) -> i64 {
    integer(duration.as_millis())
}

pub(super) async fn open_run(
    connection: &mut Connection,
    integration: i64,
) -> Stored<Option<OpenRun>> {
    Ok(unfinished(connection, integration)
        .await?
        .map(|run| run.open))
}

async fn unfinished(connection: &mut Connection, integration: i64) -> Stored<Option<Unfinished>> {
    let row = sqlx::query(
        "SELECT run.* FROM integration JOIN run ON run.id = integration.current_run
         WHERE integration.id = $1",
    )
    .bind(integration)
    .fetch_optional(connection)
    .await?;
    let read = |row: &Row| {
        Ok(Unfinished {
            open: OpenRun {
                run: row.try_get("id")?,
                kind: word("kind of run", row.try_get("kind")?)?,
                started_at: time(row.try_get("started_at")?),
                lease_until: time(row.try_get("lease_until")?),
            },
            lease_since: row.try_get("lease_since")?,
            takeovers: small(row.try_get("takeovers")?),
            mark: row
                .try_get::<Option<String>, _>("change_mark")?
                .map(ChangeMark::new),
        })
    };
    row.as_ref().map(read).transpose()
}
