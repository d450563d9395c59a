use std::time::Duration;

use futures_util::future::{BoxFuture, Either, select};
use tokio::sync::watch;

use crate::{clock::Clock, inventory::InventoryError};

/// Pauses that grow with every failure in a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pauses {
    pub(super) first: Duration,
    pub(super) factor: u32,
    pub(super) longest: Duration,
}

impl Pauses {
    /// Between two questions to an inventory that fails.
    pub(super) const INVENTORY: Self = Self {
        first: Duration::from_secs(1),
        factor: 2,
        longest: Duration::from_secs(60),
    };

    /// The pause after the `failures`-th failure in a row, the first being 1.
    pub(super) fn after(&self, failures: u32) -> Duration {
        let growth = self.factor.saturating_pow(failures.saturating_sub(1));
        self.first.saturating_mul(growth).min(self.longest)
    }
}

/// Whether the inventory may answer the same question later.
pub(super) const fn is_transient(error: &InventoryError) -> bool {
    matches!(error, InventoryError::Unavailable { .. })
}

/// Told once that what is in hand is to be let go.
#[derive(Debug, Clone)]
pub(super) struct Abandon(watch::Receiver<bool>);

impl Abandon {
    pub(super) const fn new(told: watch::Receiver<bool>) -> Self {
        Self(told)
    }

    pub(super) async fn told(&self) {
        // Without the sender there is no run any more, which is the same.
        let _ = self.0.clone().wait_for(|told| *told).await;
    }

    /// Asks an inventory again while it is not available, for as long as `patience` lasts and
    /// nothing is abandoned.
    pub(super) async fn insist<'a, T: Send>(
        &self,
        clock: &dyn Clock,
        patience: Duration,
        mut ask: impl FnMut() -> BoxFuture<'a, Result<T, InventoryError>> + Send,
    ) -> Result<T, InventoryError> {
        let began = clock.monotonic();
        let mut failures = 0;
        loop {
            let error = match ask().await {
                Err(error) if is_transient(&error) => error,
                answer => return answer,
            };
            failures += 1;
            let pause = Pauses::INVENTORY.after(failures);
            tracing::warn!(%error, ?pause, "the inventory failed and is asked again");
            if clock.monotonic().saturating_sub(began) + pause > patience {
                return Err(error);
            }
            match select(Box::pin(self.told()), clock.sleep(pause)).await {
                Either::Left(_) => return Err(error),
                Either::Right(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use futures_util::FutureExt;

    use super::*;
    use crate::clock::{ManualClock, Timestamp};

    /// Fails so many times; returns the answer, the number of questions and the seconds it took.
    async fn insist(failures: u32, patience: u64, abandoned: bool) -> (bool, u32, u64) {
        let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
        let (_sender, told) = watch::channel(abandoned);
        let mut asked = 0;
        let answer = Abandon::new(told)
            .insist(&clock, Duration::from_secs(patience), || {
                asked += 1;
                let source = "locked".into();
                let failure = Err(InventoryError::Unavailable { source });
                ready(if asked > failures { Ok(()) } else { failure }).boxed()
            })
            .await;
        (answer.is_ok(), asked, clock.monotonic().as_secs())
    }

    #[tokio::test]
    async fn an_inventory_is_asked_until_it_answers_or_patience_ends() {
        assert_eq!(insist(0, 300, false).await, (true, 1, 0));
        assert_eq!(insist(3, 300, false).await, (true, 4, 1 + 2 + 4));
        assert_eq!(insist(3, 6, false).await, (false, 3, 1 + 2));
    }

    #[tokio::test]
    async fn what_is_abandoned_is_tried_once() {
        assert_eq!(insist(0, 300, true).await, (true, 1, 0));
        assert_eq!(insist(3, 300, true).await, (false, 1, 0));
    }

    #[test]
    fn pauses_grow_and_stop_growing() {
        let pauses = Pauses {
            first: Duration::from_secs(60),
            factor: 4,
            longest: Duration::from_secs(21_600),
        };
        let minutes = |failures| pauses.after(failures).as_secs() / 60;
        assert_eq!([1, 2, 3, 4, 5, 6].map(minutes), [1, 4, 16, 64, 256, 360]);
        assert_eq!(pauses.after(u32::MAX), pauses.longest);
    }
}
