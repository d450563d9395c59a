use std::{
    future::poll_fn,
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures_util::FutureExt;
use tokio::task_local;

use super::connecting::Attempt;
use crate::clock::Clock;

task_local! {
    static RUNNING: Stopwatch;
}

/// Measures a request without the time that its connection took to stand.
#[derive(Debug, Clone)]
pub(super) struct Stopwatch {
    clock: Arc<dyn Clock>,
    begun: Duration,
    connected: Arc<OnceLock<Duration>>,
    attempt: Attempt,
}

impl Stopwatch {
    pub(super) fn start(clock: Arc<dyn Clock>) -> Self {
        Self {
            begun: clock.monotonic(),
            attempt: Attempt::new(Arc::clone(&clock)),
            clock,
            connected: Arc::default(),
        }
    }

    /// Runs the request, so that [`noted`] finds its stopwatch.
    pub(super) async fn watch<F: Future>(&self, request: F) -> F::Output {
        RUNNING.scope(self.clone(), request).await
    }

    /// The time since the connection stood, or since the start where it did already.
    pub(super) fn elapsed(&self) -> Duration {
        let since = self.connected.get().copied().unwrap_or(self.begun);
        self.clock.monotonic().saturating_sub(since)
    }

    /// How the connection came to stand, where the request needed one.
    pub(super) const fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    fn connected(&self) {
        self.connected.get_or_init(|| self.clock.monotonic());
    }
}

/// Tells the stopwatch of the request when its connection stands.
///
/// A request may also be given the connection of another that ended first. Its own is then
/// finished in the background, outside of the request, which is how that moment is seen.
pub(super) fn noted<F: Future + Unpin>(mut connecting: F) -> impl Future<Output = F::Output> {
    let stopwatch = RUNNING.try_with(Stopwatch::clone).ok();
    if let Some(stopwatch) = &stopwatch {
        stopwatch.attempt.begin();
    }
    poll_fn(move |context| {
        let polled = match &stopwatch {
            Some(stopwatch) => stopwatch
                .attempt
                .while_polling(|| connecting.poll_unpin(context)),
            None => connecting.poll_unpin(context),
        };
        let in_background = RUNNING.try_with(|_| ()).is_err();
        if let Some(stopwatch) = &stopwatch
            && (polled.is_ready() || in_background)
        {
            stopwatch.connected();
            stopwatch.attempt.end();
        }
        polled
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{pin::pin, task::Poll};

    use tokio::sync::oneshot;

    use super::*;
    use crate::clock::{ManualClock, Timestamp};

    const SECOND: Duration = Duration::from_secs(1);

    fn stopwatch() -> (Stopwatch, ManualClock) {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        (Stopwatch::start(Arc::new(clock.clone())), clock)
    }

    #[tokio::test]
    async fn on_a_connection_that_stood_before_the_whole_request_is_measured() {
        let (stopwatch, clock) = stopwatch();
        stopwatch.watch(async { clock.advance(SECOND) }).await;
        assert_eq!(stopwatch.elapsed(), SECOND);
    }

    #[tokio::test]
    async fn what_comes_before_the_connection_stands_is_not_measured() {
        let (stopwatch, clock) = stopwatch();
        let request = async {
            noted(pin!(async { clock.advance(4 * SECOND) })).await;
            clock.advance(SECOND);
        };
        stopwatch.watch(request).await;
        assert_eq!(stopwatch.elapsed(), SECOND);
    }

    #[tokio::test]
    async fn a_connection_taken_over_from_another_request_stands_when_its_own_is_left() {
        let (stopwatch, clock) = stopwatch();
        let (connect, connected) = oneshot::channel();
        let request = async {
            let mut connecting = noted(connected);
            let begun = poll_fn(|context| Poll::Ready(connecting.poll_unpin(context)));
            assert!(begun.await.is_pending());
            clock.advance(4 * SECOND);
            let background = tokio::spawn(connecting);
            tokio::task::yield_now().await;
            clock.advance(SECOND);
            connect.send(()).unwrap();
            background.await.unwrap().unwrap();
            clock.advance(SECOND);
        };
        stopwatch.watch(request).await;
        assert_eq!(stopwatch.elapsed(), 2 * SECOND);
    }
}
