//! The inventory: what exists, and the queue of what is still to be ingested. The one truth that
//! sync writes and ingestion reads.
//!
//! A digest of an integration is one *work item*, however many repositories and tags show it; each
//! repository that holds it is a *location* of that item.

mod error;
mod integration;
mod open;
#[cfg(feature = "postgres")]
mod postgres;
mod queue;
mod run;
#[cfg(feature = "sqlite")]
mod sqlite;
mod stored_image;

pub use error::InventoryError;
pub use integration::{Binding, IntegrationSummary, Paused, VerificationRecord};
pub use open::{open, open_existing};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresInventory, PostgresOptions};
pub use queue::{
    Change, ChangeKind, Claim, ClaimRequest, ClaimedImage, Failure, LaneCounts, Lease, QueueStatus,
};
pub use run::{
    BegunRun, ClosedScope, NamedScope, OpenRun, OpenScope, PageChanges, ResumedRun, RunChange,
    RunChangeKind, RunEnd, RunKind, RunReport, RunRequest, RunStart, RunTicket, ScopeList,
    ScopeOutcome,
};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteInventory;
pub use stored_image::{ImageState, Omission, Sighting, StateCounts, StoredImage};

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;

use crate::{
    clock::Timestamp,
    image::{Cursor, Digest, Image, RepositoryName, Scope},
    pace::Pace,
};

/// A store of images and work items that several processes may share.
///
/// Every method is one transaction, save where it says otherwise: it has happened wholly or not at
/// all, whenever the process dies. No secret is ever handed to it. Where its clock is found set
/// back, leases and pauses begin anew instead of lasting as much longer.
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
    /// next run. An unfinished run is given up, the change mark is forgotten, what was held back no
    /// longer is, and rows of complete runs begin anew, since all of that told of the registry
    /// before. The same binding again changes nothing.
    ///
    /// # Errors
    /// [`InventoryError::Unavailable`].
    async fn rehome(&self, binding: &Binding) -> Result<(), InventoryError>;

    /// Deletes all that is kept of an integration and frees its name, at once for whoever asks:
    /// from then on every ticket and lease of it is refused. Its rows go in several transactions, so
    /// that others need not wait for a million of them; what a process leaves behind that dies in
    /// between, the next removal of any integration takes along. Returns whether there was such an
    /// integration.
    ///
    /// # Errors
    /// [`InventoryError::Unavailable`].
    async fn remove(&self, integration: &str) -> Result<bool, InventoryError>;

    /// Sets what of the integration rests.
    ///
    /// # Errors
    /// [`InventoryError::UnknownIntegration`], [`InventoryError::Unavailable`].
    async fn set_paused(&self, integration: &str, paused: Paused) -> Result<(), InventoryError>;

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

    /// Begins a run, or takes an unfinished one over. There is one at a time: while the lease of its
    /// holder is good nobody else gets a ticket. As with images, the fence decides and not the time:
    /// a holder whose lease has ended may write until somebody takes over, and nothing afterwards,
    /// so that a process that was frozen can write neither pages nor deletions when it wakes.
    ///
    /// A run that is taken over keeps its beginning, its counts and all that it has seen, with one
    /// exception: in a scope that starts over, having no cursor, what was seen before no longer
    /// counts as seen, so that what vanished in between is found gone. A run that is given up is
    /// reported as ended, with a failure.
    ///
    /// # Errors
    /// [`InventoryError::RunInProgress`] where another holder's lease is good, unless
    /// [`RunStart::Anew`] is asked for; [`InventoryError::UnknownIntegration`];
    /// [`InventoryError::Unavailable`].
    async fn begin_run(&self, request: &RunRequest<'_>) -> Result<BegunRun, InventoryError>;

    /// Extends the lease of a run until `until`, for a stretch in which nothing is written. Any
    /// other write of the run extends it to at least the time asked for when it was begun.
    ///
    /// # Errors
    /// [`InventoryError::RunSuperseded`], [`InventoryError::Unavailable`].
    async fn renew_run(&self, ticket: &RunTicket, until: Timestamp) -> Result<(), InventoryError>;

    /// Writes one page of the list of scopes and how far the list was read, so that a run that is
    /// taken over goes on there. What the page says of a scope that the run knows already is passed
    /// over.
    ///
    /// # Errors
    /// [`InventoryError::RunSuperseded`], [`InventoryError::Unavailable`].
    async fn store_scopes(
        &self,
        ticket: &RunTicket,
        scopes: &[NamedScope],
        list: &ScopeList,
    ) -> Result<(), InventoryError>;

    /// Writes one page of a scope: new images become work items, changed ones are updated, all are
    /// marked as seen in this run. An image that the run has seen before counts nowhere again.
    /// `checkpoint` is where the scope goes on behind this page; none leaves the one before.
    ///
    /// An image with an [`Omission`] is stored like any other. It is not for ingestion for as long
    /// as every location of its digest has one; what is ingested or in hand stays so.
    ///
    /// # Errors
    /// [`InventoryError::RunSuperseded`], [`InventoryError::Unavailable`].
    async fn store_page(
        &self,
        ticket: &RunTicket,
        scope: &Scope,
        images: &[Sighting<'_>],
        checkpoint: Option<&Cursor>,
    ) -> Result<PageChanges, InventoryError>;

    /// Records how a scope of this run ended. The last word counts.
    ///
    /// A scope that a selection rules out, [`Exclusion::Filtered`](crate::image::Exclusion::Filtered),
    /// takes what is known in it from ingestion, as with [`Omission::Repository`], also where
    /// [`store_scopes`](Self::store_scopes) says so. Nothing in it is gone by that.
    ///
    /// # Errors
    /// [`InventoryError::RunSuperseded`], [`InventoryError::Unavailable`].
    async fn close_scope(
        &self,
        ticket: &RunTicket,
        scope: &Scope,
        outcome: &ScopeOutcome,
    ) -> Result<(), InventoryError>;

    /// Ends a run. Only a proved full run marks anything as gone, and only what it covers: the
    /// narrowest scope of the run that covers the location was listed, and the location was not seen
    /// in the run, or not since that scope started over. With
    /// [`Proof::ReadTwice`](crate::image::Proof::ReadTwice) it must have been so in two complete
    /// full runs in a row.
    ///
    /// So it must where a run would take away more than 20 images at once that are more than 30 %
    /// of those known before it: a share in that many is more often a registry that was restored,
    /// moved or cut off than a clean-up. They are held back until a second complete full run or
    /// [`confirm_held`](Self::confirm_held) confirms them.
    ///
    /// The change mark is kept for the next incremental run where this one was successful. A full
    /// run without one forgets the one before: the registry does not tell its changes any more.
    ///
    /// # Errors
    /// [`InventoryError::RunSuperseded`], [`InventoryError::Unavailable`].
    async fn finish_run(
        &self,
        ticket: &RunTicket,
        end: &RunEnd,
    ) -> Result<RunReport, InventoryError>;

    /// Marks as gone what the last proved full run held back, on an operator's word, and returns
    /// how many locations that are. What was seen since is not among them. The run's report and its
    /// changes tell them as gone.
    ///
    /// # Errors
    /// [`InventoryError::Unavailable`].
    async fn confirm_held(&self, integration: &str) -> Result<u64, InventoryError>;

    /// The reports of the last runs that have ended, newest first, `limit` at the most. Those of the
    /// last 50 runs of an integration are kept, and that of the last complete one.
    ///
    /// # Errors
    /// [`InventoryError::Unavailable`].
    async fn runs(&self, integration: &str, limit: u32) -> Result<Vec<RunReport>, InventoryError>;

    /// What a run found changed, in the order in which it found it, from behind the sequence
    /// `after` on, `limit` at the most. Kept as long as the run's report.
    ///
    /// # Errors
    /// [`InventoryError::Unavailable`].
    async fn run_changes(
        &self,
        integration: &str,
        run: i64,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<RunChange>, InventoryError>;

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
    /// The order is: what was asked for by hand, in the order of asking; then the newest push first,
    /// every fifth time the one that has waited longest; last, where
    /// [`rescan_after`](ClaimRequest::rescan_after) is set, the one whose ingestion is longest ago.
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

    /// Puts an image in front of all others that was found by asking the registry for it, not by a
    /// listing: an image that nobody has synced yet can be scanned. The name is bound where it is
    /// not. A location that the inventory holds stays as it is, for the next run to judge; one that
    /// is new or was gone is stored with the facts given, and counts as seen by a run under way.
    ///
    /// # Errors
    /// [`InventoryError::IntegrationRebound`] where the name belongs to another registry;
    /// [`InventoryError::Unavailable`].
    async fn admit(&self, binding: &Binding, image: &Image) -> Result<(), InventoryError>;

    /// Puts parked images back into their line, with all their attempts before them: the one of
    /// this digest, or all. Returns how many.
    ///
    /// # Errors
    /// [`InventoryError::Unavailable`].
    async fn requeue(
        &self,
        integration: &str,
        digest: Option<&Digest>,
    ) -> Result<u64, InventoryError>;

    /// How the queue stands, and when this pace, which may be another than the one of the last
    /// claim, admits the next image. Nothing is changed or spent.
    ///
    /// # Errors
    /// [`InventoryError::UnknownIntegration`], [`InventoryError::Unavailable`].
    async fn queue_status(
        &self,
        integration: &str,
        pace: &Pace,
        rescan_after: Option<Duration>,
    ) -> Result<QueueStatus, InventoryError>;

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

    /// Waits for what is under way and lets go of the store. Every handle of this inventory is
    /// closed with it.
    async fn close(&self);
}
