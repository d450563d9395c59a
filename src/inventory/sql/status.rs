//! How a queue stands.

use std::time::Duration;

use super::{
    Transaction,
    bindings::unknown,
    queue::{ORDINARY, RESCAN},
    stored::{Stored, count, json, time},
};
use crate::{
    clock::Timestamp,
    inventory::{Paused, QueueStatus},
    pace::{Decision, Pace, PaceState},
};

pub(super) async fn queue_status(
    mut read: Transaction,
    now: Timestamp,
    integration: &str,
    pace: &Pace,
    rescan_after: Option<Duration>,
) -> Stored<QueueStatus> {
    let (id, state, sync, ingestion): (i64, String, bool, bool) = sqlx::query_as(
        "SELECT id, pace, sync_paused, ingestion_paused FROM integration WHERE name = $1",
    )
    .bind(integration)
    .fetch_optional(&mut *read)
    .await?
    .ok_or_else(|| unknown(integration))?;
    let mut status = QueueStatus {
        paused: Paused { sync, ingestion },
        ..QueueStatus::default()
    };
    let tally: Vec<(String, i64, i64)> =
        sqlx::query_as("SELECT state, lane, items FROM tally WHERE integration = $1")
            .bind(id)
            .fetch_all(&mut *read)
            .await?;
    for (state, lane, items) in tally {
        let counted = match (state.as_str(), lane) {
            ("pending", ORDINARY) => &mut status.pending.ordinary,
            ("pending", RESCAN) => &mut status.pending.rescans,
            ("pending", _) => &mut status.pending.requested,
            ("in_hand", _) => &mut status.in_hand,
            ("parked", _) => &mut status.parked,
            _ => continue,
        };
        *counted += count(items);
    }
    let mut ready = {
        let ready: Option<i64> = sqlx::query_scalar(
            "SELECT id FROM item
             WHERE integration = $1 AND state = 'pending' AND held_until IS NULL LIMIT 1",
        )
        .bind(id)
        .fetch_optional(&mut *read)
        .await?;
        ready.map(|_| now)
    };
    if let Some(rescan_after) = rescan_after {
        let due = now.saturating_sub(rescan_after).as_unix_nanos();
        let (rescans, next): (i64, Option<i64>) = sqlx::query_as(
            "SELECT count(*),
                    (SELECT min(ingested_at) FROM item
                     WHERE integration = $1 AND state = 'ingested' AND eligible > 0
                         AND ingested_at > $2)
             FROM item
             WHERE integration = $1 AND state = 'ingested' AND eligible > 0 AND ingested_at <= $2",
        )
        .bind(id)
        .bind(due)
        .fetch_one(&mut *read)
        .await?;
        status.pending.rescans += count(rescans);
        status.next_rescan = next.map(|at| time(at).saturating_add(rescan_after));
        ready = ready.or_else(|| (rescans > 0).then_some(now));
    }
    let (oldest, first_end): (Option<i64>, Option<i64>) = sqlx::query_as(
        "SELECT (SELECT min(waiting_since) FROM item
                 WHERE integration = $1 AND lane = $2 AND state = 'pending'
                     AND held_until IS NULL),
                (SELECT min(held_until) FROM item
                 WHERE integration = $1 AND held_until IS NOT NULL AND state = 'pending')",
    )
    .bind(id)
    .bind(ORDINARY)
    .fetch_one(&mut *read)
    .await?;
    status.oldest_pending = oldest.map(time);
    let ready = ready.or_else(|| first_end.map(|until| time(until).max(now)));
    status.next_grant = match ready {
        None => None,
        Some(ready) => {
            let state: PaceState = json("state of the pace", &state)?;
            Some(match pace.decide(&state, now) {
                Decision::Grant(_) => ready,
                Decision::Wait { until, .. } => ready.max(until),
            })
        }
    };
    Ok(status)
}
