use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::HOUR_NANOS;

/// The grants of the last hour, oldest first. Never shows a grant earlier than it was.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Log(Vec<Run>);

/// Grants under one limit: the last of them at `last`, each at least `period` after the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    from = "(i64, u32, NonZeroU32, i64)",
    into = "(i64, u32, NonZeroU32, i64)"
)]
struct Run {
    last: i64,
    count: u32,
    limit: NonZeroU32,
    period: i64,
}

impl Log {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn last(&self) -> Option<i64> {
        self.0.last().map(|run| run.last)
    }

    /// The same, moved so that nothing lies after `now`. At least as much time has really passed
    /// since each grant as the moved log says.
    pub(super) fn not_after(&self, now: i64) -> Self {
        let ahead = self
            .last()
            .map_or(0, |last| last.saturating_sub(now))
            .max(0);
        let moved = |run: &Run| Run {
            last: run.last.saturating_sub(ahead),
            ..*run
        };
        Self(self.0.iter().map(moved).collect())
    }

    /// From when on one more grant leaves every hour with no more grants than `limit`, or than the
    /// largest limit under which that hour saw a grant.
    pub(super) fn open_from(&self, limit: NonZeroU32) -> Option<i64> {
        let mut seen = 0_u32;
        let mut limit = limit.get();
        for run in self.0.iter().rev() {
            limit = limit.max(run.limit.get());
            // `seen` is below the limit of the step before, hence below this one.
            let missing = limit - seen;
            if run.count >= missing {
                let back = run.period.saturating_mul(i64::from(missing - 1));
                return Some(run.last.saturating_sub(back).saturating_add(HOUR_NANOS));
            }
            seen += run.count;
        }
        None
    }

    /// Adds a grant at `now`, which no grant in the log is later than, and forgets what has left
    /// the hour.
    pub(super) fn record(&mut self, now: i64, limit: NonZeroU32, period: i64) {
        let hour_ago = now.saturating_sub(HOUR_NANOS);
        self.0.retain(|run| run.last > hour_ago);
        match self.0.last_mut() {
            Some(run) if run.limit == limit && run.period == period && run.admits(now) => {
                run.last = now;
                run.count = run.count.saturating_add(1).min(limit.get());
            }
            _ => self.0.push(Run {
                last: now,
                count: 1,
                limit,
                period,
            }),
        }
    }
}

impl Run {
    const fn admits(&self, now: i64) -> bool {
        let gap = now.saturating_sub(self.last);
        if self.period == 0 {
            gap == 0
        } else {
            gap >= self.period
        }
    }
}

impl From<(i64, u32, NonZeroU32, i64)> for Run {
    fn from((last, count, limit, period): (i64, u32, NonZeroU32, i64)) -> Self {
        Self {
            last,
            count,
            limit,
            period,
        }
    }
}

impl From<Run> for (i64, u32, NonZeroU32, i64) {
    fn from(run: Run) -> Self {
        (run.last, run.count, run.limit, run.period)
    }
}
