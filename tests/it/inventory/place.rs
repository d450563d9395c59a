use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use registry_intake::{
    clock::{Clock, SystemClock},
    inventory::{Inventory, PostgresOptions, SqliteInventory},
};
use tempfile::TempDir;

use crate::postgres_server::{address, new_schema};

/// Where an inventory is kept that several handles and processes open.
#[derive(Debug)]
pub(crate) enum Place {
    File {
        path: PathBuf,
        /// Removed with it, where it was made for it.
        _folder: Option<TempDir>,
    },
    Schema {
        name: String,
        address: String,
    },
}

const PLACE: &str = "REGISTRY_INTAKE_TEST_INVENTORY";
const SCHEMA: &str = "REGISTRY_INTAKE_TEST_SCHEMA";

impl Place {
    pub(crate) fn file() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        Some(Self::File {
            path: folder.path().join("inventory.db"),
            _folder: Some(folder),
        })
    }

    pub(crate) fn at(file: &Path) -> Self {
        Self::File {
            path: file.to_owned(),
            _folder: None,
        }
    }

    /// None where PostgreSQL is not installed.
    pub(crate) fn schema() -> Option<Self> {
        Some(Self::Schema {
            name: new_schema(),
            address: address()?.to_owned(),
        })
    }

    /// Where the process that started this one works.
    pub(crate) fn of_parent() -> Option<Self> {
        let place = env::var(PLACE).ok()?;
        Some(match env::var(SCHEMA) {
            Ok(name) => Self::Schema {
                name,
                address: place,
            },
            Err(_) => Self::at(Path::new(&place)),
        })
    }

    /// The module of its tests.
    pub(crate) const fn store(&self) -> &'static str {
        match self {
            Self::File { .. } => "sqlite",
            Self::Schema { .. } => "postgres",
        }
    }

    /// How many processes are to share it.
    pub(crate) const fn processes(&self) -> usize {
        match self {
            Self::File { .. } => 3,
            Self::Schema { .. } => 4,
        }
    }

    /// What tells a child process of it.
    pub(crate) fn variables(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::File { path, .. } => vec![(PLACE, path.to_str().unwrap())],
            Self::Schema { name, address } => vec![(PLACE, address), (SCHEMA, name)],
        }
    }

    pub(crate) async fn open_at(&self, clock: Arc<dyn Clock>) -> Arc<dyn Inventory> {
        match self {
            Self::File { path, .. } => Arc::new(SqliteInventory::open(path, clock).await.unwrap()),
            Self::Schema { name, address } => {
                let options = PostgresOptions::new().with_schema(name).with_clock(clock);
                Arc::new(options.connect(address).await.unwrap())
            }
        }
    }

    /// By the clock that counts where nobody gives another.
    pub(crate) async fn open(&self) -> Arc<dyn Inventory> {
        match self {
            Self::File { .. } => self.open_at(SystemClock::shared()).await,
            Self::Schema { name, address } => {
                let options = PostgresOptions::new().with_schema(name);
                Arc::new(options.connect(address).await.unwrap())
            }
        }
    }

    /// The one value that a statement tells, as text.
    pub(crate) async fn query(&self, statement: &'static str) -> String {
        match self {
            Self::File { path, .. } => super::sqlite::query(path, statement).await,
            Self::Schema { name, address } => {
                super::postgres::query(address, name, statement).await
            }
        }
    }
}

/// Runs each test on every kind of store, as `sqlite::test` and `postgres::test`, and those behind
/// `postgres` there alone.
macro_rules! on_every_store {
    (
        $(#[$attribute:meta] $test:ident,)+
        $(postgres: $(#[$of_its_own:meta] $its_own:ident,)+)?
    ) => {
        on_every_store!(@on sqlite file; $(#[$attribute] $test,)+);
        on_every_store!(
            @on postgres schema; $(#[$attribute] $test,)+ $($(#[$of_its_own] $its_own,)+)?
        );
    };
    (@on $store:ident $place:ident; $(#[$attribute:meta] $test:ident,)+) => {
        mod $store {
            $(
                #[$attribute]
                async fn $test() {
                    use $crate::inventory::place::Place;
                    if let Some(place) = Place::of_parent().or_else(Place::$place) {
                        super::$test(place).await;
                    }
                }
            )+
        }
    };
}
