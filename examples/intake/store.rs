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
    let store = existing(arguments).await?;
    let ended = work(store.as_ref()).await;
    if let Some(store) = store {
        store.close().await;
    }
    ended
}

pub(crate) async fn existing(arguments: &Arguments) -> Result<Option<SqliteInventory>, Failure> {
    match place(arguments)? {
        MEMORY => Ok(None),
        path if !Path::new(path).exists() => Ok(None),
        _ => open(arguments).await.map(Some),
    }
}

pub(crate) async fn open(arguments: &Arguments) -> Result<SqliteInventory, Failure> {
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
    if let Some((scheme, _)) = place.split_once("://") {
        return Err(not_supported(format!(
            "this version keeps no inventory at {scheme:?}"
        )));
    }
    // A plain path may have a question mark in its name.
    if place != given && place.contains('?') {
        let message = "the inventory's URL has a query, which would become part of the file's name";
        return Err(not_supported(message.to_owned()));
    }
    Ok(place)
}

fn not_supported(message: String) -> Failure {
    Failure::Error(Explained {
        code: Some(ErrorCode::NotSupported),
        message,
        remedy: Some("Give the path of an SQLite file alone, or :memory:.".to_owned()),
    })
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
