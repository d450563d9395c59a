//! The shared inventory: a schema of a PostgreSQL database in which many replicas work.
//!
//! Whoever writes about an integration locks its row first and holds it to the end, as SQLite locks
//! the file. Claims of an integration take turns anyway, since each depends on the grants before
//! it; the one lock also rules out that two transactions wait for each other, and lets changes be
//! numbered in the order in which they become visible. Nothing is skipped that somebody else has
//! locked (`SKIP LOCKED`): an image that loses its turn would break the order of the lanes.

mod address;
mod options;
mod schema;

/// A list in a parameter as rows with a `value`.
macro_rules! elements {
    ($list:literal) => {
        concat!("json_array_elements(CAST(", $list, " AS json))")
    };
}

// Each store compiles the shared statements against its own driver.
#[allow(clippy::duplicate_mod)]
#[path = "../sql/mod.rs"]
mod sql;

pub use options::PostgresOptions;

use std::{fmt, sync::Arc, time::Duration};

use sqlx::{PgConnection, PgPool, Postgres, Transaction};

use super::InventoryError;
use crate::{
    clock::{Clock, Timestamp},
    error::BoxError,
};
use sql::{StoreError, Stored, Write};

type Database = Postgres;
type Store = PostgresInventory;

/// How long a piece of work may take before its connection counts as dead: a server that vanished
/// from the network never says so. Longer than what the server itself allows.
const PATIENCE: Duration = Duration::from_secs(120);

/// The same for work that grows with the inventory.
const LONG_PATIENCE: Duration = Duration::from_secs(3600);

/// An inventory in a PostgreSQL database, for many replicas. Needs PostgreSQL 12 or later.
///
/// It keeps to a schema of its own, so that it can live in a database of the host's, and brings
/// that schema up to date when it is opened; of several that start together one does so and the
/// others wait. A pooler in front of the server must pool sessions, not transactions.
///
/// The time that counts is the database's, unless a clock is [given](PostgresOptions::with_clock):
/// it is read when an integration's lock is held, so that grants are in the order of their times
/// whichever replica asks. Machines' clocks need not agree.
#[derive(Clone)]
pub struct PostgresInventory {
    pool: PgPool,
    schema: Arc<str>,
    /// In place of the database's.
    clock: Option<Arc<dyn Clock>>,
}

impl PostgresInventory {
    /// Opens the inventory at `address`, as [`PostgresOptions::connect`] does by default.
    ///
    /// # Errors
    /// As with [`PostgresOptions::connect`].
    pub async fn connect(address: &str) -> Result<Self, InventoryError> {
        PostgresOptions::new().connect(address).await
    }

    /// Waits for what is under way and closes the connections. Every handle of this inventory is
    /// closed with it.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn write(&self, integration: &str) -> Stored<Write> {
        let mut transaction = self.begin().await?;
        sqlx::query("SELECT id FROM integration WHERE name = $1 FOR UPDATE")
            .bind(integration)
            .execute(&mut *transaction)
            .await?;
        self.stamped(transaction).await
    }

    /// For work that grows with the inventory.
    async fn write_at_length(&self, integration: &str) -> Stored<Write> {
        let mut write = self.write(integration).await?;
        sqlx::query("SET LOCAL statement_timeout = 0")
            .execute(write.connection())
            .await?;
        Ok(write)
    }

    /// Those who delete what is hidden take turns.
    async fn write_hidden(&self) -> Stored<Write> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "SELECT id FROM integration WHERE removed_at IS NOT NULL ORDER BY id FOR UPDATE",
        )
        .execute(&mut *transaction)
        .await?;
        self.stamped(transaction).await
    }

    async fn begin(&self) -> Stored<Transaction<'static, Postgres>> {
        // Each statement sees what was committed before it, and so all that was written under a
        // lock that was waited for. The database's default may be another.
        let begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
        Ok(self.pool.begin_with(begin).await?)
    }

    /// The time is read under the lock: the order of the times is that of the transactions.
    async fn stamped(&self, mut transaction: Transaction<'static, Postgres>) -> Stored<Write> {
        let now = self.now(&mut transaction).await?;
        Ok(Write { transaction, now })
    }

    const fn readers(&self) -> &PgPool {
        &self.pool
    }

    /// All that is read by it is of one moment.
    async fn snapshot(&self) -> Stored<Transaction<'static, Postgres>> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Ok(self.pool.begin_with(begin).await?)
    }

    async fn now(&self, connection: &mut PgConnection) -> Stored<Timestamp> {
        if let Some(clock) = &self.clock {
            return Ok(clock.now());
        }
        let microseconds: i64 = sqlx::query_scalar(
            "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)",
        )
        .fetch_one(connection)
        .await?;
        Ok(Timestamp::from_unix_nanos(
            microseconds.saturating_mul(1000),
        ))
    }
}

impl fmt::Debug for PostgresInventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresInventory")
            .field("schema", &self.schema)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

/// Whether the database gave the transaction up in favour of another: a deadlock or a conflict.
fn is_rolled_back(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code.starts_with("40"))
}

/// Does the work, unless it takes longer than any server that is there lets it.
async fn in_time<T>(work: impl Future<Output = Stored<T>> + Send) -> Stored<T> {
    within(PATIENCE, work).await
}

async fn at_length<T>(work: impl Future<Output = Stored<T>> + Send) -> Stored<T> {
    within(LONG_PATIENCE, work).await
}

async fn within<T>(patience: Duration, work: impl Future<Output = Stored<T>> + Send) -> Stored<T> {
    let done = tokio::time::timeout(patience, work).await;
    done.unwrap_or_else(|_| Err(ServerError::Silent.into()))
}

#[derive(Debug, thiserror::Error)]
enum ServerError {
    #[error("the server cannot be reached")]
    Unreachable { source: BoxError },
    #[error("the server does not answer")]
    Silent,
    #[error("the schema {schema:?} holds the tables of another application")]
    Foreign { schema: String },
}

impl From<ServerError> for StoreError {
    fn from(error: ServerError) -> Self {
        Self::Particular(error.into())
    }
}

impl From<ServerError> for InventoryError {
    fn from(error: ServerError) -> Self {
        StoreError::from(error).into()
    }
}
