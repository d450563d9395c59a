use std::sync::Arc;

use super::{
    ConnectContext, RegistryConnector,
    acr::{enterprise::AcrEnterprise, personal::AcrPersonal},
    harbor::{v1::HarborV1, v2::HarborV2},
    quay::Quay,
};
use crate::{
    clock::Clock,
    config::IntegrationConfig,
    error::{ErrorContext, IntegrationError, Step, Unsupported},
    image::RegistryKind,
};

/// The connector for a configured registry, by the machine's clock. Connects to nothing yet.
///
/// It shares nothing with other connections: where several integrations may belong to one account of
/// a cloud, use [`connect_within`].
///
/// # Errors
/// [`IntegrationError::ConfigInvalid`] and [`IntegrationError::NotSupported`] where this build
/// cannot make such a connection.
pub fn connect(config: &IntegrationConfig) -> Result<Arc<dyn RegistryConnector>, IntegrationError> {
    connect_within(config, &ConnectContext::new())
}

/// The same by another clock, for tests and embedders that have their own time.
///
/// # Errors
/// As [`connect`].
pub fn connect_with_clock(
    config: &IntegrationConfig,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn RegistryConnector>, IntegrationError> {
    connect_within(config, &ConnectContext::with_clock(clock))
}

/// The same by the context's clock, going where it lets connections go and keeping to the rates that
/// its connections share.
///
/// # Errors
/// As [`connect`].
pub fn connect_within(
    config: &IntegrationConfig,
    context: &ConnectContext,
) -> Result<Arc<dyn RegistryConnector>, IntegrationError> {
    Ok(match config.registry() {
        RegistryKind::HarborV1 => Arc::new(HarborV1::new(config, context)?),
        RegistryKind::HarborV2 => Arc::new(HarborV2::new(config, context)?),
        RegistryKind::Quay => Arc::new(Quay::new(config, context)?),
        RegistryKind::AcrEnterprise => Arc::new(AcrEnterprise::new(config, context)?),
        RegistryKind::AcrPersonal => Arc::new(AcrPersonal::new(config, context)?),
        // No configuration is of this kind.
        RegistryKind::Other => {
            let (kind, host) = (config.registry(), config.endpoint().authority());
            return Err(IntegrationError::NotSupported {
                context: Box::new(ErrorContext::new(kind, host, Step::Config)),
                what: Unsupported::Connector,
            });
        }
    })
}
