use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use registry_intake::clock::{Clock, Timestamp};

/// An hour of it is a second of the machine's.
const FACTOR: u32 = 3600;

/// The machine's clock, faster. All processes that are told the same beginning tell the same time.
#[derive(Debug, Clone)]
pub(crate) struct FastClock {
    began: Timestamp,
    started: Instant,
}

impl FastClock {
    pub(crate) fn since(began: Timestamp) -> Self {
        Self {
            began,
            started: Instant::now(),
        }
    }
}

#[async_trait]
impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        let passed = Timestamp::from(SystemTime::now()).since(self.began);
        self.began.saturating_add(passed * FACTOR)
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed() * FACTOR
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration / FACTOR).await;
    }
}
