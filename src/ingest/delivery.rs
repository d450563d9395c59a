use std::sync::Arc;

use crate::{
    connector::{PullAccess, RegistryConnector},
    error::IntegrationError,
    image::{Digest, ImageKind, Location, Platform},
    inventory::ClaimedImage,
};

/// An image as it is handed to the sink.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Delivery {
    /// The integration's name.
    pub integration: String,
    /// The image's content address: what is to be scanned, under whatever name.
    pub digest: Digest,
    /// What it is.
    pub kind: ImageKind,
    /// The media type of the manifest, where the registry tells it.
    pub media_type: Option<String>,
    /// Size in bytes as the registry counts it, where it does.
    pub size: Option<u64>,
    /// What it runs on, where the registry tells it.
    pub platforms: Vec<Platform>,
    /// Every place where it can be pulled from, never empty.
    pub locations: Vec<Location>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Grows with every hand-over of this image: of two deliveries of a digest the one with the
    /// lower fence is the late twin.
    pub fence: i64,
    connector: Arc<dyn RegistryConnector>,
}

impl Delivery {
    pub(super) fn new(image: ClaimedImage, connector: Arc<dyn RegistryConnector>) -> Self {
        Self {
            integration: image.lease.integration,
            digest: image.lease.digest,
            kind: image.kind,
            media_type: image.media_type,
            size: image.size,
            platforms: image.platforms,
            locations: image.locations,
            attempt: image.attempt,
            fence: image.lease.fence,
            connector,
        }
    }

    /// What a puller needs to pull from one of the [`locations`](Self::locations). Ask when the
    /// scan begins: some credentials end within minutes.
    ///
    /// # Errors
    /// Any [`IntegrationError`] that keeps the credential from being made.
    pub async fn pull_access(&self, location: &Location) -> Result<PullAccess, IntegrationError> {
        self.connector.pull_access(location).await
    }

    /// The same with a token for the location's repository alone, in place of the account's own
    /// secret.
    ///
    /// # Errors
    /// As of [`RegistryConnector::pull_token`].
    pub async fn pull_token(&self, location: &Location) -> Result<PullAccess, IntegrationError> {
        self.connector.pull_token(location).await
    }
}
