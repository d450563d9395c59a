use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::watch;

use super::{Clock, Timestamp};

/// A clock that stands still until it is told to move. Clones share their time.
///
/// ```
/// use std::time::Duration;
/// use registry_intake::clock::{Clock, ManualClock, Timestamp};
///
/// let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
/// clock.advance(Duration::from_secs(360));
/// assert_eq!(clock.now().to_string(), "1970-01-01T00:06:00Z");
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    moved: watch::Sender<Duration>,
}

#[derive(Debug)]
struct State {
    wall: Timestamp,
    monotonic: Duration,
    jumps: bool,
}

impl ManualClock {
    /// A clock that shows `wall` until it is moved. Sleepers wait for [`advance`](Self::advance).
    #[must_use]
    pub fn at(wall: Timestamp) -> Self {
        Self::new(wall, false)
    }

    /// A clock on which every sleep returns at once and moves the time to its end: for a single
    /// task that waits for nobody else.
    #[must_use]
    pub fn jumping_at(wall: Timestamp) -> Self {
        Self::new(wall, true)
    }

    fn new(wall: Timestamp, jumps: bool) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State {
                    wall,
                    monotonic: Duration::ZERO,
                    jumps,
                }),
                moved: watch::Sender::new(Duration::ZERO),
            }),
        }
    }

    /// Moves both clocks forward and wakes whoever has slept long enough.
    pub fn advance(&self, duration: Duration) {
        let monotonic = {
            let mut state = self.state();
            state.wall = state.wall.saturating_add(duration);
            state.monotonic = state.monotonic.saturating_add(duration);
            state.monotonic
        };
        self.shared.moved.send_replace(monotonic);
    }

    /// Sets the wall clock alone, as a person or a time server does: sleepers do not notice.
    pub fn set_wall(&self, wall: Timestamp) {
        self.state().wall = wall;
    }

    /// How many sleeps are under way.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        self.shared.moved.receiver_count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code between lock and release can panic, so a poisoned lock still holds good state.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.state().wall
    }

    fn monotonic(&self) -> Duration {
        self.state().monotonic
    }

    async fn sleep(&self, duration: Duration) {
        let (jumps, until) = {
            let state = self.state();
            (state.jumps, state.monotonic.saturating_add(duration))
        };
        if jumps {
            self.advance(duration);
            return;
        }
        let mut moved = self.shared.moved.subscribe();
        // The sender lives as long as `self`, so the wait ends only by the time.
        let _ = moved.wait_for(|now| *now >= until).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_its_time_has_come_and_not_before() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let sleeping = clock.clone();
        let sleeper = tokio::spawn(async move { sleeping.sleep(Duration::from_secs(10)).await });
        while clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_secs(9));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(1));
        assert!(sleeper.await.is_ok());
    }

    #[tokio::test]
    async fn a_jumping_clock_pays_for_a_sleep_in_time_shown() {
        let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
        clock.sleep(Duration::from_secs(3600)).await;
        assert_eq!(clock.monotonic(), Duration::from_secs(3600));
        assert_eq!(clock.now().to_string(), "1970-01-01T01:00:00Z");
    }
}
