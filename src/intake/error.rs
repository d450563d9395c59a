use crate::{
    config::ConfigErrors, error::IntegrationError, inventory::InventoryError, sync::SyncError,
};

/// Why an [`Intake`](super::Intake) did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IntakeError {
    /// A part was not given.
    #[error("the intake needs an inventory and a sink: {part} is missing")]
    Missing {
        /// `inventory` or `sink`.
        part: &'static str,
    },
    /// No integration of this name is served here.
    #[error("no integration is named {name:?}")]
    UnknownIntegration {
        /// The name.
        name: String,
    },
    /// An integration of this name is served already.
    #[error("an integration is named {name:?} already: change it, or remove it first")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The text names no image of a registry.
    #[error("{text:?} is no image of the form host/repository:tag or host/repository@digest")]
    NoImageName {
        /// The text.
        text: String,
    },
    /// No integration is at this host.
    #[error("no integration is at {host}: use the domain, with the port where it has one, of one")]
    UnknownHost {
        /// Host, and port where the text had one.
        host: String,
    },
    /// [`run`](super::Intake::run) is under way already.
    #[error("the intake runs already")]
    RunsAlready,
    /// The configuration that a change would lead to is wrong.
    #[error("the change cannot be made")]
    Config(#[from] ConfigErrors),
    /// The registry, or what may be done with it.
    #[error("the registry failed")]
    Integration(#[from] IntegrationError),
    /// The inventory.
    #[error("the inventory failed")]
    Inventory(#[from] InventoryError),
}

impl From<SyncError> for IntakeError {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Refused(error) => Self::Integration(error),
            SyncError::Inventory(error) => Self::Inventory(error),
        }
    }
}
