//! An inventory around another one: whatever is asked of it passes through one place.

use registry_intake::inventory::{Inventory, InventoryError};

/// Lets calls pass to the inventory behind, or not.
pub(crate) trait Passage {
    fn inner(&self) -> &dyn Inventory;

    fn pass<T: Send + 'static>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, InventoryError>> + Send,
    ) -> impl Future<Output = Result<T, InventoryError>> + Send;
}

macro_rules! forward {
    ($outer:ty; $($method:ident($($name:ident: $type:ty),*) -> $answer:ty;)+) => {
        #[async_trait::async_trait]
        impl Inventory for $outer {
            $(async fn $method(&self, $($name: $type),*) -> Result<$answer, InventoryError> {
                self.pass(stringify!($method), self.inner().$method($($name),*)).await
            })+

            async fn close(&self) {
                self.inner().close().await;
            }
        }
    };
}
pub(crate) use forward;

/// Makes an inventory of what has a [`Passage`].
macro_rules! inventory_by_passage {
    ($outer:ty) => {
        const _: () = {
            use std::time::Duration;

            use registry_intake::{
                clock::Timestamp,
                image::{Cursor, Digest, Image, RepositoryName, Scope},
                inventory::*,
                pace::Pace,
            };

            $crate::inventory::guarded::forward! {
                $outer;
                bind(binding: &Binding) -> ();
                is_bound(binding: &Binding) -> bool;
                rehome(binding: &Binding) -> ();
                record_verification(integration: &str, record: &VerificationRecord) -> ();
                integrations() -> Vec<IntegrationSummary>;
                remove(integration: &str) -> bool;
                set_paused(integration: &str, paused: Paused) -> ();
                begin_run(request: &RunRequest<'_>) -> BegunRun;
                renew_run(ticket: &RunTicket, until: Timestamp) -> ();
                store_scopes(ticket: &RunTicket, scopes: &[NamedScope], list: &ScopeList) -> ();
                store_page(
                ticket: &RunTicket, scope: &Scope, images: &[Sighting<'_>], checkpoint: Option<&Cursor>
                ) -> PageChanges;
                close_scope(ticket: &RunTicket, scope: &Scope, outcome: &ScopeOutcome) -> ();
                finish_run(ticket: &RunTicket, end: &RunEnd) -> RunReport;
                confirm_held(integration: &str) -> u64;
                runs(integration: &str, limit: u32) -> Vec<RunReport>;
                run_changes(
                integration: &str, run: i64, after: Option<i64>, limit: u32
                ) -> Vec<RunChange>;
                images(
                integration: &str, after: Option<(&RepositoryName, &Digest)>, limit: u32
                ) -> Vec<StoredImage>;
                claim(request: &ClaimRequest<'_>) -> Claim;
                renew(lease: &Lease, until: Timestamp) -> ();
                acknowledge(lease: &Lease) -> ();
                fail(lease: &Lease, failure: &Failure) -> ();
                request(integration: &str, digest: &Digest) -> bool;
                admit(binding: &Binding, image: &Image) -> ();
                requeue(integration: &str, digest: Option<&Digest>) -> u64;
                queue_status(
                integration: &str, pace: &Pace, rescan_after: Option<Duration>
                ) -> QueueStatus;
                changes(integration: &str, limit: u32) -> Vec<Change>;
                changes_told(integration: &str, sequence: i64) -> ();
            }
        };
    };
}
pub(crate) use inventory_by_passage;
