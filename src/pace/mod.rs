//! The speed limit as a pure decision: given what is remembered of past grants and the time,
//! may one more image enter?
//!
//! For every moment x at most n images enter in the hour [x, x + 3600 s), to the nanosecond, for
//! as long as the clock is not set forward. Nothing here stores, waits or reads a clock: the
//! inventory keeps the [`PaceState`] and asks inside the transaction that claims an image.

mod log;
mod spread;

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use log::Log;
use spread::Bucket;

const HOUR_NANOS: i64 = 3_600_000_000_000;

/// How many images may enter per hour, and how they are spread over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pace {
    /// At most so many in any hour, evenly spread: a token bucket of capacity 1.
    Spread(NonZeroU32),
    /// At most so many in any hour, the first of them at once.
    Burst(NonZeroU32),
    /// No limit.
    Unlimited,
}

/// What a pace remembers of past grants. The default remembers none.
///
/// One state serves every pace, so that a limit may change while it is in use: an hour that begins
/// after the change holds at most the new number, an hour that spans it at most the larger one.
/// What was granted without a limit is not remembered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PaceState {
    #[serde(skip_serializing_if = "Log::is_empty")]
    log: Log,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket: Option<Bucket>,
}

/// Whether an image may enter now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It may; this is the state to remember.
    Grant(PaceState),
    /// Not before `until`.
    Wait {
        /// The moment from which on the answer is a grant, unless another grant comes first.
        until: Timestamp,
        /// The state to remember in place of the old one, where the clock was found set back or
        /// the pace has changed. Without it the wait would begin anew with every question.
        rebased: Option<PaceState>,
    },
}

impl Pace {
    /// The number of images per hour; none where there is no limit.
    #[must_use]
    pub const fn per_hour(&self) -> Option<NonZeroU32> {
        match self {
            Self::Spread(limit) | Self::Burst(limit) => Some(*limit),
            Self::Unlimited => None,
        }
    }

    /// Decides whether an image may enter at `now`.
    ///
    /// A grant counts from `now` and is given at the first moment that the limit allows. Where
    /// `now` lies before the last grant, the clock was set back: past grants are then taken to have
    /// ended just now, which delays the next by at most one period (spread) or one hour (burst).
    ///
    /// ```
    /// use std::{num::NonZeroU32, time::Duration};
    /// use registry_intake::{clock::Timestamp, pace::{Decision, Pace, PaceState}};
    ///
    /// let ten = Pace::Spread(NonZeroU32::new(10).unwrap());
    /// let Decision::Grant(state) = ten.decide(&PaceState::default(), Timestamp::UNIX_EPOCH) else {
    ///     panic!("the first image enters at once");
    /// };
    /// let six_minutes = Timestamp::UNIX_EPOCH.saturating_add(Duration::from_secs(360));
    /// assert_eq!(
    ///     ten.decide(&state, Timestamp::UNIX_EPOCH),
    ///     Decision::Wait { until: six_minutes, rebased: None },
    /// );
    /// ```
    #[must_use]
    pub fn decide(&self, state: &PaceState, now: Timestamp) -> Decision {
        let Some(limit) = self.per_hour() else {
            return Decision::Grant(state.clone());
        };
        let now = now.as_unix_nanos();
        let mut next = PaceState {
            log: state.log.not_after(now),
            bucket: state.bucket.map(|bucket| bucket.not_after(now)),
        };
        let period = match self {
            Self::Spread(_) => spread::period(limit),
            _ => 0,
        };
        let mut until = next.log.open_from(limit).unwrap_or(now);
        if period > 0 {
            let bucket = match next.bucket {
                Some(bucket) => Some(bucket.refilled_by(limit, now)),
                None => next.log.last().map(|last| Bucket::emptied(limit, last)),
            };
            match spread::take(limit, bucket, now) {
                Ok(emptied) if until <= now => next.bucket = Some(emptied),
                Ok(_) => next.bucket = bucket,
                Err(full_at) => {
                    next.bucket = bucket;
                    until = until.max(full_at);
                }
            }
        }
        if until > now {
            return Decision::Wait {
                until: Timestamp::from_unix_nanos(until),
                rebased: (next != *state).then_some(next),
            };
        }
        if period == 0 {
            next.bucket = None;
        }
        next.log.record(now, limit, period);
        Decision::Grant(next)
    }
}
