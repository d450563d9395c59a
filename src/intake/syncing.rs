use std::time::Duration;

use super::{
    IntakeEvent,
    builder::Parts,
    member::{Member, Retry},
    serving::Observe,
};
use crate::{
    clock::Timestamp,
    error::ErrorRecord,
    inventory::{IntegrationSummary, InventoryError, RunReport},
    sync::{DueRun, PastRuns, SyncError, next_run},
};

/// How often to look whether another process has changed what is due.
const LOOK: Duration = Duration::from_secs(600);
/// The pause after a first failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(300);
/// A moment, so that clocks that differ do not make a spin.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// How many past runs are looked at for the last full one.
const RUNS: u32 = 50;
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// A listing that was proved has cost what a whole one costs: what it could not read of single
/// scopes is not worth another every hour.
const LONGEST_PAUSE_AFTER_A_PROOF: Duration = Duration::from_secs(24 * 3600);

/// Syncs one integration whenever it is due, for ever.
pub(super) async fn sync(parts: &Parts, member: &Member, observe: Observe<'_>) {
    let clock = &*parts.clock;
    let (mut failures, mut scheduled) = (0, None);
    loop {
        let (due, newest) = match next(parts, member).await {
            Ok(next) => next,
            Err(error) => {
                failures += 1;
                let retry_at = told(
                    &(&error).into(),
                    pause(failures, LONGEST_PAUSE),
                    parts,
                    observe,
                );
                member.rest(clock, retry_at.since(clock.now())).await;
                continue;
            }
        };
        if let Some(DueRun { at, kind }) = due.filter(|_| scheduled != due) {
            let schedule = member.schedule();
            observe(IntakeEvent::Scheduled { at, kind, schedule });
        }
        scheduled = due;
        let wait = due.map_or(LOOK, |due| due.at.since(clock.now()));
        let Some(due) = due.filter(|_| wait.is_zero()) else {
            member.rest(clock, wait.min(LOOK)).await;
            continue;
        };
        let run = member.sync(parts, due.kind, Some(newest), |event| {
            observe(IntakeEvent::Sync(event));
        });
        let (failure, longest) = match run.await {
            Ok(report) => {
                let failed = report
                    .failure
                    .clone()
                    .map(|failure| (failure, longest(&report)));
                observe(IntakeEvent::Synced(report));
                match failed {
                    Some(failed) => failed,
                    None => {
                        failures = 0;
                        continue;
                    }
                }
            }
            // Another process is at it or has just done it, or was at it until it died.
            Err(SyncError::Inventory(InventoryError::RunInProgress { until, .. })) => {
                let wait = until.since(clock.now()).max(SHORTEST_WAIT);
                member.rest(clock, wait.min(LOOK)).await;
                continue;
            }
            Err(error) => (ErrorRecord::from(&error), LONGEST_PAUSE),
        };
        failures += 1;
        let since = clock.now();
        let at = told(&failure, pause(failures, longest), parts, observe);
        member.set_retry(Some(Retry {
            due: DueRun { at, ..due },
            since,
        }));
    }
}

/// What is due next, from what the inventory knows now, and the last run that this comes from:
/// other processes may have synced meanwhile.
async fn next(parts: &Parts, member: &Member) -> Result<(Option<DueRun>, i64), InventoryError> {
    let known = parts.inventory.integrations().await?;
    let known = known
        .into_iter()
        .find(|known| known.binding.integration == member.name());
    let newest = known.as_ref().map_or(0, IntegrationSummary::newest_run);
    Ok((next_of(member, known.as_ref(), parts).await?, newest))
}

/// The same from what is known already.
pub(super) async fn next_of(
    member: &Member,
    known: Option<&IntegrationSummary>,
    parts: &Parts,
) -> Result<Option<DueRun>, InventoryError> {
    let past = match known {
        Some(known) if known.paused.sync => return Ok(None),
        Some(known) => PastRuns::of(known, &parts.inventory.runs(member.name(), RUNS).await?),
        None => PastRuns::default(),
    };
    let now = parts.clock.now();
    let due = next_run(&member.schedule(), member.name(), &past, now);
    let last = known.and_then(|known| known.last_run.as_ref());
    let retry = member.own().retry.filter(|retry| !is_done(retry, last));
    Ok(due.map(|due| match retry {
        // Until a run is known it is due at every moment.
        Some(retry) if past.full.is_none() => retry.due,
        Some(retry) => earlier(retry, due),
        None => due,
    }))
}

/// Whether another has done meanwhile what is to be tried again.
fn is_done(retry: &Retry, last: Option<&RunReport>) -> bool {
    last.is_some_and(|run| run.is_successful() && run.finished_at >= retry.since)
}

/// What is scheduled comes before a later retry, unless it is what has failed.
fn earlier(retry: Retry, scheduled: DueRun) -> DueRun {
    if scheduled.at > retry.since && scheduled.at < retry.due.at {
        scheduled
    } else {
        retry.due
    }
}

/// Tells a failure, and when what failed is tried again. A refused account is not sent again by its
/// connector, so that trying costs nothing.
fn told(error: &ErrorRecord, pause: Duration, parts: &Parts, observe: Observe<'_>) -> Timestamp {
    let retry_at = parts.clock.now().saturating_add(pause);
    observe(IntakeEvent::SyncFailed {
        error: error.clone(),
        retry_at,
    });
    retry_at
}

const fn longest(failed: &RunReport) -> Duration {
    match failed.proof {
        Some(_) => LONGEST_PAUSE_AFTER_A_PROOF,
        None => LONGEST_PAUSE,
    }
}

/// Doubles with each failure in a row.
fn pause(failures: u32, longest: Duration) -> Duration {
    let doublings = (failures - 1).min(16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::RunKind;

    #[test]
    fn pauses_double_up_to_an_hour_or_a_day() {
        let minutes = |longest| {
            [1, 2, 3, 4, 5, 6, u32::MAX].map(|failures| pause(failures, longest).as_secs() / 60)
        };
        assert_eq!(minutes(LONGEST_PAUSE), [5, 10, 20, 40, 60, 60, 60]);
        let after_a_proof = minutes(LONGEST_PAUSE_AFTER_A_PROOF);
        assert_eq!(after_a_proof, [5, 10, 20, 40, 80, 160, 1440]);
    }

    #[test]
    fn what_has_failed_is_tried_again_unless_something_is_scheduled_before() {
        let due = |seconds: i64| DueRun {
            at: Timestamp::from_unix_nanos(seconds * 1_000_000_000),
            kind: RunKind::Full,
        };
        let retry = Retry {
            due: due(600),
            since: due(300).at,
        };
        for (scheduled, next) in [(100, 600), (300, 600), (400, 400), (900, 600)] {
            assert_eq!(earlier(retry, due(scheduled)), due(next), "{scheduled}");
        }
    }
}
