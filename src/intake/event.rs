use crate::{
    clock::Timestamp,
    connector::Verification,
    error::ErrorRecord,
    ingest::IngestEvent,
    inventory::{RunKind, RunReport},
    schedule::Schedule,
    sync::SyncEvent,
};

/// What an [`Intake`](super::Intake) tells of one integration while it runs.
#[derive(Debug)]
#[non_exhaustive]
pub enum IntakeEvent {
    /// It was verified: when it came, and when it was changed.
    Verified(Verification),
    /// The next sync is due then.
    Scheduled {
        /// When.
        at: Timestamp,
        /// What it will read.
        kind: RunKind,
        /// What says so, with its time zone.
        schedule: Schedule,
    },
    /// A sync goes on.
    Sync(SyncEvent),
    /// A sync has ended.
    Synced(RunReport),
    /// A sync could not be begun or ended, and is tried again.
    SyncFailed {
        /// Why.
        error: ErrorRecord,
        /// When it is tried again.
        retry_at: Timestamp,
    },
    /// Ingestion goes on.
    Ingest(IngestEvent),
    /// Ingestion could not go on, and is tried again.
    IngestFailed {
        /// Why.
        error: ErrorRecord,
        /// When it is tried again.
        retry_at: Timestamp,
    },
}
