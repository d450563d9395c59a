use crate::{
    connector::RunProof,
    error::IntegrationError,
    image::{Exclusion, Scope},
    inventory::{PageChanges, RunKind},
};

/// What a run tells while it goes on, each time after the inventory has it.
#[derive(Debug)]
#[non_exhaustive]
pub enum SyncEvent {
    /// A run was asked for that is not done, and a full one is done in its place.
    FallsBack(FallBack),
    /// The run begins, or goes on with what another process has left.
    Begins {
        /// The run's number.
        run: i64,
        /// What it reads.
        kind: RunKind,
        /// How often it was taken over, this time included; zero for a new run.
        takeovers: u32,
    },
    /// A page was written.
    Page {
        /// The scope that is being read.
        scope: Scope,
        /// How the page differs from what was known.
        changes: PageChanges,
    },
    /// A scope was read to its end.
    Listed(Scope),
    /// A scope was left out on purpose.
    Excluded(Scope, Exclusion),
    /// A scope could not be read; the run goes on. [`IntegrationError::NamespaceNotFound`] says
    /// that it vanished in mid-run.
    Skipped(Scope, IntegrationError),
    /// The listing has ended, with what should be known about its proof.
    Proved(RunProof),
    /// The listing broke off. Nothing will be marked as gone.
    Failed(IntegrationError),
}

/// Why a full run is done where an incremental one was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FallBack {
    /// No run has ended yet that told where the changes begin.
    NoMark,
    /// The registry cannot tell what has changed since: it never does, its version is known to
    /// tell it wrongly, or it has forgotten.
    NotTold,
    /// What it told contradicts itself.
    Contradicted,
    /// A full run was begun and not ended. It is gone on with.
    FullRunUnfinished,
}

impl FallBack {
    /// The reason's name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoMark => "no_mark",
            Self::NotTold => "not_told",
            Self::Contradicted => "contradicted",
            Self::FullRunUnfinished => "full_run_unfinished",
        }
    }
}
