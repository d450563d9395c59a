use std::time::Duration;

use crate::{
    clock::Timestamp,
    error::ErrorRecord,
    image::{Digest, Location},
    inventory::Change,
};

/// What an ingester tells while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IngestEvent {
    /// An image is being handed to the sink; a token of the speed limit was spent for it.
    Handed {
        /// The image.
        digest: Digest,
        /// Where it can be pulled from.
        locations: Vec<Location>,
        /// Which attempt this is, from 1.
        attempt: u32,
    },
    /// The sink took the image, and the inventory knows.
    Acknowledged {
        /// The image.
        digest: Digest,
        /// How long the sink had it in hand.
        elapsed: Duration,
    },
    /// The sink failed, panicked, or was stopped; the image is tried again.
    Failed {
        /// The image.
        digest: Digest,
        /// Which attempt failed.
        attempt: u32,
        /// What happened.
        error: ErrorRecord,
        /// When the image waits again.
        retry_at: Timestamp,
    },
    /// The sink failed for the last time: the image waits until it is asked for by hand.
    Parked {
        /// The image.
        digest: Digest,
        /// Which attempt failed.
        attempt: u32,
        /// What happened.
        error: ErrorRecord,
    },
    /// The end of a hand-over could not be recorded: the lease had ended or the store failed. The
    /// image comes again once its lease has ended.
    Lost {
        /// The image.
        digest: Digest,
        /// Why.
        error: ErrorRecord,
    },
    /// The sink was told of a change, and the inventory knows.
    Told(Change),
    /// The sink failed to take a change, which comes again together with those behind it.
    ChangeRefused {
        /// The change.
        change: Change,
        /// What happened.
        error: ErrorRecord,
        /// When it comes again.
        retry_at: Timestamp,
    },
    /// Images wait, but the speed limit or a retry's pause admits none yet. Told again only when
    /// something about it has changed.
    Waiting {
        /// When the next image can enter.
        until: Timestamp,
        /// How many images wait.
        pending: u64,
    },
    /// Nothing waits, and nothing is in this run's hands. Told again only when something about it
    /// has changed.
    Idle {
        /// When the first lease of another process ends and its image could come back.
        lease_ends_at: Option<Timestamp>,
    },
    /// Ingestion of the integration rests until it is resumed. Told again only when something about
    /// it has changed.
    Paused,
    /// The inventory failed and is asked again.
    InventoryFailed {
        /// What happened.
        error: ErrorRecord,
        /// When it is asked again.
        retry_at: Timestamp,
    },
    /// The ingester was told to stop: nothing more is claimed, what is in hand may end.
    Stopping {
        /// How many images are in hand.
        in_hand: usize,
    },
}

/// What a run of an ingester did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct IngestReport {
    /// Images handed to the sink, repetitions among them.
    pub handed: u64,
    /// Images that the sink took.
    pub acknowledged: u64,
    /// Hand-overs that failed and are tried again.
    pub failed: u64,
    /// Images that were parked.
    pub parked: u64,
    /// Hand-overs whose end could not be recorded.
    pub lost: u64,
    /// Changes that the sink was told of.
    pub told: u64,
    /// When, as the inventory was last found idle, the first lease of another process would end.
    pub leased_elsewhere_until: Option<Timestamp>,
}

impl IngestReport {
    pub(super) const fn count(&mut self, event: &IngestEvent) {
        match event {
            IngestEvent::Handed { .. } => self.handed += 1,
            IngestEvent::Acknowledged { .. } => self.acknowledged += 1,
            IngestEvent::Failed { .. } => self.failed += 1,
            IngestEvent::Parked { .. } => self.parked += 1,
            IngestEvent::Lost { .. } => self.lost += 1,
            IngestEvent::Told(_) => self.told += 1,
            _ => {}
        }
    }
}
