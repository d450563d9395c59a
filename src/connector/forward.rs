//! A shared or boxed connector is a connector.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Capabilities, Changes, Listing, PullAccess, RegistryConnector, Verification};
use crate::{
    error::IntegrationError,
    http::RequestCount,
    image::{ChangeMark, Image, Location, Reference, RegistryKind, RepositoryName},
};

macro_rules! forward_connector {
    ($($pointer:ty),+) => {$(
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<C: RegistryConnector + ?Sized> RegistryConnector for $pointer {
            fn kind(&self) -> RegistryKind {
                (**self).kind()
            }

            fn host(&self) -> &str {
                (**self).host()
            }

            fn registry(&self) -> &str {
                (**self).registry()
            }

            fn capabilities(&self) -> Capabilities {
                (**self).capabilities()
            }

            async fn verify(&self) -> Verification {
                (**self).verify().await
            }

            async fn open_listing(
                &self,
                requests: &RequestCount,
            ) -> Result<Box<dyn Listing>, IntegrationError> {
                (**self).open_listing(requests).await
            }

            async fn open_changes(
                &self,
                since: &ChangeMark,
                requests: &RequestCount,
            ) -> Result<Option<Changes>, IntegrationError> {
                (**self).open_changes(since, requests).await
            }

            async fn resolve(
                &self,
                repository: &RepositoryName,
                reference: &Reference,
            ) -> Result<Image, IntegrationError> {
                (**self).resolve(repository, reference).await
            }

            async fn pull_access(
                &self,
                location: &Location,
            ) -> Result<PullAccess, IntegrationError> {
                (**self).pull_access(location).await
            }

            async fn pull_token(
                &self,
                location: &Location,
            ) -> Result<PullAccess, IntegrationError> {
                (**self).pull_token(location).await
            }
        }
    )+};
}

forward_connector!(Arc<C>, Box<C>);
