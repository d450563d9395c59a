//! What the stores in SQL databases share: statements that each of the databases understands, and
//! what is made of their rows.
//!
//! The folder is a module of each of these stores and compiled once for each, against that store's
//! driver. A store tells it, in the module above, its `Database` and its `Store`, how a transaction
//! begins, and how its dialect reads a JSON list (`elements!`).

mod bindings;
mod comparison;
mod contents;
mod gone;
mod pages;
pub(super) mod queue;
mod removal;
mod reports;
mod runs;
mod schema;
mod scopes;
mod status;
mod stored;

pub(super) use stored::{StoreError, Stored};

use std::time::Duration;

use async_trait::async_trait;

use super::{Database, Store, at_length, in_time, is_rolled_back};
use crate::{
    clock::Timestamp,
    image::{Cursor, Digest, Image, RepositoryName, Scope},
    inventory::{
        BegunRun, Binding, Change, Claim, ClaimRequest, Failure, IntegrationSummary, Inventory,
        InventoryError, Lease, NamedScope, PageChanges, Paused, QueueStatus, RunChange, RunEnd,
        RunReport, RunRequest, RunTicket, ScopeList, ScopeOutcome, Sighting, StoredImage,
        VerificationRecord,
    },
    pace::Pace,
};

type Pool = sqlx::Pool<Database>;
type Connection = <Database as sqlx::Database>::Connection;
type Row = <Database as sqlx::Database>::Row;
type Transaction = sqlx::Transaction<'static, Database>;

/// How often a transaction is tried that the database gives up in favour of another.
const TRIES: u32 = 8;

/// A transaction that may write, and the time at which it began.
pub(super) struct Write {
    pub(super) transaction: Transaction,
    pub(super) now: Timestamp,
}

impl Write {
    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.transaction
    }

    pub(super) const fn nanos(&self) -> i64 {
        self.now.as_unix_nanos()
    }

    pub(super) async fn commit(self) -> Stored<()> {
        Ok(self.transaction.commit().await?)
    }
}

/// Does the work in a transaction, and again where the database gave it up in favour of another.
macro_rules! transact {
    ($begin:expr, |$write:ident| $work:expr) => {
        transact!(in_time, $begin, |$write| $work)
    };
    ($limit:ident, $begin:expr, |$write:ident| $work:expr) => {{
        let mut tries = 1..TRIES;
        loop {
            let attempt = async {
                let mut $write = $begin.await?;
                let done = $work.await?;
                $write.commit().await?;
                Ok(done)
            };
            match $limit(attempt).await {
                Err(StoreError::Database(error))
                    if is_rolled_back(&error) && tries.next().is_some() => {}
                done => break done,
            }
        }
    }};
}
use transact;

#[async_trait]
impl Inventory for Store {
    async fn bind(&self, binding: &Binding) -> Result<(), InventoryError> {
        Ok(transact!(self.write(&binding.integration), |write| write
            .bind(binding))?)
    }

    async fn is_bound(&self, binding: &Binding) -> Result<bool, InventoryError> {
        let read = async {
            let mut reader = self.readers().acquire().await?;
            bindings::is_bound(&mut reader, binding).await
        };
        Ok(in_time(read).await?)
    }

    async fn rehome(&self, binding: &Binding) -> Result<(), InventoryError> {
        Ok(transact!(
            at_length,
            self.write_at_length(&binding.integration),
            |write| write.rehome(binding)
        )?)
    }

    async fn remove(&self, integration: &str) -> Result<bool, InventoryError> {
        let known = transact!(self.write(integration), |write| write.hide(integration))?;
        removal::clear(self).await?;
        Ok(known)
    }

    async fn set_paused(&self, integration: &str, paused: Paused) -> Result<(), InventoryError> {
        Ok(transact!(self.write(integration), |write| write
            .set_paused(integration, paused))?)
    }

    async fn record_verification(
        &self,
        integration: &str,
        record: &VerificationRecord,
    ) -> Result<(), InventoryError> {
        Ok(transact!(self.write(integration), |write| write
            .record_verification(integration, record))?)
    }

    async fn integrations(&self) -> Result<Vec<IntegrationSummary>, InventoryError> {
        let read = async { bindings::integrations(self.snapshot().await?).await };
        Ok(in_time(read).await?)
    }

    async fn begin_run(&self, request: &RunRequest<'_>) -> Result<BegunRun, InventoryError> {
        transact!(
            at_length,
            self.write_at_length(request.integration),
            |write| write.begin_run(request)
        )?
    }

    async fn renew_run(&self, ticket: &RunTicket, until: Timestamp) -> Result<(), InventoryError> {
        Ok(transact!(self.write(&ticket.integration), |write| write
            .renew_run(ticket, until))?)
    }

    async fn store_scopes(
        &self,
        ticket: &RunTicket,
        scopes: &[NamedScope],
        list: &ScopeList,
    ) -> Result<(), InventoryError> {
        Ok(transact!(self.write(&ticket.integration), |write| write
            .store_scopes(ticket, scopes, list))?)
    }

    async fn store_page(
        &self,
        ticket: &RunTicket,
        scope: &Scope,
        images: &[Sighting<'_>],
        checkpoint: Option<&Cursor>,
    ) -> Result<PageChanges, InventoryError> {
        Ok(transact!(self.write(&ticket.integration), |write| write
            .store_page(ticket, scope, images, checkpoint))?)
    }

    async fn close_scope(
        &self,
        ticket: &RunTicket,
        scope: &Scope,
        outcome: &ScopeOutcome,
    ) -> Result<(), InventoryError> {
        Ok(transact!(self.write(&ticket.integration), |write| write
            .close_scope(ticket, scope, outcome))?)
    }

    async fn finish_run(
        &self,
        ticket: &RunTicket,
        end: &RunEnd,
    ) -> Result<RunReport, InventoryError> {
        Ok(transact!(
            at_length,
            self.write_at_length(&ticket.integration),
            |write| write.finish_run(ticket, end)
        )?)
    }

    async fn confirm_held(&self, integration: &str) -> Result<u64, InventoryError> {
        Ok(transact!(
            at_length,
            self.write_at_length(integration),
            |write| write.confirm_held(integration)
        )?)
    }

    async fn runs(&self, integration: &str, limit: u32) -> Result<Vec<RunReport>, InventoryError> {
        Ok(in_time(reports::runs(self.readers(), integration, limit)).await?)
    }

    async fn run_changes(
        &self,
        integration: &str,
        run: i64,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<RunChange>, InventoryError> {
        Ok(in_time(reports::run_changes(
            self.readers(),
            integration,
            run,
            after,
            limit,
        ))
        .await?)
    }

    async fn images(
        &self,
        integration: &str,
        after: Option<(&RepositoryName, &Digest)>,
        limit: u32,
    ) -> Result<Vec<StoredImage>, InventoryError> {
        Ok(in_time(contents::images(self.readers(), integration, after, limit)).await?)
    }

    async fn claim(&self, request: &ClaimRequest<'_>) -> Result<Claim, InventoryError> {
        Ok(transact!(self.write(request.integration), |write| write
            .claim(request))?)
    }

    async fn renew(&self, lease: &Lease, until: Timestamp) -> Result<(), InventoryError> {
        Ok(transact!(self.write(&lease.integration), |write| write
            .renew(lease, until))?)
    }

    async fn acknowledge(&self, lease: &Lease) -> Result<(), InventoryError> {
        Ok(transact!(self.write(&lease.integration), |write| write
            .acknowledge(lease))?)
    }

    async fn fail(&self, lease: &Lease, failure: &Failure) -> Result<(), InventoryError> {
        Ok(transact!(self.write(&lease.integration), |write| write
            .fail(lease, failure))?)
    }

    async fn request(&self, integration: &str, digest: &Digest) -> Result<bool, InventoryError> {
        Ok(transact!(self.write(integration), |write| write
            .request(integration, digest))?)
    }

    async fn admit(&self, binding: &Binding, image: &Image) -> Result<(), InventoryError> {
        Ok(transact!(self.write(&binding.integration), |write| write
            .admit(binding, image))?)
    }

    async fn requeue(
        &self,
        integration: &str,
        digest: Option<&Digest>,
    ) -> Result<u64, InventoryError> {
        Ok(transact!(self.write(integration), |write| write
            .requeue(integration, digest))?)
    }

    async fn queue_status(
        &self,
        integration: &str,
        pace: &Pace,
        rescan_after: Option<Duration>,
    ) -> Result<QueueStatus, InventoryError> {
        let read = async {
            let mut snapshot: Transaction = self.snapshot().await?;
            let now = self.now(&mut snapshot).await?;
            status::queue_status(snapshot, now, integration, pace, rescan_after).await
        };
        Ok(in_time(read).await?)
    }

    async fn changes(&self, integration: &str, limit: u32) -> Result<Vec<Change>, InventoryError> {
        Ok(in_time(contents::changes(self.readers(), integration, limit)).await?)
    }

    async fn changes_told(&self, integration: &str, sequence: i64) -> Result<(), InventoryError> {
        Ok(transact!(self.write(integration), |write| write
            .changes_told(integration, sequence))?)
    }

    async fn close(&self) {
        Self::close(self).await;
    }
}
