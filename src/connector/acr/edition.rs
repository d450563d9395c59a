use std::fmt::Debug;

use async_trait::async_trait;

use super::{
    api::Api,
    reading::{At, Page},
    wire::TagWire,
};
use crate::{error::IntegrationError, image::RepositoryName};

/// A repository that a list has shown.
#[derive(Debug, Clone)]
pub(super) struct Repository {
    pub(super) name: RepositoryName,
    /// By which its tags are asked for; empty where the name does that.
    pub(super) id: String,
}

/// What the two editions ask for each in its own way.
#[async_trait]
pub(super) trait Edition: Debug + Send + Sync + 'static {
    /// One page of the repositories of one namespace, or of all.
    async fn repositories(
        &self,
        api: &Api,
        namespace: Option<&str>,
        at: &At,
    ) -> Result<Page<Repository>, IntegrationError>;

    /// One page of the names of the namespaces.
    async fn namespaces(&self, api: &Api, at: &At) -> Result<Page<String>, IntegrationError>;

    /// One page of a repository's tags.
    async fn tags(
        &self,
        api: &Api,
        repository: &Repository,
        at: &At,
    ) -> Result<Page<TagWire>, IntegrationError>;

    /// How many repositories there are by another statement than their list's, where there is one
    /// that the account may read.
    async fn repository_total(&self, api: &Api) -> Option<u64>;
}
