use serde::{Deserialize, Serialize};

use super::{OpenRun, RunReport, StateCounts};
use crate::{
    clock::Timestamp,
    error::ErrorRecord,
    image::{ChangeMark, RegistryKind},
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

/// What of an integration rests until it is resumed. The two are apart, since a scanner in trouble
/// is no reason for the inventory to grow stale, nor a registry under maintenance one for the
/// scanner to idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Paused {
    /// No run is scheduled. Kept for schedulers: a run that is begun all the same is not refused.
    pub sync: bool,
    /// No image is handed over: every claim is answered with
    /// [`Claim::Paused`](super::Claim::Paused). What is in hand may end.
    pub ingestion: bool,
}

/// An integration as the inventory knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IntegrationSummary {
    /// Name and registry.
    pub binding: Binding,
    /// How many work items are in which state.
    pub images: StateCounts,
    /// How many locations the last proved full run held back.
    pub held: u64,
    /// What rests.
    pub paused: Paused,
    /// Where the next incremental run goes on; none before the first run that told it.
    pub change_mark: Option<ChangeMark>,
    /// The last verification.
    pub last_verification: Option<VerificationRecord>,
    /// The run that has begun and not ended, whether its holder lives or not.
    pub open_run: Option<OpenRun>,
    /// The last run that ended, complete or not.
    pub last_run: Option<RunReport>,
    /// The last full run that was complete.
    pub last_complete_run: Option<RunReport>,
}

impl IntegrationSummary {
    /// The number of the run that was begun last; zero before the first.
    pub(crate) fn newest_run(&self) -> i64 {
        let open = self.open_run.map(|open| open.run);
        let last = self.last_run.as_ref().and_then(|last| last.run);
        open.max(last).unwrap_or(0)
    }
}
