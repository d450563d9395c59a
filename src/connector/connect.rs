use std::sync::Arc;

use super::{
    RegistryConnector,
    harbor::{v1::HarborV1, v2::HarborV2},
    quay::Quay,
    unsupported::UnsupportedRegistry,
};
use crate::{
    clock::{Clock, SystemClock},
    config::IntegrationConfig,
    error::IntegrationError,
    image::RegistryKind,
};

/// The connector for a configured registry, by the machine's clock. Connects to nothing yet.
///
/// # Errors
/// [`IntegrationError::ConfigInvalid`] and [`IntegrationError::NotSupported`] where this build
/// cannot make such a connection.
pub fn connect(config: &IntegrationConfig) -> Result<Arc<dyn RegistryConnector>, IntegrationError> {
    connect_with_clock(config, SystemClock::shared())
}

/// The same by another clock, for tests and embedders that have their own time.
///
/// # Errors
/// As [`connect`].
pub fn connect_with_clock(
    config: &IntegrationConfig,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn RegistryConnector>, IntegrationError> {
    Ok(match config.registry() {
        RegistryKind::HarborV1 => Arc::new(HarborV1::new(config, clock)?),
        RegistryKind::HarborV2 => Arc::new(HarborV2::new(config, clock)?),
        RegistryKind::Quay => Arc::new(Quay::new(config, clock)?),
        RegistryKind::AcrEnterprise | RegistryKind::AcrPersonal | RegistryKind::Other => {
            Arc::new(UnsupportedRegistry::new(config))
        }
    })
}
