//! The crate's only source of time: wall clock, monotonic clock and sleep.
//!
//! Everything that measures, waits or stamps takes a [`Clock`], so that an embedder's tests can
//! run a day of ingestion in a millisecond with a [`ManualClock`].

mod manual;
mod timestamp;

pub use manual::ManualClock;
pub use timestamp::{ParseTimestampError, Timestamp};

use std::{
    fmt::Debug,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;

/// Wall time, monotonic time and sleep.
#[async_trait]
pub trait Clock: Debug + Send + Sync + 'static {
    /// The wall clock: what a person or another machine would call now. May jump.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment of this clock's life. Never goes back.
    fn monotonic(&self) -> Duration;

    /// Returns once [`monotonic`](Self::monotonic) has advanced by `duration`.
    async fn sleep(&self, duration: Duration);
}

/// The machine's clock. Its sleep needs a tokio runtime with time enabled.
#[derive(Debug, Clone)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic reading starts at zero now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// The same, shared, as the rest of the crate takes it.
    #[must_use]
    pub fn shared() -> Arc<dyn Clock> {
        Arc::new(Self::new())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from(std::time::SystemTime::now())
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
