use crate::error::{BoxError, ErrorCode, ErrorRecord, Language};
use crate::image::RegistryKind;

/// What an inventory can do wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InventoryError {
    /// The store failed.
    #[error("the inventory's store failed")]
    Unavailable {
        /// What the store said.
        source: BoxError,
    },
    /// The store was written by a newer version of the crate.
    #[error("the inventory has schema {found}; this version knows {known}")]
    SchemaTooNew {
        /// The schema found.
        found: i64,
        /// The newest that this version knows.
        known: i64,
    },
    /// The name belongs to another registry.
    #[error("the integration {integration:?} is bound to {bound}, not to {asked}")]
    IntegrationRebound {
        /// The integration's name.
        integration: String,
        /// The registry it is bound to.
        bound: String,
        /// The registry that was asked for.
        asked: String,
    },
    /// Nothing is bound to the name.
    #[error("the inventory knows no integration {integration:?}")]
    UnknownIntegration {
        /// The integration's name.
        integration: String,
    },
    /// A later run of the same integration has begun.
    #[error("a later run of {integration:?} has begun")]
    RunSuperseded {
        /// The integration's name.
        integration: String,
    },
    /// The lease has ended or passed on to another claim.
    #[error("the lease on {digest} has ended")]
    LeaseLost {
        /// The image that was claimed.
        digest: String,
    },
}

impl InventoryError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::SchemaTooNew { .. } => ErrorCode::InventorySchemaTooNew,
            Self::IntegrationRebound { .. } => ErrorCode::IntegrationRebound,
            _ => ErrorCode::InventoryUnavailable,
        }
    }
}

impl From<&InventoryError> for ErrorRecord {
    fn from(error: &InventoryError) -> Self {
        let code = error.code();
        // What is said of the inventory's codes is the same for every registry.
        let guidance = code.guidance(RegistryKind::HarborV2, Language::English);
        Self::new(code, error, &guidance)
    }
}
