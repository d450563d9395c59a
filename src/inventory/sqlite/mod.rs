//! The embedded inventory: one SQLite file that several processes of one machine may share.

#[cfg(test)]
mod plans;
mod schema;

/// A list in a parameter as rows with a `value`.
macro_rules! elements {
    ($list:literal) => {
        concat!("jsonb_each(", $list, ")")
    };
}

// Each store compiles the shared statements against its own driver.
#[allow(clippy::duplicate_mod)]
#[path = "../sql/mod.rs"]
mod sql;

use std::{
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::{
    ConnectOptions, Sqlite, SqliteConnection, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous},
};

use super::InventoryError;
use crate::{
    clock::{Clock, Timestamp},
    error::BoxError,
};
use sql::{StoreError, Stored, Write};

type Database = Sqlite;
type Store = SqliteInventory;

/// How long a statement waits while another process writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

const READERS: u32 = 4;

/// How many rows a statement may be ahead of their reader: for those of a page the two threads need
/// not wait for each other.
const ROWS_AHEAD: usize = 1024;

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
        let cannot_open = |source| FileError::Open {
            path: path.to_owned(),
            source,
        };
        create(path).map_err(|error| cannot_open(error.into()))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .row_buffer_size(ROWS_AHEAD)
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
            .row_buffer_size(ROWS_AHEAD)
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
        let mut write = inventory.begin().await?;
        let found = schema::version(write.connection(), path).await?;
        write.migrate(found, schema::STEPS).await?;
        write.commit().await?;
        Ok(inventory)
    }

    /// Waits for what is under way and closes the file. Every handle of this inventory is closed
    /// with it.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Nobody else writes to the file meanwhile, whatever integration it is about.
    async fn write(&self, _integration: &str) -> Stored<Write> {
        self.begin().await
    }

    async fn write_at_length(&self, _integration: &str) -> Stored<Write> {
        self.begin().await
    }

    async fn write_hidden(&self) -> Stored<Write> {
        self.begin().await
    }

    async fn begin(&self) -> Stored<Write> {
        // Immediate, since a transaction that has read before it asks for the lock is refused
        // when another has written in between.
        let transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        // Read under the lock: the order of the times is that of the transactions.
        let now = self.clock.now();
        Ok(Write { transaction, now })
    }

    const fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// All that is read by it is of one moment.
    async fn snapshot(&self) -> Stored<Transaction<'static, Sqlite>> {
        Ok(self.readers.begin().await?)
    }

    async fn now(&self, _snapshot: &mut SqliteConnection) -> Stored<Timestamp> {
        Ok(self.clock.now())
    }
}

/// A writer waits for the others and is never given up in favour of one.
const fn is_rolled_back(_error: &sqlx::Error) -> bool {
    false
}

/// A file answers in any case.
async fn in_time<T>(work: impl Future<Output = Stored<T>> + Send) -> Stored<T> {
    work.await
}

async fn at_length<T>(work: impl Future<Output = Stored<T>> + Send) -> Stored<T> {
    work.await
}

#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("cannot open {path:?}")]
    Open { path: PathBuf, source: BoxError },
    #[error("{path:?} is the database of another application")]
    Foreign { path: PathBuf },
}

impl From<FileError> for StoreError {
    fn from(error: FileError) -> Self {
        Self::Particular(error.into())
    }
}

impl From<FileError> for InventoryError {
    fn from(error: FileError) -> Self {
        StoreError::from(error).into()
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
