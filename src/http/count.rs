use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// How many HTTP requests were sent. Clones share the number.
#[derive(Debug, Clone, Default)]
pub struct RequestCount {
    sent: Arc<AtomicU64>,
}

impl RequestCount {
    /// A count of zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one request. For connectors outside this crate; those within are counted where they
    /// send.
    pub fn add_one(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// The requests that were sent so far, repetitions among them. A request that found no
    /// connection was not sent.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

/// Counts one request when dropped, so that a cancelled one counts too.
#[derive(Debug)]
pub(super) struct Sending<'a> {
    counts: &'a [RequestCount],
}

impl<'a> Sending<'a> {
    pub(super) const fn new(counts: &'a [RequestCount]) -> Self {
        Self { counts }
    }

    pub(super) fn was_not_sent(mut self) {
        self.counts = &[];
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        for count in self.counts {
            count.add_one();
        }
    }
}
