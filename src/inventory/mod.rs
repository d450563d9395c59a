//! The inventory: what exists, and the queue of what is still to be ingested. The one truth that
//! sync writes and ingestion reads.
//!
//! A digest of an integration is one *work item*, however many repositories and tags show it; each
//! repository that holds it is a *location* of that item.

#[cfg(feature = "sqlite")]
mod eligibility;
mod error;
mod record;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use error::InventoryError;
pub use record::{
    Binding, Change, ChangeKind, Claim, ClaimRequest, ClaimedImage, Failure, ImageState,
    IntegrationSummary, Lease, PageChanges, RunEnd, RunReport, RunTicket, ScopeOutcome,
    StateCounts, StoredImage, VerificationRecord,
};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteInventory;

use std::fmt::Debug;

use async_trait::async_trait;

use crate::{
    clock::Timestamp,
    image::{Cursor, Digest, Image, RepositoryName, Scope},
};

/// A store of images and work items that several processes may share.
///
/// Every method is one transaction: it has happened wholly or not at all, whenever the process
/// dies. No secret is ever handed to it.
#[async_trait]
pub trait Inventory: Debug + Send + Sync + 'static {
    /// Binds an integration's name to its registry. The first binding of a name is kept; the same
    /// binding again changes nothing.
    ///
    /// # Errors
    /// [`InventoryError::IntegrationRebound`] where the name belongs to another registry;
    /// [`InventoryError::Unavailable`].
    async fn bind(&self, binding: &Binding) -> Result<(), InventoryError>;

    /// Whether the name is bound to this registry; `false` where it is bound to none.
    ///
    /// # Errors
    /// [`InventoryError::IntegrationRebound`] where the name belongs to another registry;
    /// [`InventoryError::Unavailable`].
    async fn is_bound(&self, binding: &Binding) -> Result<bool, InventoryError>;

    /// Binds a name to another registry on purpose: its images stay and are proved again by the
    /// next run.
    ///
    /// # Errors
    /// [`InventoryError::Unavailable`].
    async fn rehome(&self, binding: &Binding) -> Result<(), InventoryError>;

    /// Keeps the outcome of the last verification.
    ///
    /// # Errors
    /// [`InventoryError::UnknownIntegration`], [`InventoryError::Unavailable`].
    async fn record_verification(
        &self,
        integration: &str,
        record: &VerificationRecord,
    ) -> Result<(), InventoryError>;

    /// Every bound integration, by name.
    ///
    /// # Errors
    /// [`InventoryError::Unavailable`].
    async fn integrations(&self) -> Result<Vec<IntegrationSummary>, InventoryError>;

    /// Begins a run. An unfinished run of the same integration is superseded: from now on its
    /// ticket is refused, so that a process that was frozen can write nothing when it wakes.
    ///
    /// # Errors
    /// [`InventoryError::UnknownIntegration`], [`InventoryError::Unavailable`].
    async fn begin_run(&self, integration: &str) -> Result<RunTicket, InventoryError>;

    /// Writes one page of a scope: new images become work items, changed ones are updated, all are
    /// marked as seen in this run. An image that the run has seen before counts nowhere again.
    ///
    /// # Errors
    /// [`InventoryError::RunSuperseded`], [`InventoryError::Unavailable`].
    async fn store_page(
        &self,
        ticket: &RunTicket,
        scope: &Scope,
        images: &[Image],
        checkpoint: Option<&Cursor>,
    ) -> Result<PageChanges, InventoryError>;

    /// Records how a scope of this run ended.
    ///
    /// # Errors
    /// [`InventoryError::RunSuperseded`], [`InventoryError::Unavailable`].
    async fn close_scope(
        &self,
        ticket: &RunTicket,
        scope: &Scope,
        outcome: &ScopeOutcome,
    ) -> Result<(), InventoryError>;

    /// Ends a run. Only a proved run marks anything as gone, and only what it covers: the
    /// narrowest scope of the run that covers the location was listed, the location was not seen in
    /// it, and was not first seen in it. With [`Proof::ReadTwice`](crate::image::Proof::ReadTwice) it must have been so in two
    /// complete runs in a row.
    ///
    /// So it must where a run would take away more than 20 images at once that are more than 30 %
    /// of those known before it: a share in that many is more often a registry that was restored,
    /// moved or cut off than a clean-up. They are counted as held.
    ///
    /// # Errors
    /// [`InventoryError::RunSuperseded`], [`InventoryError::Unavailable`].
    async fn finish_run(
        &self,
        ticket: &RunTicket,
        end: &RunEnd,
    ) -> Result<RunReport, InventoryError>;

    /// Stored images by integration, repository and digest, from behind `after` on, `limit` at the
    /// most. Gone ones are among them.
    ///
    /// # Errors
    /// [`InventoryError::Unavailable`].
    async fn images(
        &self,
        integration: &str,
        after: Option<(&RepositoryName, &Digest)>,
        limit: u32,
    ) -> Result<Vec<StoredImage>, InventoryError>;

    /// Claims the next image under a lease and spends the token of the speed limit for it, both in
    /// one transaction, so that the limit holds across all processes that share the inventory.
    ///
    /// # Errors
    /// [`InventoryError::UnknownIntegration`], [`InventoryError::Unavailable`].
    async fn claim(&self, request: &ClaimRequest<'_>) -> Result<Claim, InventoryError>;

    /// Extends a lease until `until`.
    ///
    /// As with every answer to a claim, the fence decides and not the time: a lease whose end has
    /// passed is good until somebody else claims the image, so that a slow sink is not handed it
    /// twice. An image has at most one good lease, and a lease is answered once.
    ///
    /// # Errors
    /// [`InventoryError::LeaseLost`] where the image was claimed or requested anew, or the lease
    /// has been answered; [`InventoryError::Unavailable`].
    async fn renew(&self, lease: &Lease, until: Timestamp) -> Result<(), InventoryError>;

    /// Marks the claimed image as ingested.
    ///
    /// # Errors
    /// [`InventoryError::LeaseLost`] as with [`renew`](Self::renew);
    /// [`InventoryError::Unavailable`].
    async fn acknowledge(&self, lease: &Lease) -> Result<(), InventoryError>;

    /// Gives the claimed image back after a failure: to be tried again later, or parked.
    ///
    /// # Errors
    /// [`InventoryError::LeaseLost`] as with [`renew`](Self::renew);
    /// [`InventoryError::Unavailable`].
    async fn fail(&self, lease: &Lease, failure: &Failure) -> Result<(), InventoryError>;

    /// Puts an image in front of all others, parked, ingested and left-out ones included: asked
    /// for by hand. One that the sink has in hand stays there. Returns whether the registry holds
    /// such an image.
    ///
    /// # Errors
    /// [`InventoryError::Unavailable`].
    async fn request(&self, integration: &str, digest: &Digest) -> Result<bool, InventoryError>;

    /// What changed for images that the sink knows already, oldest first, `limit` at the most.
    ///
    /// # Errors
    /// [`InventoryError::Unavailable`].
    async fn changes(&self, integration: &str, limit: u32) -> Result<Vec<Change>, InventoryError>;

    /// Forgets the changes up to and including `sequence`: the sink was told.
    ///
    /// # Errors
    /// [`InventoryError::Unavailable`].
    async fn changes_told(&self, integration: &str, sequence: i64) -> Result<(), InventoryError>;
}
