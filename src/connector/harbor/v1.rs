//! Harbor 1.x: recognised and verified as far as its version.

use std::sync::Arc;

use async_trait::async_trait;

use super::{server::Server, session::Harbor};
use crate::{
    clock::Clock,
    config::IntegrationConfig,
    connector::{Capabilities, Listing, PullAccess, RegistryConnector, Verification},
    error::{IntegrationError, Step, Unsupported},
    http::RequestCount,
    image::{Location, RegistryKind},
};

#[derive(Debug)]
pub(in crate::connector) struct HarborV1 {
    harbor: Harbor,
}

impl HarborV1 {
    pub(in crate::connector) fn new(
        config: &IntegrationConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, IntegrationError> {
        Harbor::new(config, clock).map(|harbor| Self { harbor })
    }

    fn unsupported(&self, step: Step) -> IntegrationError {
        IntegrationError::NotSupported {
            context: Box::new(self.harbor.client.context(step)),
            what: Unsupported::Connector,
        }
    }
}

#[async_trait]
impl RegistryConnector for HarborV1 {
    fn kind(&self) -> RegistryKind {
        RegistryKind::HarborV1
    }

    fn host(&self) -> &str {
        self.harbor.client.authority()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            sync: false,
            scan: false,
            scopes_in_flight: self.harbor.config.requests_in_flight(),
        }
    }

    async fn verify(&self) -> Verification {
        let mut report = self.harbor.report(RegistryKind::HarborV1);
        if let Some((server, _)) = self.harbor.reach(&mut report).await {
            report.version = Some(server.version().to_owned());
            let version = async {
                Err::<(), _>(match server {
                    Server::V1(_) => self.unsupported(Step::Version),
                    Server::V2(found) => IntegrationError::RegistryVersionError {
                        context: Box::new(self.harbor.client.context(Step::Version)),
                        configured: "V1",
                        found,
                    },
                })
            };
            let clock = &**self.harbor.client.clock();
            report
                .probe(clock, Step::Version, self.host(), version)
                .await;
        }
        report.skip_the_rest(self.host());
        report
    }

    async fn open_listing(
        &self,
        _requests: &RequestCount,
    ) -> Result<Box<dyn Listing>, IntegrationError> {
        Err(self.unsupported(Step::Listing))
    }

    async fn pull_access(&self, _location: &Location) -> Result<PullAccess, IntegrationError> {
        Err(self.unsupported(Step::Pull))
    }

    async fn pull_token(&self, _location: &Location) -> Result<PullAccess, IntegrationError> {
        Err(self.unsupported(Step::Pull))
    }
}
