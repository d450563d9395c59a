//! The stores, each with room for inventories of their own.

use std::{fmt, sync::Arc, time::Duration};

use registry_intake::{
    clock::SystemClock,
    image::RegistryKind,
    inventory::{
        Binding, Inventory, PostgresOptions, RunKind, RunRequest, RunStart, RunTicket,
        SqliteInventory,
    },
};
use tempfile::TempDir;

use crate::{bare::Bare, postgres_server};

pub(crate) const INTEGRATION: &str = "bench";

/// Where inventories are made.
pub(crate) enum Store {
    Sqlite(TempDir),
    /// Its server does not wait for the disk, which takes the longer the slower that is.
    Postgres(&'static str),
}

impl Store {
    pub(crate) fn installed() -> Vec<Self> {
        let sqlite = Self::Sqlite(tempfile::tempdir().unwrap());
        let postgres = postgres_server::address().map(Self::Postgres);
        [sqlite].into_iter().chain(postgres).collect()
    }

    /// A new inventory of this name, with an integration that is bound.
    pub(crate) async fn inventory(&self, name: &str) -> Arc<dyn Inventory> {
        let inventory: Arc<dyn Inventory> = match self {
            Self::Sqlite(folder) => {
                let file = folder.path().join(name);
                let opened = SqliteInventory::open(file, SystemClock::shared()).await;
                Arc::new(opened.unwrap())
            }
            Self::Postgres(address) => {
                let options = PostgresOptions::new().with_schema(name);
                Arc::new(options.connect(address).await.unwrap())
            }
        };
        let binding = Binding {
            integration: INTEGRATION.to_owned(),
            kind: RegistryKind::HarborV2,
            registry: "registry.example.com".to_owned(),
        };
        inventory.bind(&binding).await.unwrap();
        inventory
    }

    /// A new table for a bare statement.
    pub(crate) async fn bare(&self) -> Bare {
        match self {
            Self::Sqlite(folder) => Bare::sqlite(&folder.path().join("bare")).await,
            Self::Postgres(address) => Bare::postgres(address).await,
        }
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        })
    }
}

/// A new run of the integration.
pub(crate) async fn begin(inventory: &dyn Inventory) -> RunTicket {
    let request = RunRequest {
        integration: INTEGRATION,
        kind: RunKind::Full,
        lease: Duration::from_secs(600),
        start: RunStart::Anew,
        mark: None,
    };
    inventory.begin_run(&request).await.unwrap().ticket
}
