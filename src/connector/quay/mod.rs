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
//! | `GET /v2/auth` | why a token is refused; the right to pull |
//! | `GET /csrf_token`, `POST /api/v1/signin`, `POST /api/v1/signout` | a session, where asked for |
//!
//! Facts about the servers were recorded on a real Quay 3. No 1.x or 2.x was.

mod api;
mod connection;
mod listing;
mod sign_in;
mod verify;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;

use self::{connection::Connection, listing::QuayListing, sign_in::PageSignIn};
use crate::{
    clock::Clock,
    config::IntegrationConfig,
    connector::{
        Capabilities, Listing, PullAccess, PullCredential, RegistryConnector, Verification,
        session::Session,
    },
    error::{IntegrationError, Step},
    http::{Patience, RequestCount},
    image::{Location, RegistryKind},
};

/// The user name that stands for an OAuth token at the distribution API.
const TOKEN_USER: &str = "$oauthtoken";

#[derive(Debug)]
pub(in crate::connector) struct Quay {
    connection: Arc<Connection>,
}

impl Quay {
    pub(in crate::connector) fn new(
        config: &IntegrationConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, IntegrationError> {
        Connection::new(config, clock).map(|connection| Self {
            connection: Arc::new(connection),
        })
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
        let mut organizations = Vec::new();
        for namespace in self.connection.config.namespaces() {
            let api = self
                .connection
                .api(namespace, requests, Patience::Run, false)
                .await?;
            organizations.push(api);
        }
        let sign_in = PageSignIn::wanted(&self.connection, &organizations, requests);
        let session = match sign_in {
            Some(sign_in) => Some(Session::open(sign_in).await),
            None => None,
        };
        for api in &mut organizations {
            api.session.clone_from(&session);
        }
        Ok(Box::new(QuayListing {
            organizations,
            session,
            required_role: self.connection.config.required_role(),
            readings: tokio::sync::Mutex::default(),
        }))
    }

    async fn pull_access(&self, location: &Location) -> Result<PullAccess, IntegrationError> {
        let config = &self.connection.config;
        let organization = location.repository.namespace();
        let credential = match config.account() {
            Some(account) => PullCredential::Basic {
                username: account.username.clone(),
                password: self
                    .connection
                    .secret("password", &account.password)
                    .await?,
            },
            None => {
                let mut namespaces = config.namespaces().iter();
                let namespace = namespaces
                    .find(|namespace| namespace.organization == organization)
                    .ok_or_else(|| IntegrationError::NamespaceNotFound {
                        context: Box::new(self.connection.client.context(Step::Pull)),
                        namespace: organization.to_owned(),
                    })?;
                PullCredential::Basic {
                    username: TOKEN_USER.to_owned(),
                    password: self
                        .connection
                        .secret("namespaces.auth_token", &namespace.auth_token)
                        .await?,
                }
            }
        };
        let endpoint = config.endpoint();
        Ok(PullAccess {
            protocol: endpoint.protocol(),
            host: endpoint.domain().to_owned(),
            port: endpoint.port(),
            dial: endpoint.ip(),
            location: location.clone(),
            credential,
            expires_at: None,
        })
    }
}
