use std::{path::Path, sync::Arc};

#[cfg(feature = "postgres")]
use super::PostgresInventory;
#[cfg(feature = "sqlite")]
use super::SqliteInventory;
use super::{Inventory, InventoryError};
#[cfg(feature = "sqlite")]
use crate::clock::SystemClock;

const MEMORY: &str = ":memory:";

/// Opens the inventory at an address, and creates it where it is missing. What a program does with
/// it does not depend on the address:
///
/// | address | inventory | feature |
/// |---|---|---|
/// | `inventory.db`, `sqlite:inventory.db` | one file, for one machine | `sqlite` |
/// | `:memory:` | ends with its last handle | `sqlite` |
/// | `postgres://USER:PASSWORD@HOST/DATABASE` | for many machines; [`PostgresOptions::connect`](super::PostgresOptions::connect) has it all | `postgres` |
///
/// # Errors
/// [`InventoryError::InvalidAddress`], [`InventoryError::FeatureMissing`];
/// [`InventoryError::SchemaTooNew`] and [`InventoryError::Unavailable`] as the inventory itself
/// gives them.
pub async fn open(address: &str) -> Result<Arc<dyn Inventory>, InventoryError> {
    match Place::of(address)? {
        #[cfg(feature = "sqlite")]
        Place::Memory => Ok(Arc::new(
            SqliteInventory::in_memory(SystemClock::shared()).await?,
        )),
        #[cfg(feature = "sqlite")]
        Place::File(path) => Ok(Arc::new(
            SqliteInventory::open(path, SystemClock::shared()).await?,
        )),
        #[cfg(not(feature = "sqlite"))]
        Place::Memory | Place::File(_) => Err(InventoryError::FeatureMissing { feature: "sqlite" }),
        #[cfg(feature = "postgres")]
        Place::Server(address) => Ok(Arc::new(PostgresInventory::connect(address).await?)),
        #[cfg(not(feature = "postgres"))]
        Place::Server(_) => Err(InventoryError::FeatureMissing {
            feature: "postgres",
        }),
    }
}

/// The same for who only reads: a missing file is not created, and there is nothing to be read in
/// memory.
///
/// # Errors
/// As with [`open`].
pub async fn open_existing(address: &str) -> Result<Option<Arc<dyn Inventory>>, InventoryError> {
    match Place::of(address)? {
        Place::Memory => Ok(None),
        Place::File(path) if !Path::new(path).exists() => Ok(None),
        _ => open(address).await.map(Some),
    }
}

#[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
enum Place<'a> {
    Memory,
    File(&'a str),
    Server(#[cfg_attr(not(feature = "postgres"), allow(dead_code))] &'a str),
}

impl<'a> Place<'a> {
    fn of(address: &'a str) -> Result<Self, InventoryError> {
        let file = address
            .strip_prefix("sqlite://")
            .or_else(|| address.strip_prefix("sqlite:"));
        let scheme = address.split_once("://").map(|(scheme, _)| scheme);
        match (file, scheme) {
            // A plain path may have a question mark in its name.
            (Some(file), _) if file.contains('?') => Err(Fault::Query.into()),
            (Some(MEMORY), _) => Ok(Self::Memory),
            (None, _) if address == MEMORY => Ok(Self::Memory),
            (Some(file), _) => Ok(Self::File(file)),
            (None, None) => Ok(Self::File(address)),
            (None, Some("postgres" | "postgresql")) => Ok(Self::Server(address)),
            (None, Some(scheme)) => {
                let scheme = scheme.to_owned();
                Err(Fault::Scheme { scheme }.into())
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("it has a query, which would become part of the file's name")]
    Query,
    #[error("no inventory is kept at {scheme:?}")]
    Scheme { scheme: String },
}

impl From<Fault> for InventoryError {
    fn from(fault: Fault) -> Self {
        Self::InvalidAddress {
            source: fault.into(),
        }
    }
}
