use crate::{
    clock::Timestamp,
    inventory::{IntegrationSummary, OpenRun, RunKind, RunReport},
    schedule::Schedule,
};

/// What is known of an integration's runs, as far as it decides when the next is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PastRuns {
    /// When the last full run began, complete or not.
    pub full: Option<Timestamp>,
    /// When the last run of any kind began.
    pub any: Option<Timestamp>,
    /// The run that has begun and not ended.
    pub unfinished: Option<OpenRun>,
    /// Whether the registry has told where its changes go on: where it has not, an incremental run
    /// would be a full one.
    pub has_mark: bool,
}

impl PastRuns {
    /// What the inventory knows: the integration's summary, and its last runs as
    /// [`Inventory::runs`](crate::inventory::Inventory::runs) lists them.
    #[must_use]
    pub fn of(known: &IntegrationSummary, runs: &[RunReport]) -> Self {
        let ended = [&known.last_run, &known.last_complete_run]
            .into_iter()
            .flatten()
            .chain(runs);
        let began = |run: &RunReport| run.started_at;
        let full = ended.clone().filter(|run| run.kind == RunKind::Full);
        Self {
            full: full.map(began).max(),
            any: ended.map(began).max(),
            unfinished: known.open_run,
            has_mark: known.change_mark.is_some(),
        }
    }
}

/// A run that is due, now or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueRun {
    /// When it is due. Not later than now where it is overdue.
    pub at: Timestamp,
    /// What it is to read.
    pub kind: RunKind,
}

/// The next run that an integration's schedule asks for; none where runs are asked for by hand.
///
/// However many runs were missed, one makes them up. An integration that was never read fully is due
/// at once. A run that was left unfinished goes on as soon as its lease has ended, by whichever
/// schedule. Incremental runs follow the run before by
/// [`incremental_every`](Schedule::incremental_every), save where a full one is due by then, or where
/// the registry has not told where its changes go on.
#[must_use]
pub fn next_run(
    schedule: &Schedule,
    integration: &str,
    past: &PastRuns,
    now: Timestamp,
) -> Option<DueRun> {
    if let Some(run) = past.unfinished {
        return Some(DueRun {
            at: run.lease_until,
            kind: run.kind,
        });
    }
    if schedule.is_manual() {
        return None;
    }
    let full = |at| DueRun {
        at,
        kind: RunKind::Full,
    };
    // A clock that was set back must not put runs off until it has caught up.
    let Some(last_full) = past.full.map(|at| at.min(now)) else {
        return Some(full(now));
    };
    let next_full = schedule.next_full(integration, last_full).map(full);
    let every = schedule.incremental_every().filter(|_| past.has_mark);
    let next_incremental = every.map(|every| DueRun {
        at: past.any.map_or(now, |at| at.min(now)).saturating_add(every),
        kind: RunKind::Incremental,
    });
    match (next_full, next_incremental) {
        // An overdue full run makes up whatever else was missed.
        (Some(full), Some(incremental)) if incremental.at < full.at && full.at > now => {
            Some(incremental)
        }
        (None, incremental) => incremental,
        (full, _) => full,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::num::NonZeroU8;

    use super::*;

    const NAME: &str = "images"; // At 02:03.

    fn time(text: &str) -> Timestamp {
        format!("2026-11-{text}:00Z").parse().unwrap()
    }

    fn next(schedule: &Schedule, past: &PastRuns, now: &str) -> Option<(String, RunKind)> {
        next_run(schedule, NAME, past, time(now)).map(|due| (due.at.to_string(), due.kind))
    }

    fn due(at: &str, kind: RunKind) -> Option<(String, RunKind)> {
        Some((time(at).to_string(), kind))
    }

    fn began(full: &str, any: &str) -> PastRuns {
        PastRuns {
            full: Some(time(full)),
            any: Some(time(any)),
            unfinished: None,
            has_mark: false,
        }
    }

    #[test]
    fn an_integration_that_was_never_read_is_due_at_once() {
        let now = "21T14:00";
        let daily = next(&Schedule::daily(), &PastRuns::default(), now);
        assert_eq!(daily, due(now, RunKind::Full));
        assert_eq!(next(&Schedule::manual(), &PastRuns::default(), now), None);
    }

    #[test]
    fn missed_runs_are_made_up_once() {
        let past = began("17T02:03", "17T02:03");
        let missed = next(&Schedule::daily(), &past, "21T14:00");
        assert_eq!(missed, due("18T02:03", RunKind::Full));
        let past = began("21T14:00", "21T14:00");
        let made_up = next(&Schedule::daily(), &past, "21T14:30");
        assert_eq!(made_up, due("22T02:03", RunKind::Full));
    }

    #[test]
    fn incremental_runs_lie_between_full_ones() {
        let schedule = Schedule::daily().with_incremental_every(NonZeroU8::new(6).unwrap());
        let began = |any| PastRuns {
            has_mark: true,
            ..began("21T02:03", any)
        };
        let first = next(&schedule, &began("21T02:03"), "21T02:30");
        assert_eq!(first, due("21T08:03", RunKind::Incremental));
        // The one after next would come behind the full one.
        let past = began("21T20:03");
        let missed = next(&schedule, &began("21T02:03"), "22T09:00");
        assert_eq!(missed, due("22T02:03", RunKind::Full));
        let last = next(&schedule, &past, "21T20:30");
        assert_eq!(last, due("22T02:03", RunKind::Full));
    }

    #[test]
    fn by_default_a_full_run_a_day_and_incremental_ones_between_where_the_registry_can_tell() {
        let day = |has_mark| {
            let mut past = PastRuns {
                has_mark,
                ..began("21T02:03", "21T02:03")
            };
            let mut runs = Vec::new();
            for _ in 0..4 {
                let now = past.any.unwrap();
                let due = next_run(&Schedule::default(), NAME, &past, now).unwrap();
                past.any = Some(due.at);
                if due.kind == RunKind::Full {
                    past.full = Some(due.at);
                }
                runs.push((due.at.since(time("21T02:03")).as_secs() / 3600, due.kind));
            }
            runs
        };
        use RunKind::{Full, Incremental};
        let between = [(6, Incremental), (12, Incremental), (18, Incremental)];
        assert_eq!(day(true), [&between[..], &[(24, Full)]].concat());
        assert_eq!(day(false), [24, 48, 72, 96].map(|hour| (hour, Full)));
    }

    #[test]
    fn an_unfinished_run_goes_on_when_its_lease_has_ended() {
        let past = PastRuns {
            unfinished: Some(OpenRun {
                run: 7,
                kind: RunKind::Full,
                started_at: time("21T02:03"),
                lease_until: time("21T02:12"),
            }),
            ..began("20T02:03", "20T02:03")
        };
        for schedule in [Schedule::daily(), Schedule::manual()] {
            let next = next(&schedule, &past, "21T02:10");
            assert_eq!(next, due("21T02:12", RunKind::Full));
        }
    }

    #[test]
    fn a_clock_that_was_set_back_puts_no_run_off() {
        let past = began("29T02:03", "29T02:03");
        let next = next(&Schedule::daily(), &past, "21T14:00");
        assert_eq!(next, due("22T02:03", RunKind::Full));
    }
}
