use std::{num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};

use super::Paused;
use crate::{
    clock::Timestamp,
    error::ErrorRecord,
    image::{Digest, ImageKind, Location, Platform},
    pace::Pace,
};

/// A wish for the next image.
#[derive(Debug, Clone)]
pub struct ClaimRequest<'a> {
    /// The integration's name.
    pub integration: &'a str,
    /// The speed limit.
    pub pace: &'a Pace,
    /// How long the claim lasts unless renewed.
    pub lease: Duration,
    /// An image whose attempts reach this number is parked when its lease ends without an answer,
    /// with an error that says so.
    pub max_attempts: NonZeroU32,
    /// How long after its last ingestion an image is due again; none for never. What is due comes
    /// after all that waits for its first time, spends the same tokens, and stays
    /// [`ImageState::Ingested`](super::ImageState::Ingested) until it is claimed.
    pub rescan_after: Option<Duration>,
}

/// The answer to a [`ClaimRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Claim {
    /// An image, and a token spent for it.
    Granted(ClaimedImage),
    /// Images wait, but the speed limit or a retry's pause allows none before `until`.
    Wait {
        /// When to ask again.
        until: Timestamp,
        /// How many work items wait. Re-scans that are due are not among them.
        pending: u64,
    },
    /// Nothing waits. Images in other hands may come back when their lease ends.
    Idle {
        /// When the first lease in other hands ends.
        lease_ends_at: Option<Timestamp>,
    },
    /// Ingestion of the integration rests.
    Paused,
}

/// The right to finish a claimed image. Its fence grows with every claim of the image, so that a
/// late twin can be told apart and refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The integration's name.
    pub integration: String,
    /// The image.
    pub digest: Digest,
    /// The fencing token.
    pub fence: i64,
}

/// A claimed work item.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClaimedImage {
    /// The right to finish it.
    pub lease: Lease,
    /// When the lease ends.
    pub lease_until: Timestamp,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// What it is.
    pub kind: ImageKind,
    /// The media type of the manifest.
    pub media_type: Option<String>,
    /// Size in bytes as the registry counts it.
    pub size: Option<u64>,
    /// What it runs on.
    pub platforms: Vec<Platform>,
    /// Every place where it can be pulled from, never empty.
    pub locations: Vec<Location>,
}

/// Why a claimed image is given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub error: ErrorRecord,
    /// When to try again; parked where none.
    pub retry_at: Option<Timestamp>,
}

/// Something that changed for an image that the sink knows, without a new digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place in the order of changes.
    pub sequence: i64,
    /// The integration's name.
    pub integration: String,
    /// What changed.
    pub kind: ChangeKind,
    /// Where: the location as it is now, or as it was when it went.
    pub location: Location,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChangeKind {
    /// The digest is now found in another repository too.
    LocationAdded,
    /// Its tags there are others now.
    Retagged,
    /// It is gone from there.
    Gone,
}

/// How the queue of an integration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct QueueStatus {
    /// What rests.
    pub paused: Paused,
    /// How many work items wait.
    pub pending: LaneCounts,
    /// With the sink, as far as claims have told: a lease that has ended counts until the next one.
    pub in_hand: u64,
    /// Failed too often.
    pub parked: u64,
    /// Since when the image that has waited longest for its first ingestion waits.
    pub oldest_pending: Option<Timestamp>,
    /// When the speed limit and the retries' pauses admit the next image; none where nothing waits.
    /// Of a paused integration: when it would be so if it were resumed.
    pub next_grant: Option<Timestamp>,
    /// When the next image is due again that is not yet; none where images are scanned once.
    pub next_rescan: Option<Timestamp>,
}

/// How many work items wait, in the order in which they are handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LaneCounts {
    /// Asked for by hand.
    pub requested: u64,
    /// For the first time.
    pub ordinary: u64,
    /// To be scanned again.
    pub rescans: u64,
}

impl LaneCounts {
    /// All that wait.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.requested + self.ordinary + self.rescans
    }
}
