use std::{
    io::stdin,
    sync::atomic::{AtomicUsize, Ordering},
};

use tokio::sync::watch;

use super::points::{FROZEN, tell};

/// A process that stands still once, with an image in hand and a page to be written, until its
/// parent says to go on; and then the page comes first.
#[derive(Debug)]
pub(super) struct Freeze {
    stage: watch::Sender<Stage>,
    /// Calls that write and have been neither answered nor dropped.
    writes: AtomicUsize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Ahead,
    InHand,
    Woken,
    Over,
}

impl Freeze {
    pub(super) fn new(is_wanted: bool) -> Self {
        let stage = if is_wanted { Stage::Ahead } else { Stage::Over };
        Self {
            stage: watch::Sender::new(stage),
            writes: AtomicUsize::new(0),
        }
    }

    /// Keeps the first image in hand until the process has been frozen. Whether this was it.
    pub(super) async fn hold(&self) -> bool {
        let is_first = self.stage() == Stage::Ahead;
        if is_first {
            self.stage.send_replace(Stage::InHand);
            self.reach(Stage::Woken).await;
        }
        is_first
    }

    /// Freezes before a call that writes a page, while nothing else is being written: SQLite would
    /// be locked to all. Who wakes up would learn from a renewal, too, that its run has passed on,
    /// so that waits for the page.
    pub(super) async fn around<T>(&self, method: &str, call: impl Future<Output = T>) -> T {
        if method == "renew_run" && self.stage() == Stage::Woken {
            self.reach(Stage::Over).await;
        }
        let is_alone = self.writes.load(Ordering::Relaxed) == 0;
        let freezes = method == "store_page" && self.stage() == Stage::InHand && is_alone;
        if freezes {
            tell(FROZEN);
            stdin().read_line(&mut String::new()).unwrap();
            self.stage.send_replace(Stage::Woken);
        }
        let answer = Write::begun(&self.writes).during(call).await;
        if freezes {
            self.stage.send_replace(Stage::Over);
        }
        answer
    }

    fn stage(&self) -> Stage {
        *self.stage.borrow()
    }

    async fn reach(&self, stage: Stage) {
        let mut stages = self.stage.subscribe();
        stages.wait_for(|reached| *reached >= stage).await.unwrap();
    }
}

struct Write<'a>(&'a AtomicUsize);

impl<'a> Write<'a> {
    fn begun(writes: &'a AtomicUsize) -> Self {
        writes.fetch_add(1, Ordering::Relaxed);
        Self(writes)
    }

    async fn during<T>(self, call: impl Future<Output = T>) -> T {
        call.await
    }
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
