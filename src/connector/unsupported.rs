use std::{num::NonZeroUsize, time::Duration};

use async_trait::async_trait;

use super::{
    Capabilities, Listing, Outcome, Probe, PullAccess, RegistryConnector, RequestCount,
    Verification, Warning,
};
use crate::{
    config::IntegrationConfig,
    error::{ErrorContext, IntegrationError, Step, Unsupported},
    image::{Image, Location, Reference, RegistryKind, RepositoryName},
};

/// A registry that can be configured but has no connector: everything says so.
#[derive(Debug)]
pub(super) struct UnsupportedRegistry {
    kind: RegistryKind,
    host: String,
    warnings: Vec<Warning>,
}

impl UnsupportedRegistry {
    pub(super) fn new(config: &IntegrationConfig) -> Self {
        Self {
            kind: config.registry(),
            host: config.endpoint().authority(),
            warnings: config
                .warnings()
                .iter()
                .copied()
                .map(Warning::Config)
                .collect(),
        }
    }

    fn refusal(&self, step: Step) -> IntegrationError {
        IntegrationError::NotSupported {
            context: Box::new(ErrorContext::new(self.kind, &self.host, step)),
            what: Unsupported::Connector,
        }
    }
}

#[async_trait]
impl RegistryConnector for UnsupportedRegistry {
    fn kind(&self) -> RegistryKind {
        self.kind
    }

    fn host(&self) -> &str {
        &self.host
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            sync: false,
            scan: false,
            scopes_in_flight: NonZeroUsize::MIN,
        }
    }

    async fn verify(&self) -> Verification {
        let mut report = Verification::new(self.kind, self.warnings.clone());
        report.probes.push(Probe {
            step: Step::Config,
            subject: self.host.clone(),
            outcome: Outcome::Failed(self.refusal(Step::Config)),
            elapsed: Duration::ZERO,
        });
        report.skip_the_rest(&self.host);
        report
    }

    async fn open_listing(
        &self,
        _requests: &RequestCount,
    ) -> Result<Box<dyn Listing>, IntegrationError> {
        Err(self.refusal(Step::Listing))
    }

    async fn resolve(
        &self,
        _repository: &RepositoryName,
        _reference: &Reference,
    ) -> Result<Image, IntegrationError> {
        Err(self.refusal(Step::Listing))
    }

    async fn pull_access(&self, _location: &Location) -> Result<PullAccess, IntegrationError> {
        Err(self.refusal(Step::Pull))
    }

    async fn pull_token(&self, _location: &Location) -> Result<PullAccess, IntegrationError> {
        Err(self.refusal(Step::Pull))
    }
}
