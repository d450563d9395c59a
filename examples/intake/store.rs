//! Which inventory a command works on.

use std::path::Path;

use registry_intake::{
    clock::SystemClock,
    error::ErrorCode,
    inventory::{IntegrationSummary, SqliteInventory},
};

use crate::{
    arguments::Arguments,
    failure::{Explained, Failure},
};

const DEFAULT: &str = "registry-intake.db";
const MEMORY: &str = ":memory:";

/// Works on the inventory that the arguments name, which is made where it is missing.
pub(crate) async fn with<T>(
    arguments: &Arguments,
    work: impl AsyncFnOnce(&SqliteInventory) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let store = open(arguments).await?;
    let ended = work(&store).await;
    store.close().await;
    ended
}

/// The same for who only reads: nothing is made, and there may be none.
pub(crate) async fn with_existing<T>(
    arguments: &Arguments,
    work: impl AsyncFnOnce(Option<&SqliteInventory>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    match place(arguments)? {
        MEMORY => work(None).await,
        path if !Path::new(path).exists() => work(None).await,
        _ => with(arguments, async |store| work(Some(store)).await).await,
    }
}

async fn open(arguments: &Arguments) -> Result<SqliteInventory, Failure> {
    let clock = SystemClock::shared();
    Ok(match place(arguments)? {
        MEMORY => SqliteInventory::in_memory(clock).await?,
        path => SqliteInventory::open(path, clock).await?,
    })
}

/// A path, or [`MEMORY`]. No message shows a URL, which may hold a password.
fn place(arguments: &Arguments) -> Result<&str, Failure> {
    let given = arguments.inventory.as_deref().unwrap_or(DEFAULT);
    let place = given
        .strip_prefix("sqlite://")
        .or_else(|| given.strip_prefix("sqlite:"))
        .unwrap_or(given);
    match place.split_once("://") {
        Some((scheme, _)) => Err(Failure::Error(Explained {
            code: Some(ErrorCode::NotSupported),
            message: format!("this version keeps no inventory at {scheme:?}"),
            remedy: Some("Give the path of an SQLite file, or :memory:.".to_owned()),
        })),
        None => Ok(place),
    }
}

pub(crate) fn missing() -> Failure {
    Failure::Error(Explained {
        code: Some(ErrorCode::InventoryUnavailable),
        message: "there is no inventory yet".to_owned(),
        remedy: Some("Sync first, or give --inventory the path of an existing one.".to_owned()),
    })
}

pub(crate) fn name_of(stored: &IntegrationSummary) -> &str {
    &stored.binding.integration
}
