//! Quay.
//!
//! | request | used for |
//! |---|---|
//! | `GET /v2/` | recognising a Quay by its challenge, without credentials |
//! | `GET /config` | the version that the server states, a hint |
//! | `GET /api/v1/organization/{name}/members` | proving a token: it alone refuses a bad one |
//! | `GET /api/v1/organization/{name}` | whether the organisation exists |
//! | `GET /api/v1/repository?namespace={name}` | the organisation's repositories, 100 a page |
//! | `GET /api/v1/repository/{name}/tag/` | a repository's tags, 100 a page |
//! | `GET /api/v1/repository/{name}/manifest/{digest}` | one manifest |
//! | `GET /v2/auth` | why a token is refused; the right to pull; a token to pull from one repository |
//! | `GET /csrf_token`, `POST /api/v1/signin`, `POST /api/v1/signout` | a session, where asked for |
//!
//! Facts about the servers were recorded on a real Quay 3. No 1.x or 2.x was.

mod api;
mod changes;
mod connection;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod listing;
mod mark;
mod pull;
mod resolve;
mod sign_in;
mod tags;
mod verify;
mod wire;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use self::{api::Api, connection::Connection, listing::QuayListing, sign_in::PageSignIn};
use crate::{
    config::IntegrationConfig,
    connector::{
        Capabilities, Changes, ConnectContext, Listing, PullAccess, RegistryConnector,
        Verification, session::Session,
    },
    error::IntegrationError,
    http::{Patience, RequestCount},
    image::{ChangeMark, Image, Location, Reference, RegistryKind, RepositoryName},
};

#[derive(Debug)]
pub(in crate::connector) struct Quay {
    connection: Arc<Connection>,
}

impl Quay {
    pub(in crate::connector) fn new(
        config: &IntegrationConfig,
        context: &ConnectContext,
    ) -> Result<Self, IntegrationError> {
        Connection::new(config, context).map(|connection| Self {
            connection: Arc::new(connection),
        })
    }

    /// The API of each configured organisation, by its token. One that cannot be read is told in
    /// its place.
    async fn organizations(&self, requests: &RequestCount) -> Vec<Api> {
        let mut organizations = Vec::new();
        for namespace in self.connection.config.namespaces() {
            let api = Api::new(&self.connection, namespace, requests, Patience::Run);
            let _told_when_listed = api.account().await;
            organizations.push(api);
        }
        organizations
    }

    fn listing(&self, organizations: Vec<Api>, session: Option<Arc<Session>>) -> QuayListing {
        QuayListing {
            organizations,
            session,
            required_role: self.connection.config.required_role(),
            readings: tokio::sync::Mutex::default(),
            mark: Mutex::default(),
        }
    }
}

#[async_trait]
impl RegistryConnector for Quay {
    fn kind(&self) -> RegistryKind {
        RegistryKind::Quay
    }

    fn host(&self) -> &str {
        self.connection.client.authority()
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
        let mut organizations = self.organizations(requests).await;
        let sign_in = PageSignIn::wanted(&self.connection, &organizations, requests);
        let session = match sign_in {
            Some(sign_in) => Some(Session::open(sign_in).await),
            None => None,
        };
        for api in &mut organizations {
            api.session.clone_from(&session);
        }
        Ok(Box::new(self.listing(organizations, session)))
    }

    async fn open_changes(
        &self,
        since: &ChangeMark,
        requests: &RequestCount,
    ) -> Result<Option<Changes>, IntegrationError> {
        self.changes_since(since, requests).await
    }

    async fn resolve(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Image, IntegrationError> {
        self.look_up(repository, reference).await
    }

    async fn pull_access(&self, location: &Location) -> Result<PullAccess, IntegrationError> {
        self.access(location).await
    }

    async fn pull_token(&self, location: &Location) -> Result<PullAccess, IntegrationError> {
        self.token(location).await
    }
}
