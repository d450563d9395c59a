//! The embedded inventory: one SQLite file that several processes of one machine may share.

mod bindings;
mod contents;
mod gone;
mod pages;
#[cfg(test)]
mod plans;
mod queue;
mod removal;
mod reports;
mod runs;
mod schema;
mod scopes;
mod status;
mod stored;

use std::{
    fs::OpenOptions,
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use sqlx::{
    ConnectOptions, Sqlite, SqliteConnection, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous},
};

use super::{
    BegunRun, Binding, Change, Claim, ClaimRequest, Failure, IntegrationSummary, Inventory,
    InventoryError, Lease, NamedScope, PageChanges, Paused, QueueStatus, RunChange, RunEnd,
    RunReport, RunRequest, RunTicket, ScopeList, ScopeOutcome, Sighting, StoredImage,
    VerificationRecord,
};
use crate::{
    clock::{Clock, Timestamp},
    image::{Cursor, Digest, Image, RepositoryName, Scope},
    pace::Pace,
};
use stored::{StoreError, Stored};

/// How long a statement waits while another process writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

const READERS: u32 = 4;

const SWITCHING_TRIES: u32 = 10;

/// An inventory in a SQLite file, or in memory.
///
/// Several processes of one machine may open the same file; on a network file system, where locks
/// are not to be relied on, none should. A committed claim survives a loss of power. The file
/// belongs to the inventory alone and, where the crate creates it, to its owner alone.
#[derive(Debug, Clone)]
pub struct SqliteInventory {
    /// One connection, so that this process's writers queue in fairness.
    writer: SqlitePool,
    readers: SqlitePool,
    clock: Arc<dyn Clock>,
}

impl SqliteInventory {
    /// Opens the inventory in the file at `path`, which is created where it is missing, and brings
    /// its schema up to date. Its folder must exist. `clock` counts for the speed limit, leases
    /// and reports: processes that share the file should share the machine's clock.
    ///
    /// # Errors
    /// [`InventoryError::SchemaTooNew`]; [`InventoryError::Unavailable`] where the file cannot be
    /// opened or created, or holds the tables of another application.
    pub async fn open(
        path: impl AsRef<Path> + Send,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, InventoryError> {
        let path = path.as_ref();
        let cannot_open = |source| StoreError::Open {
            path: path.to_owned(),
            source,
        };
        create(path).map_err(|error| cannot_open(error.into()))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging();
        let reading = options.clone().pragma("query_only", "ON");
        let pool = SqlitePoolOptions::new().test_before_acquire(false);
        let writer = pool
            .clone()
            .max_connections(1)
            .connect_with(options)
            .await
            .map_err(|error| cannot_open(error.into()))?;
        write_ahead(&writer)
            .await
            .map_err(|error| cannot_open(error.into()))?;
        let readers = pool.max_connections(READERS).connect_lazy_with(reading);
        Self::migrated(writer, readers, clock, path).await
    }

    /// An inventory that ends with its last handle.
    ///
    /// # Errors
    /// [`InventoryError::Unavailable`].
    pub async fn in_memory(clock: Arc<dyn Clock>) -> Result<Self, InventoryError> {
        let options = SqliteConnectOptions::new()
            .in_memory(true)
            .disable_statement_logging();
        // The data lives as long as this one connection does.
        let only = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .map_err(StoreError::from)?;
        Self::migrated(only.clone(), only, clock, Path::new(":memory:")).await
    }

    async fn migrated(
        writer: SqlitePool,
        readers: SqlitePool,
        clock: Arc<dyn Clock>,
        path: &Path,
    ) -> Result<Self, InventoryError> {
        let inventory = Self {
            writer,
            readers,
            clock,
        };
        let mut write = inventory.write().await?;
        write.migrate(path).await?;
        write.commit().await?;
        Ok(inventory)
    }

    /// Waits for what is under way and closes the file. Every handle of this inventory is closed
    /// with it.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    async fn write(&self) -> Stored<Write> {
        // Immediate, since a transaction that has read before it asks for the lock is refused
        // when another has written in between.
        let transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        // Read under the lock: the order of the times is that of the transactions.
        let now = self.clock.now();
        Ok(Write { transaction, now })
    }
}

/// Makes an empty file that only its owner may read, unless there is one already; SQLite gives its
/// side files the same mode.
fn create(path: &Path) -> io::Result<()> {
    // Closing a file ends every lock that this process holds on it, so no other thread may get as
    // far as SQLite's locks before the new file is closed. Files that exist are not touched.
    static CREATING: Mutex<()> = Mutex::new(());
    let _alone = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Switches a new file to the write-ahead log, in which readers do not wait for writers; a file
/// stays switched.
async fn write_ahead(writer: &SqlitePool) -> sqlx::Result<()> {
    let mut connection = writer.acquire().await?;
    let mut tries = 1..=SWITCHING_TRIES;
    loop {
        let switched = sqlx::raw_sql("PRAGMA journal_mode = WAL")
            .execute(&mut *connection)
            .await;
        match switched {
            // Of two that switch at a time one is refused at once, since both hold what the other
            // needs. Its empty transaction waits until the other is done.
            Err(error) if is_busy(&error) && tries.next().is_some() => {
                sqlx::raw_sql("BEGIN IMMEDIATE; COMMIT")
                    .execute(&mut *connection)
                    .await?;
            }
            switched => return switched.map(drop),
        }
    }
}

fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    let code: Option<i32> = code.and_then(|code| code.parse().ok());
    // The lowest byte of an extended result code is the primary one: 5 is SQLITE_BUSY.
    code.is_some_and(|code| code & 0xff == 5)
}

/// A transaction that may write, and the time at which it began.
struct Write {
    transaction: Transaction<'static, Sqlite>,
    now: Timestamp,
}

impl Write {
    fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }

    const fn nanos(&self) -> i64 {
        self.now.as_unix_nanos()
    }

    async fn commit(self) -> Stored<()> {
        Ok(self.transaction.commit().await?)
    }
}

#[async_trait]
impl Inventory for SqliteInventory {
    async fn bind(&self, binding: &Binding) -> Result<(), InventoryError> {
        let mut write = self.write().await?;
        write.bind(binding).await?;
        Ok(write.commit().await?)
    }

    async fn is_bound(&self, binding: &Binding) -> Result<bool, InventoryError> {
        let mut reader = self.readers.acquire().await.map_err(StoreError::from)?;
        Ok(bindings::is_bound(&mut reader, binding).await?)
    }

    async fn rehome(&self, binding: &Binding) -> Result<(), InventoryError> {
        let mut write = self.write().await?;
        write.rehome(binding).await?;
        Ok(write.commit().await?)
    }

    async fn remove(&self, integration: &str) -> Result<bool, InventoryError> {
        Ok(removal::remove(self, integration).await?)
    }

    async fn set_paused(&self, integration: &str, paused: Paused) -> Result<(), InventoryError> {
        let mut write = self.write().await?;
        write.set_paused(integration, paused).await?;
        Ok(write.commit().await?)
    }

    async fn record_verification(
        &self,
        integration: &str,
        record: &VerificationRecord,
    ) -> Result<(), InventoryError> {
        let mut write = self.write().await?;
        write.record_verification(integration, record).await?;
        Ok(write.commit().await?)
    }

    async fn integrations(&self) -> Result<Vec<IntegrationSummary>, InventoryError> {
        Ok(bindings::integrations(&self.readers).await?)
    }

    async fn begin_run(&self, request: &RunRequest<'_>) -> Result<BegunRun, InventoryError> {
        let mut write = self.write().await?;
        let begun = write.begin_run(request).await?;
        write.commit().await?;
        begun
    }

    async fn renew_run(&self, ticket: &RunTicket, until: Timestamp) -> Result<(), InventoryError> {
        let mut write = self.write().await?;
        write.renew_run(ticket, until).await?;
        Ok(write.commit().await?)
    }

    async fn store_scopes(
        &self,
        ticket: &RunTicket,
        scopes: &[NamedScope],
        list: &ScopeList,
    ) -> Result<(), InventoryError> {
        let mut write = self.write().await?;
        write.store_scopes(ticket, scopes, list).await?;
        Ok(write.commit().await?)
    }

    async fn store_page(
        &self,
        ticket: &RunTicket,
        scope: &Scope,
        images: &[Sighting<'_>],
        checkpoint: Option<&Cursor>,
    ) -> Result<PageChanges, InventoryError> {
        let mut write = self.write().await?;
        let changes = write.store_page(ticket, scope, images, checkpoint).await?;
        write.commit().await?;
        Ok(changes)
    }

    async fn close_scope(
        &self,
        ticket: &RunTicket,
        scope: &Scope,
        outcome: &ScopeOutcome,
    ) -> Result<(), InventoryError> {
        let mut write = self.write().await?;
        write.close_scope(ticket, scope, outcome).await?;
        Ok(write.commit().await?)
    }

    async fn finish_run(
        &self,
        ticket: &RunTicket,
        end: &RunEnd,
    ) -> Result<RunReport, InventoryError> {
        let mut write = self.write().await?;
        let report = write.finish_run(ticket, end).await?;
        write.commit().await?;
        Ok(report)
    }

    async fn confirm_held(&self, integration: &str) -> Result<u64, InventoryError> {
        let mut write = self.write().await?;
        let gone = write.confirm_held(integration).await?;
        write.commit().await?;
        Ok(gone)
    }

    async fn runs(&self, integration: &str, limit: u32) -> Result<Vec<RunReport>, InventoryError> {
        Ok(reports::runs(&self.readers, integration, limit).await?)
    }

    async fn run_changes(
        &self,
        integration: &str,
        run: i64,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<RunChange>, InventoryError> {
        Ok(reports::run_changes(&self.readers, integration, run, after, limit).await?)
    }

    async fn images(
        &self,
        integration: &str,
        after: Option<(&RepositoryName, &Digest)>,
        limit: u32,
    ) -> Result<Vec<StoredImage>, InventoryError> {
        Ok(contents::images(&self.readers, integration, after, limit).await?)
    }

    async fn claim(&self, request: &ClaimRequest<'_>) -> Result<Claim, InventoryError> {
        let mut write = self.write().await?;
        let claim = write.claim(request).await?;
        write.commit().await?;
        Ok(claim)
    }

    async fn renew(&self, lease: &Lease, until: Timestamp) -> Result<(), InventoryError> {
        let mut write = self.write().await?;
        write.renew(lease, until).await?;
        Ok(write.commit().await?)
    }

    async fn acknowledge(&self, lease: &Lease) -> Result<(), InventoryError> {
        let mut write = self.write().await?;
        write.acknowledge(lease).await?;
        Ok(write.commit().await?)
    }

    async fn fail(&self, lease: &Lease, failure: &Failure) -> Result<(), InventoryError> {
        let mut write = self.write().await?;
        write.fail(lease, failure).await?;
        Ok(write.commit().await?)
    }

    async fn request(&self, integration: &str, digest: &Digest) -> Result<bool, InventoryError> {
        let mut write = self.write().await?;
        let found = write.request(integration, digest).await?;
        write.commit().await?;
        Ok(found)
    }

    async fn admit(&self, binding: &Binding, image: &Image) -> Result<(), InventoryError> {
        let mut write = self.write().await?;
        write.admit(binding, image).await?;
        Ok(write.commit().await?)
    }

    async fn requeue(
        &self,
        integration: &str,
        digest: Option<&Digest>,
    ) -> Result<u64, InventoryError> {
        let mut write = self.write().await?;
        let requeued = write.requeue(integration, digest).await?;
        write.commit().await?;
        Ok(requeued)
    }

    async fn queue_status(
        &self,
        integration: &str,
        pace: &Pace,
        rescan_after: Option<Duration>,
    ) -> Result<QueueStatus, InventoryError> {
        let now = self.clock.now();
        Ok(status::queue_status(&self.readers, now, integration, pace, rescan_after).await?)
    }

    async fn changes(&self, integration: &str, limit: u32) -> Result<Vec<Change>, InventoryError> {
        Ok(contents::changes(&self.readers, integration, limit).await?)
    }

    async fn changes_told(&self, integration: &str, sequence: i64) -> Result<(), InventoryError> {
        let mut write = self.write().await?;
        write.changes_told(integration, sequence).await?;
        Ok(write.commit().await?)
    }
}
