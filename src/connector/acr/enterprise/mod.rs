//! The Enterprise edition: instances with domains of their own.

mod catalogue;
mod domain;
mod instance;
mod resolve;
mod verify;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OnceCell;

use self::{catalogue::Catalogue, instance::Located};
use super::{api::Api, connection::Connection, listing::AcrListing, pull::PullLogin};
use crate::{
    config::IntegrationConfig,
    connector::{
        Capabilities, ConnectContext, Listing, PullAccess, RegistryConnector, Verification,
    },
    error::{IntegrationError, Step},
    http::{Patience, RequestCount},
    image::{Image, Location, Reference, RegistryKind, RepositoryName},
};

#[derive(Debug)]
pub(in crate::connector) struct AcrEnterprise {
    connection: Arc<Connection>,
    instance: Located,
    login: PullLogin,
    /// The domain to pull from, once it is known.
    domain: OnceCell<String>,
}

impl AcrEnterprise {
    pub(in crate::connector) fn new(
        config: &IntegrationConfig,
        context: &ConnectContext,
    ) -> Result<Self, IntegrationError> {
        let connection = Arc::new(Connection::new(config, context)?);
        Ok(Self {
            instance: Located::new(&connection)?,
            connection,
            login: PullLogin::default(),
            domain: OnceCell::new(),
        })
    }

    /// For somebody who waits.
    fn probing(&self) -> Api {
        Api::new(&self.connection, &RequestCount::new(), Patience::BriefWaits)
    }
}

#[async_trait]
impl RegistryConnector for AcrEnterprise {
    fn kind(&self) -> RegistryKind {
        RegistryKind::AcrEnterprise
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
            scan: true,
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
        let instance = self.instance.id(&api, Step::Listing).await?;
        let catalogue = Arc::new(Catalogue { instance });
        Ok(Box::new(AcrListing::new(api, catalogue)))
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
