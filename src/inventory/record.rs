use std::{num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    error::ErrorRecord,
    image::{Digest, Exclusion, Image, ImageKind, Location, Platform, Proof, RegistryKind},
    pace::Pace,
};

/// Which registry an integration's name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The integration's name.
    pub integration: String,
    /// The registry's kind.
    pub kind: RegistryKind,
    /// Its host and port.
    pub registry: String,
}

/// The outcome of a verification, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationRecord {
    /// When it ended.
    pub at: Timestamp,
    /// The first failure; none where all was well.
    pub failure: Option<ErrorRecord>,
}

/// An integration as the inventory knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IntegrationSummary {
    /// Name and registry.
    pub binding: Binding,
    /// How many work items are in which state.
    pub images: StateCounts,
    /// The last verification.
    pub last_verification: Option<VerificationRecord>,
    /// The last run that ended, complete or not.
    pub last_run: Option<RunReport>,
    /// The last run that was complete.
    pub last_complete_run: Option<RunReport>,
}

/// The right to write a run. Fenced: a later run's ticket voids it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunTicket {
    /// The integration's name.
    pub integration: String,
    /// The run's number; also its fencing token, since runs are numbered upwards.
    pub run: i64,
}

/// How a scope ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScopeOutcome {
    /// Read to its end.
    Listed,
    /// Left out on purpose.
    Excluded(Exclusion),
    /// Could not be read.
    Skipped(ErrorRecord),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEnd {
    /// What proves that the lists of scopes were whole. Without it nothing is marked as gone.
    pub proof: Option<Proof>,
    /// Why the run is not complete. Beside a proof it says that single scopes could not be read:
    /// what the others cover is still judged.
    pub failure: Option<ErrorRecord>,
    /// HTTP requests sent.
    pub requests: u64,
    /// How long it took.
    pub elapsed: Duration,
}

impl RunEnd {
    /// Whether the run proved that it saw everything, and read all of it.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.proof.is_some() && self.failure.is_none()
    }
}

/// How many images of a page were new, changed or as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PageChanges {
    /// Not in the inventory before, or gone and back.
    pub new: u64,
    /// Known, with other tags or facts.
    pub changed: u64,
    /// Known and the same.
    pub unchanged: u64,
}

/// A run that has ended. Counts are of images, that is of digests in repositories, save `skipped`
/// and `excluded`, which are of scopes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunReport {
    /// The run's number. None where the inventory does not know the run: the listing of an
    /// integration that was never synced failed before anything was read.
    pub run: Option<i64>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// What proved its lists of scopes; none where nothing did.
    pub proof: Option<Proof>,
    /// Images seen.
    pub listed: u64,
    /// Images not known before.
    pub new: u64,
    /// Images with other tags or facts.
    pub changed: u64,
    /// Images as before.
    pub unchanged: u64,
    /// Images marked as gone.
    pub gone: u64,
    /// Images that look gone but wait for confirmation.
    pub held: u64,
    /// Scopes that could not be read.
    pub skipped: u64,
    /// Scopes left out on purpose.
    pub excluded: u64,
    /// HTTP requests sent.
    pub requests: u64,
    /// How long the run took, in milliseconds.
    pub elapsed_ms: u64,
    /// Why it is not complete.
    pub failure: Option<ErrorRecord>,
}

impl RunReport {
    /// The report of a run that failed before the inventory knew of it.
    pub(crate) fn unbegun(started_at: Timestamp, finished_at: Timestamp, end: RunEnd) -> Self {
        Self {
            run: None,
            started_at,
            finished_at,
            proof: end.proof,
            listed: 0,
            new: 0,
            changed: 0,
            unchanged: 0,
            gone: 0,
            held: 0,
            skipped: 0,
            excluded: 0,
            requests: end.requests,
            elapsed_ms: u64::try_from(end.elapsed.as_millis()).unwrap_or(u64::MAX),
            failure: end.failure,
        }
    }

    /// Whether the run proved that it saw everything, and read all of it.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.proof.is_some() && self.failure.is_none()
    }
}

/// What is the matter with a stored image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ImageState {
    /// Waits to be ingested.
    Pending,
    /// Handed to the sink, not acknowledged yet.
    InHand,
    /// Acknowledged.
    Ingested,
    /// Failed too often; waits to be re-queued.
    Parked,
    /// Stored but not for ingestion: untagged, no image, a signature.
    LeftOut,
    /// No longer in the registry.
    Gone,
}

impl ImageState {
    /// The state's name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InHand => "in_hand",
            Self::Ingested => "ingested",
            Self::Parked => "parked",
            Self::LeftOut => "left_out",
            Self::Gone => "gone",
        }
    }
}

/// How many work items are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StateCounts {
    /// Waiting.
    pub pending: u64,
    /// With the sink.
    pub in_hand: u64,
    /// Done.
    pub ingested: u64,
    /// Failed too often.
    pub parked: u64,
    /// Not for ingestion.
    pub left_out: u64,
    /// No longer in the registry.
    pub gone: u64,
}

/// An image of the inventory in one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredImage {
    /// The image as it was last seen.
    pub image: Image,
    /// Its state; [`ImageState::Gone`] where it is gone from this repository.
    pub state: ImageState,
    /// When it was first seen here.
    pub first_seen_at: Timestamp,
    /// When it was ingested, where it was.
    pub ingested_at: Option<Timestamp>,
    /// Why it was last given back or parked.
    pub failure: Option<ErrorRecord>,
}

/// A wish for the next image.
#[derive(Debug, Clone)]
pub struct ClaimRequest<'a> {
    /// The integration's name.
    pub integration: &'a str,
    /// The speed limit.
    pub pace: &'a Pace,
    /// How long the claim lasts unless renewed.
    pub lease: Duration,
    /// An image whose attempts reach this number is parked when its lease ends without an answer.
    pub max_attempts: NonZeroU32,
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
        /// How many work items wait.
        pending: u64,
    },
    /// Nothing waits. Images in other hands may come back when their lease ends.
    Idle {
        /// When the first lease in other hands ends.
        lease_ends_at: Option<Timestamp>,
    },
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
