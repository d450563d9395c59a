//! The Personal edition: one registry for each region, listed and never scanned.

mod catalogue;
mod pull;
mod resolve;
mod verify;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;

use self::catalogue::Catalogue;
use super::{
    api::Api, connection::Connection, listing::AcrListing, pull::PullLogin, wire::DomainsWire,
};
use crate::{
    config::IntegrationConfig,
    connector::{
        Capabilities, ConnectContext, Listing, PullAccess, RegistryConnector, Verification,
    },
    error::IntegrationError,
    http::{Patience, RequestCount},
    image::{Image, Location, Reference, RegistryKind, RepositoryName},
};

#[derive(Debug)]
pub(in crate::connector) struct AcrPersonal {
    connection: Arc<Connection>,
    login: PullLogin,
    /// By which the registry's repositories are pulled from, as the API tells it once.
    domains: OnceLock<DomainsWire>,
}

impl AcrPersonal {
    pub(in crate::connector) fn new(
        config: &IntegrationConfig,
        context: &ConnectContext,
    ) -> Result<Self, IntegrationError> {
        Ok(Self {
            connection: Arc::new(Connection::new(config, context)?),
            login: PullLogin::default(),
            domains: OnceLock::new(),
        })
    }

    /// For somebody who waits.
    fn probing(&self) -> Api {
        Api::new(&self.connection, &RequestCount::new(), Patience::BriefWaits)
    }
}

#[async_trait]
impl RegistryConnector for AcrPersonal {
    fn kind(&self) -> RegistryKind {
        RegistryKind::AcrPersonal
    }

    fn host(&self) -> &str {
        self.connection.client.authority()
    }

    fn registry(&self) -> &str {
        &self.connection.registry_name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            sync: true,
            scan: false,
            scopes_in_flight: self.connection.config.requests_in_flight(),
        }
    }

    async fn verify(&self) -> Verification {
        self.report().await
    }

    async fn open_listing(
        &self,
        requests: &RequestCount,
    ) -> Result<Box<dyn Listing>, IntegrationError> {
        let api = Api::new(&self.connection, requests, Patience::Run);
        Ok(Box::new(AcrListing::new(api, Arc::new(Catalogue))))
    }

    async fn resolve(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Image, IntegrationError> {
        self.look_up(repository, reference).await
    }

    async fn pull_access(&self, location: &Location) -> Result<PullAccess, IntegrationError> {
        let api = Api::new(&self.connection, &RequestCount::new(), Patience::Run);
        self.access(&api, location).await
    }
}
