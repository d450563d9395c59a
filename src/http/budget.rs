use std::{
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::throttle::Throttle;
use crate::clock::Clock;

/// The longest period to which a server can slow an account down.
pub(super) const SLOWEST: Duration = Duration::from_secs(5);
/// By which part of itself a period that was doubled shrinks with each request.
const EASED_BY: u32 = 16;

/// How many requests an account may send, whoever sends them and to whichever host.
///
/// One request at most begins in each period, which is rounded up, so that in any second no more
/// begin than are allowed. A place that was waited for in vain is lost, which only spares the server.
/// Where the server allows less than was thought, the periods double, and come back bit by bit.
#[derive(Debug)]
pub(crate) struct Budget {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    period: Duration,
    /// The period at present.
    slowed: Duration,
    /// Until when the server was last given way.
    pause_ends: Duration,
    /// When the next request may begin, by the monotonic clock.
    next: Duration,
}

impl Budget {
    pub(crate) const fn per_second(requests: NonZeroU32) -> Self {
        Self {
            state: Mutex::new(State {
                period: period(requests),
                slowed: period(requests),
                pause_ends: Duration::ZERO,
                next: Duration::ZERO,
            }),
        }
    }

    /// Keeps to the smaller of the rates that its users name.
    pub(crate) fn at_most(&self, requests: NonZeroU32) {
        self.with(|state| {
            state.period = state.period.max(period(requests));
            state.slowed = state.slowed.max(state.period);
        });
    }

    /// Waits for the account's next place.
    pub(super) async fn turn(&self, clock: &dyn Clock) {
        let now = clock.monotonic();
        let begins = self.with(|state| {
            let begins = state.next.max(now);
            state.next = begins.saturating_add(state.slowed);
            state.slowed = (state.slowed - state.slowed / EASED_BY).max(state.period);
            begins
        });
        loop {
            let left = begins.saturating_sub(clock.monotonic());
            if left.is_zero() {
                return;
            }
            clock.sleep(left).await;
        }
    }

    /// No request of the account that has no place yet begins for `duration` from now, and where the
    /// rate was too high, it is halved.
    pub(super) fn give_way(&self, throttle: Throttle, duration: Duration, clock: &dyn Clock) {
        let now = clock.monotonic();
        let until = now.saturating_add(duration);
        self.with(|state| {
            // Those that were under way together are one refusal.
            if matches!(throttle, Throttle::Rate) && now >= state.pause_ends {
                state.slowed = state
                    .slowed
                    .saturating_mul(2)
                    .min(SLOWEST.max(state.period));
                state.pause_ends = until;
            }
            state.next = state.next.max(until);
        });
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

const fn period(requests: NonZeroU32) -> Duration {
    Duration::from_nanos(1_000_000_000_u64.div_ceil(requests.get() as u64))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::clock::{ManualClock, Timestamp};

    fn rate(requests: u32) -> NonZeroU32 {
        NonZeroU32::new(requests).unwrap()
    }

    /// When so many requests begin.
    fn beginnings(budget: &Budget, count: usize) -> Vec<Duration> {
        let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.build().unwrap();
        runtime.block_on(async {
            let mut begun = Vec::new();
            for _ in 0..count {
                budget.turn(&clock).await;
                begun.push(clock.monotonic());
            }
            begun
        })
    }

    #[test]
    fn the_smallest_rate_that_is_named_counts() {
        let budget = Budget::per_second(rate(10));
        budget.at_most(rate(2));
        budget.at_most(rate(50));
        let begun = beginnings(&budget, 3);
        assert_eq!(begun[2], Duration::from_secs(1));
    }

    #[test]
    fn a_pause_puts_off_whoever_has_no_place_yet() {
        let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
        let budget = Budget::per_second(rate(15));
        budget.give_way(Throttle::Unavailable, Duration::from_secs(3), &clock);
        budget.give_way(Throttle::Unavailable, Duration::from_secs(1), &clock);
        assert_eq!(beginnings(&budget, 1), [Duration::from_secs(3)]);
    }

    #[test]
    fn a_rate_that_was_too_high_is_halved_once_for_all_that_were_under_way_and_eased_again() {
        let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
        let budget = Budget::per_second(rate(10));
        for _ in 0..4 {
            budget.give_way(Throttle::Rate, Duration::from_secs(1), &clock);
        }
        let begun = beginnings(&budget, 100);
        assert_eq!(begun[0], Duration::from_secs(1));
        let gaps: Vec<_> = begun.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(gaps[0], Duration::from_millis(200));
        assert!(gaps.is_sorted_by(|one, next| one >= next), "{gaps:?}");
        assert_eq!(*gaps.last().unwrap(), Duration::from_millis(100));
    }

    proptest! {
        #[test]
        fn no_second_wherever_it_begins_holds_more_than_are_allowed(requests in 1_u32..100) {
            let begun = beginnings(&Budget::per_second(rate(requests)), 3 * requests as usize);
            for window in begun.windows(requests as usize + 1) {
                prop_assert!(window[requests as usize] - window[0] >= Duration::from_secs(1));
            }
        }
    }
}
