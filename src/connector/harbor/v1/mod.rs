//! Harbor 1.x.
//!
//! | request | used for |
//! |---|---|
//! | `GET /api/systeminfo` | recognising a 1.x and its version, without credentials |
//! | `GET /api/users/current` | proving the account: it alone refuses a wrong password |
//! | `GET /service/token` | proving a robot; tokens for the registry, and to pull with |
//! | `GET /api/statistics` | the true totals, told to administrators |
//! | `GET /api/projects` | the projects, 500 a page |
//! | `GET /api/repositories?project_id=` | a project's repositories, 500 a page |
//! | `GET /api/repositories/{name}/tags` | a repository's tags, all at once, or their names |
//! | `GET /api/repositories/{name}/tags/{tag}` | one tag |
//! | `GET /v2/_catalog` | repositories that Harbor does not list, as an administrator |
//! | `HEAD /v2/{name}/manifests/{reference}` | what a tag names, where Harbor does not know |
//! | `GET /api/logs` | what has changed, as an administrator of a 1.10 |
//! | `GET /api/projects/{id}`, `HEAD /api/projects` | whether a project exists |
//!
//! Tags are asked for with their details. The names alone (`detail=false`) cost the server a
//! hundredth, but have no digests, and a HEAD that knows none counts as a pull. They serve where a
//! repository has so many tags that their details would take longer than anybody waits.
//!
//! Facts about the servers were recorded on a real 1.10.

mod access_log;
mod api;
mod catalog;
mod changes;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod listing;
mod manifests;
mod pager;
mod resolve;
mod scopes;
mod tags;
mod verify;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;

use self::{api::Api, listing::V1Listing};
use super::{answers::Identity, session::Harbor};
use crate::{
    config::IntegrationConfig,
    connector::{
        Capabilities, Changes, ConnectContext, Listing, PullAccess, RegistryConnector, Verification,
    },
    error::IntegrationError,
    http::{Patience, RequestCount},
    image::{ChangeMark, Image, Location, Reference, RegistryKind, RepositoryName},
};

#[derive(Debug)]
pub(in crate::connector) struct HarborV1 {
    harbor: Arc<Harbor>,
}

impl HarborV1 {
    pub(in crate::connector) fn new(
        config: &IntegrationConfig,
        context: &ConnectContext,
    ) -> Result<Self, IntegrationError> {
        Harbor::new(config, context).map(|harbor| Self {
            harbor: Arc::new(harbor),
        })
    }

    async fn api(
        &self,
        requests: &RequestCount,
        patience: Patience,
    ) -> Result<Api, IntegrationError> {
        Ok(Api {
            account: self.harbor.account().await?,
            harbor: Arc::clone(&self.harbor),
            requests: requests.clone(),
            patience,
        })
    }

    /// Whether an account of this identity may list. A robot of 1.x may list nothing, whatever role
    /// is asked for: outside public projects the API refuses it.
    fn admits(&self, identity: Identity) -> Result<(), IntegrationError> {
        if identity == Identity::Robot {
            return Err(self.harbor.lacks_role(identity));
        }
        self.harbor.admits(identity)
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
        let api = self.api(requests, Patience::Run).await?;
        let identity = api.identify().await?;
        self.admits(identity)?;
        Ok(Box::new(V1Listing::new(api, identity)))
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
