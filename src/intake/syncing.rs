use std::time::Duration;

use super::{IntakeEvent, builder::Parts, member::Member, serving::Observe};
use crate::{
    clock::Timestamp,
    error::ErrorRecord,
    inventory::{IntegrationSummary, InventoryError},
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

/// Syncs one integration whenever it is due, for ever.
pub(super) async fn sync(parts: &Parts, member: &Member, observe: Observe<'_>) {
    let clock = &*parts.clock;
    let (mut failures, mut retry, mut scheduled) = (0, None, None);
    loop {
        let due = match next(parts, member).await {
            Ok(due) => due.map(|due| retry.unwrap_or(due)),
            Err(error) => {
                failures += 1;
                let retry_at = told(&(&error).into(), failures, parts, observe);
                member.rest(clock, retry_at.since(clock.now())).await;
                continue;
            }
        };
        if let Some(DueRun { at, kind }) = due.filter(|_| scheduled != due) {
            observe(IntakeEvent::Scheduled { at, kind });
        }
        scheduled = due;
        let wait = due.map_or(LOOK, |due| due.at.since(clock.now()));
        let Some(due) = due.filter(|_| wait.is_zero()) else {
            member.rest(clock, wait.min(LOOK)).await;
            continue;
        };
        let run = member.sync(parts, due.kind);
        let failure = match run
            .run_observed(|event| observe(IntakeEvent::Sync(event)))
            .await
        {
            Ok(report) => {
                let failure = report.failure.clone();
                observe(IntakeEvent::Synced(report));
                // Whoever waits for the first sync.
                member.wake();
                failure
            }
            // Another process is at it, or has been until it died.
            Err(SyncError::Inventory(InventoryError::RunInProgress { until, .. })) => {
                let wait = until.since(clock.now()).max(SHORTEST_WAIT);
                member.rest(clock, wait.min(LOOK)).await;
                continue;
            }
            Err(error) => Some(ErrorRecord::from(&error)),
        };
        retry = match failure {
            None => {
                failures = 0;
                None
            }
            Some(failure) => {
                failures += 1;
                let at = told(&failure, failures, parts, observe);
                Some(DueRun { at, ..due })
            }
        };
    }
}

/// What is due next, from what the inventory knows now: other processes may have synced meanwhile.
async fn next(parts: &Parts, member: &Member) -> Result<Option<DueRun>, InventoryError> {
    let known = parts.inventory.integrations().await?;
    let known = known
        .into_iter()
        .find(|known| known.binding.integration == member.name());
    next_of(member, known.as_ref(), parts).await
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
    Ok(next_run(&member.schedule(), member.name(), &past, now))
}

/// Tells a failure, and when what failed is tried again. A refused account is not sent again by its
/// connector, so that trying costs nothing.
fn told(error: &ErrorRecord, failures: u32, parts: &Parts, observe: Observe<'_>) -> Timestamp {
    let retry_at = parts.clock.now().saturating_add(pause(failures));
    observe(IntakeEvent::SyncFailed {
        error: error.clone(),
        retry_at,
    });
    retry_at
}

fn pause(failures: u32) -> Duration {
    let doublings = (failures - 1).min(16);
    FIRST_PAUSE
        .saturating_mul(1 << doublings)
        .min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour() {
        let minutes = |failures| pause(failures).as_secs() / 60;
        assert_eq!(
            [1, 2, 3, 4, 5, u32::MAX].map(minutes),
            [5, 10, 20, 40, 60, 60]
        );
    }
}
