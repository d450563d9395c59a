//! The speed limit as a pure decision.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

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

/// What a pace remembers of past grants.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PaceState {}

/// Whether an image may enter now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It may; this is the state to remember.
    Grant(PaceState),
    /// Not before `until`.
    Wait {
        /// The earliest moment at which the answer can be another.
        until: Timestamp,
        /// The state to remember, where the clock was found set back.
        rebased: Option<PaceState>,
    },
}
