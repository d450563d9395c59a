//! Harbor 2.x and later.
//!
//! | request | used for | since |
//! |---|---|---|
//! | `GET /api/version` | recognising a 2.x, without credentials | 2.0 |
//! | `GET /api/v2.0/users/current` | proving the account: it alone refuses a wrong password | 2.0 |
//! | `GET /api/v2.0/systeminfo` | the version, for reports | 2.0 |
//! | `GET /api/v2.0/statistics` | the true totals, told to administrators | 2.0 |
//! | `GET /api/v2.0/projects` | the projects | 2.0 |
//! | `GET /api/v2.0/projects/{id}/artifacts` | all artifacts of a project | 2.11.1 |
//! | `GET /api/v2.0/repositories` | all repositories | 2.3 |
//! | `GET /api/v2.0/projects/{name}/repositories` | a project's repositories | 2.0 |
//! | `GET /api/v2.0/projects/{name}/repositories/{name}/artifacts` | a repository's artifacts | 2.0 |
//! | `GET .../artifacts/{reference}` | one artifact | 2.0 |
//! | `GET /api/v2.0/audit-logs` | what has changed, where it tells everything | 2.5 to 2.12 |
//! | `GET /api/v2.0/auditlog-exts` | the same | 2.13 to 2.15.1 |
//! | `GET /api/v2.0/repositories?sort=-update_time` | the same | 2.15.2 |
//! | `GET /api/v2.0/configurations` | whether the log is written at all | 2.0 |
//! | `GET /v2/` | the right to pull | 2.0 |
//! | `GET /service/token` | a token to pull from one repository | 2.0 |
//! | `POST /c/login`, `GET /c/log_out` | a session, where hashing is slow | 2.0 |
//!
//! Which of the lists a server has is found out by asking it. Whether it tells its changes truly
//! cannot be: that goes by its version.

mod api;
mod audit_log;
mod changes;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod listing;
mod mark;
mod pager;
mod resolve;
mod scopes;
mod sign_in;
mod signal;
mod update_time;
mod verify;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OnceCell;

use self::{
    api::Api,
    listing::{Projects, V2Listing},
    sign_in::FormSignIn,
};
use super::session::Harbor;
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
pub(in crate::connector) struct HarborV2 {
    harbor: Arc<Harbor>,
}

impl HarborV2 {
    pub(in crate::connector) fn new(
        config: &IntegrationConfig,
        context: &ConnectContext,
    ) -> Result<Self, IntegrationError> {
        Harbor::new(config, context).map(|harbor| Self {
            harbor: Arc::new(harbor),
        })
    }
}

#[async_trait]
impl RegistryConnector for HarborV2 {
    fn kind(&self) -> RegistryKind {
        RegistryKind::HarborV2
    }

    fn host(&self) -> &str {
        self.harbor.client.authority()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            sync: true,
            scan: true,
            scopes_in_flight: self.harbor.config.requests_in_flight(),
        }
    }

    async fn verify(&self) -> Verification {
        self.report().await
    }

    async fn open_listing(
        &self,
        requests: &RequestCount,
    ) -> Result<Box<dyn Listing>, IntegrationError> {
        let mut api = Api {
            account: self.harbor.account().await?,
            session: None,
            harbor: Arc::clone(&self.harbor),
            requests: requests.clone(),
            patience: Patience::Run,
        };
        let (identity, hashed) = api.identify().await?;
        self.harbor.admits(identity)?;
        if let Some(sign_in) = FormSignIn::wanted(&api, identity, hashed) {
            api.session = Some(Session::open(sign_in).await);
        }
        Ok(Box::new(V2Listing {
            api,
            identity,
            include_proxy_caches: self.harbor.config.include_proxy_caches(),
            scopes: tokio::sync::Mutex::default(),
            projects: Projects::default(),
            trail: OnceCell::default(),
        }))
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
        self.harbor.pull_access(location).await
    }

    async fn pull_token(&self, location: &Location) -> Result<PullAccess, IntegrationError> {
        self.harbor.pull_token(location).await
    }
}
