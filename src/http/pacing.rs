use std::{
    num::NonZeroUsize,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::clock::Clock;

/// How many requests are in flight, and until when the host is left in peace.
#[derive(Debug)]
pub(super) struct Pacing {
    in_flight: Semaphore,
    /// Nanoseconds of the clock's monotonic time.
    paused_until: AtomicU64,
}

impl Pacing {
    pub(super) fn new(requests_in_flight: NonZeroUsize) -> Self {
        Self {
            in_flight: Semaphore::new(requests_in_flight.get().min(Semaphore::MAX_PERMITS)),
            paused_until: AtomicU64::new(0),
        }
    }

    /// Waits until the host may be asked and fewer than the allowed requests are in flight.
    pub(super) async fn turn(&self, clock: &dyn Clock) -> SemaphorePermit<'_> {
        loop {
            while let Some(left) = self.pause_left(clock) {
                clock.sleep(left).await;
            }
            // Nothing closes the semaphore.
            #[allow(clippy::expect_used)]
            let permit = self.in_flight.acquire().await.expect("never closed");
            if self.pause_left(clock).is_none() {
                return permit;
            }
        }
    }

    /// Nobody asks the host for `duration` from now. A longer pause under way stays.
    pub(super) fn pause(&self, duration: Duration, clock: &dyn Clock) {
        let until = clock.monotonic().saturating_add(duration);
        self.paused_until.fetch_max(nanos(until), Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.in_flight.available_permits()
    }

    fn pause_left(&self, clock: &dyn Clock) -> Option<Duration> {
        let until = self.paused_until.load(Ordering::Relaxed);
        let left = until.saturating_sub(nanos(clock.monotonic()));
        (left > 0).then(|| Duration::from_nanos(left))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{ManualClock, Timestamp};

    #[tokio::test]
    async fn a_shorter_pause_does_not_end_a_longer_one() {
        let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
        let pacing = Pacing::new(NonZeroUsize::MIN);
        pacing.pause(Duration::from_secs(60), &clock);
        pacing.pause(Duration::from_secs(1), &clock);
        let _turn = pacing.turn(&clock).await;
        assert_eq!(clock.monotonic(), Duration::from_secs(60));
    }

    #[tokio::test]
    async fn more_requests_than_a_semaphore_can_count_are_no_panic() {
        let pacing = Pacing::new(NonZeroUsize::MAX);
        assert!(pacing.free() > 1_000_000);
    }
}
