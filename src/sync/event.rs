use crate::{
    connector::RunProof,
    error::IntegrationError,
    image::{Exclusion, Scope},
    inventory::PageChanges,
};

/// What a run tells while it goes on, each time after the inventory has it.
#[derive(Debug)]
#[non_exhaustive]
pub enum SyncEvent {
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
    /// The listing is proved, with what should be known about the proof.
    Proved(RunProof),
    /// The listing broke off. Nothing will be marked as gone.
    Failed(IntegrationError),
}
