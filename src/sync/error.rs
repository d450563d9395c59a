use crate::{
    error::{ErrorCode, ErrorRecord, Guidance, IntegrationError, Language},
    inventory::InventoryError,
};

/// Why there is no report of a run. What the registry does wrong during a run stands in the report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The registry's images cannot be kept in an inventory. Nothing was asked or written.
    #[error(transparent)]
    Refused(IntegrationError),
    /// The inventory failed or refused. The run stays unfinished, and the next one supersedes it.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
}

impl SyncError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Refused(error) => error.code(),
            Self::Inventory(error) => error.code(),
        }
    }

    /// What happened, without the causes. In English the error's own text.
    #[must_use]
    pub fn message(&self, language: Language) -> String {
        match self {
            Self::Refused(error) => error.message(language),
            Self::Inventory(error) => error.message(language),
        }
    }

    /// What the error means and what to do about it.
    #[must_use]
    pub fn guidance(&self, language: Language) -> Guidance {
        match self {
            Self::Refused(error) => error.guidance(language),
            Self::Inventory(error) => error.guidance(language),
        }
    }
}

impl From<&SyncError> for ErrorRecord {
    fn from(error: &SyncError) -> Self {
        match error {
            SyncError::Refused(error) => error.into(),
            SyncError::Inventory(error) => error.into(),
        }
    }
}
