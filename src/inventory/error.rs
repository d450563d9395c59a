use crate::{
    clock::Timestamp,
    error::{BoxError, ErrorCode, ErrorRecord, Guidance, Language},
    image::RegistryKind,
};

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
    /// Another process is at work on a run of the integration.
    #[error("a run of {integration:?} is in progress, its lease good until {until}")]
    RunInProgress {
        /// The integration's name.
        integration: String,
        /// When its lease ends unless it shows a sign of life.
        until: Timestamp,
    },
    /// A later run of the same integration has begun, or another process has taken this one over.
    #[error("another process has begun or taken over a run of {integration:?}")]
    RunSuperseded {
        /// The integration's name.
        integration: String,
    },
    /// The address or an option of the inventory makes no sense. Not shown, since an address may
    /// hold a password.
    #[error("the inventory's address cannot be used")]
    InvalidAddress {
        /// What is wrong with it.
        source: BoxError,
    },
    /// The crate was built without the kind of inventory that the address names.
    #[error("this build has no such inventory: the crate's feature {feature:?} is not enabled")]
    FeatureMissing {
        /// The feature to enable.
        feature: &'static str,
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
            Self::InvalidAddress { .. } => ErrorCode::ConfigInvalid,
            Self::FeatureMissing { .. } => ErrorCode::NotSupported,
            _ => ErrorCode::InventoryUnavailable,
        }
    }

    /// What the error means and what to do about it.
    #[must_use]
    pub const fn guidance(&self, language: Language) -> Guidance {
        match (self, language) {
            (Self::UnknownIntegration { .. }, Language::English) => Guidance {
                message: "The inventory does not know the integration.",
                remedy: "Sync the integration first, and check its name and which inventory is used.",
            },
            (Self::RunInProgress { .. }, Language::English) => Guidance {
                message: "Another sync of this integration is at work.",
                remedy: "Nothing has to be done: it makes the inventory true. If its process is dead, a new one goes on when its lease has ended.",
            },
            (Self::RunSuperseded { .. }, Language::English) => Guidance {
                message: "Another sync of this integration has begun and took over.",
                remedy: "Nothing has to be done: the later run makes the inventory true.",
            },
            (Self::LeaseLost { .. }, Language::English) => Guidance {
                message: "The image has passed to another hand, or its hand-over was settled already.",
                remedy: "Nothing has to be done. If it happens often, lengthen the lease or speed up the sink.",
            },
            (Self::InvalidAddress { .. }, Language::English) => Guidance {
                message: "The inventory's address cannot be used.",
                remedy: "Give the path of an SQLite file, :memory:, or postgres://USER:PASSWORD@HOST/DATABASE.",
            },
            // What is said of the inventory's codes is the same for every registry.
            _ => self.code().guidance(RegistryKind::HarborV2, language),
        }
    }
}

impl From<&InventoryError> for ErrorRecord {
    fn from(error: &InventoryError) -> Self {
        Self::new(error.code(), error, &error.guidance(Language::English))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_is_no_fault_of_the_store_does_not_send_anybody_to_its_disk() {
        let integration = || "harbor-prod".to_owned();
        for (error, said) in [
            (
                InventoryError::RunSuperseded {
                    integration: integration(),
                },
                "Nothing has to be done",
            ),
            (
                InventoryError::RunInProgress {
                    integration: integration(),
                    until: Timestamp::UNIX_EPOCH,
                },
                "Nothing has to be done",
            ),
            (
                InventoryError::UnknownIntegration {
                    integration: integration(),
                },
                "Sync the integration first",
            ),
            (
                InventoryError::LeaseLost {
                    digest: "sha256:00".to_owned(),
                },
                "Nothing has to be done",
            ),
            (
                InventoryError::Unavailable {
                    source: "no such file".into(),
                },
                "the disk is not full",
            ),
        ] {
            let record = ErrorRecord::from(&error);
            assert_eq!(record.code, ErrorCode::InventoryUnavailable);
            assert!(record.remedy.contains(said), "{record:?}");
        }
    }
}
