use std::{cell::Cell, num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::FakeRelativeClock,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{NotKeyed, StateStore},
};
use serde::{Deserialize, Serialize};

use super::HOUR_NANOS;

/// A token bucket of capacity 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bucket {
    /// When it holds its token.
    full_at: i64,
    /// By which limit it is being filled.
    limit: NonZeroU32,
}

/// Nanoseconds between two tokens: an hour's share, rounded up, since n shares rounded down are
/// less than an hour and would let n + 1 images into it.
pub(super) const fn period(limit: NonZeroU32) -> i64 {
    let limit = limit.get() as i64;
    (HOUR_NANOS + limit - 1) / limit
}

impl Bucket {
    pub(super) const fn emptied(limit: NonZeroU32, at: i64) -> Self {
        Self {
            full_at: at.saturating_add(period(limit)),
            limit,
        }
    }

    /// The same, full no later than one period after `now`: from whatever moment on, a period
    /// fills it.
    pub(super) fn not_after(self, now: i64) -> Self {
        Self {
            full_at: self.full_at.min(Self::emptied(self.limit, now).full_at),
            ..self
        }
    }

    /// The same, filled by another limit from `now` on: the wait still due is scaled.
    pub(super) fn refilled_by(self, limit: NonZeroU32, now: i64) -> Self {
        let due = i128::from(self.full_at) - i128::from(now);
        if limit == self.limit || due <= 0 {
            return Self { limit, ..self };
        }
        let (old, new) = (i128::from(period(self.limit)), i128::from(period(limit)));
        // Rounded up. A wait of at most one old period becomes one of at most one new period.
        let due = (due * new + old - 1) / old;
        let due = i64::try_from(due).unwrap_or(i64::MAX);
        Self {
            full_at: now.saturating_add(due),
            limit,
        }
    }
}

/// Has governor decide at `now`: the emptied bucket, or when there is a token.
pub(super) fn take(limit: NonZeroU32, bucket: Option<Bucket>, now: i64) -> Result<Bucket, i64> {
    let period_nanos = period(limit);
    let share = Duration::from_nanos(period_nanos.unsigned_abs());
    let Some(quota) = Quota::with_period(share) else {
        // The largest limit has a period of 839 ns, so a period of zero does not occur; a limit
        // that fine would allow everything.
        return Ok(Bucket::emptied(limit, now));
    };
    // Governor counts from its own zero and panics where its count overflows, so it is told a time
    // in which now is one period after zero. A bucket is full at most one period after now, and
    // one full before zero is full now.
    let zero = now.saturating_sub(period_nanos);
    let stored = bucket.map(|bucket| bucket.full_at.saturating_sub(zero).max(0).unsigned_abs());
    let clock = FakeRelativeClock::default();
    let limiter: RateLimiter<_, _, _, NoOpMiddleware<Nanos>> =
        RateLimiter::new(quota, Stored(Cell::new(stored)), clock.clone());
    clock.advance(share);
    let told = |nanos: u64| zero.saturating_add(i64::try_from(nanos).unwrap_or(i64::MAX));
    match limiter.check() {
        Ok(()) => Ok(Bucket {
            full_at: limiter.into_state_store().0.get().map_or(now, told),
            limit,
        }),
        Err(refusal) => Err(told(refusal.earliest_possible().as_u64())),
    }
}

/// Governor's state, laid in before one decision and taken out after it.
struct Stored(Cell<Option<u64>>);

impl StateStore for Stored {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (answer, next) = decide(self.0.get().map(Nanos::from))?;
        self.0.set(Some(next.as_u64()));
        Ok(answer)
    }
}
