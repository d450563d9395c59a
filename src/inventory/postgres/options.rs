use std::{sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions, Connection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;

use super::{PostgresInventory, ServerError, address, schema};
use crate::{clock::Clock, inventory::InventoryError};

/// How long a connection may take, also to become free.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What holds for each connection, whatever the server's defaults.
const SESSION: [(&str, &str); 4] = [
    // A committed claim survives a loss of power.
    ("synchronous_commit", "on"),
    // Of those who wait for a process that was frozen in the middle of a transaction.
    ("idle_in_transaction_session_timeout", "5s"),
    ("lock_timeout", "30s"),
    ("statement_timeout", "60s"),
];

/// How a [`PostgresInventory`] is opened.
///
/// ```no_run
/// # async fn f(address: &str) -> Result<(), registry_intake::inventory::InventoryError> {
/// use registry_intake::inventory::PostgresOptions;
///
/// let inventory = PostgresOptions::new()
///     .with_schema("scanner_intake")
///     .with_connections(16)
///     .connect(address)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    schema: String,
    connections: u32,
    clock: Option<Arc<dyn Clock>>,
}

impl PostgresOptions {
    /// The schema unless another is chosen.
    pub const DEFAULT_SCHEMA: &str = "registry_intake";

    /// The schema [`DEFAULT_SCHEMA`](Self::DEFAULT_SCHEMA), up to 8 connections, and the database's
    /// clock.
    #[must_use]
    pub fn new() -> Self {
        Self {
            schema: Self::DEFAULT_SCHEMA.to_owned(),
            connections: 8,
            clock: None,
        }
    }

    /// Keeps the inventory in this schema. Its name consists of small letters, digits and
    /// underscores.
    #[must_use]
    pub fn with_schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// Opens up to so many connections, at least one.
    #[must_use]
    pub const fn with_connections(mut self, connections: u32) -> Self {
        self.connections = if connections == 0 { 1 } else { connections };
        self
    }

    /// Counts by this clock in place of the database's. All that share the inventory should share
    /// the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Opens the inventory at `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, creates its schema
    /// where it is missing, and brings it up to date.
    ///
    /// A socket is given as `postgres:///DATABASE?host=/FOLDER`. Further parameters are `sslmode`
    /// (`disable`, `allow`, `prefer`, which is the default, `require`, `verify-ca` and
    /// `verify-full`), `sslrootcert`, `sslcert`, `sslkey`, `hostaddr`, `port`, `user`, `password`,
    /// `dbname` and `application_name`, as for PostgreSQL's own programs. What the address leaves
    /// out comes from their environment variables (`PGPASSWORD` and the like) and `~/.pgpass`. No
    /// error or log shows the address.
    ///
    /// # Errors
    /// [`InventoryError::InvalidAddress`]; [`InventoryError::SchemaTooNew`];
    /// [`InventoryError::Unavailable`] where the server cannot be reached or refuses the user, or
    /// the schema holds the tables of another application.
    pub async fn connect(self, address: &str) -> Result<PostgresInventory, InventoryError> {
        let invalid = |source| InventoryError::InvalidAddress { source };
        let options = address::parse(address).map_err(|fault| invalid(fault.into()))?;
        if !schema::is_name(&self.schema) {
            return Err(invalid(address::Fault::Schema.into()));
        }
        let options = options
            .options(SESSION)
            .options([("search_path", &self.schema)])
            .disable_statement_logging();
        answers(&options).await?;
        let pool = PgPoolOptions::new()
            .max_connections(self.connections)
            .acquire_timeout(CONNECT_TIMEOUT)
            .connect_lazy_with(options);
        let inventory = PostgresInventory {
            pool,
            schema: self.schema.into(),
            clock: self.clock,
        };
        inventory.bring_up_to_date().await?;
        Ok(inventory)
    }
}

/// Tries a connection by itself, since the pool would tell no more than that it has none.
async fn answers(options: &PgConnectOptions) -> Result<(), ServerError> {
    let connecting = async { options.connect().await?.close().await };
    let Ok(connected) = timeout(CONNECT_TIMEOUT, connecting).await else {
        return Err(ServerError::Silent);
    };
    connected.map_err(|error| ServerError::Unreachable {
        source: error.into(),
    })
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self::new()
    }
}
