//! Which inventory a command works on.

use std::sync::Arc;

use registry_intake::{
    error::ErrorCode,
    inventory::{self, IntegrationSummary, Inventory},
};

use crate::{
    arguments::Arguments,
    failure::{Explained, Failure, Words},
};

const DEFAULT: &str = "registry-intake.db";

/// Works on the inventory that the arguments name, which is made where it is missing.
pub(crate) async fn with<T>(
    arguments: &Arguments,
    work: impl AsyncFnOnce(&Arc<dyn Inventory>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let store = open(arguments).await?;
    let ended = work(&store).await;
    store.close().await;
    ended
}

/// The same for who only reads: no file is made, and there may be none.
pub(crate) async fn with_existing<T>(
    arguments: &Arguments,
    work: impl AsyncFnOnce(Option<&dyn Inventory>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let store = existing(arguments).await?;
    let ended = work(store.as_deref()).await;
    if let Some(store) = store {
        store.close().await;
    }
    ended
}

pub(crate) async fn existing(arguments: &Arguments) -> Result<Option<Arc<dyn Inventory>>, Failure> {
    Ok(inventory::open_existing(address(arguments)).await?)
}

pub(crate) async fn open(arguments: &Arguments) -> Result<Arc<dyn Inventory>, Failure> {
    Ok(inventory::open(address(arguments)).await?)
}

fn address(arguments: &Arguments) -> &str {
    arguments.inventory.as_deref().unwrap_or(DEFAULT)
}

pub(crate) fn missing() -> Failure {
    Failure::Error(Explained {
        code: Some(ErrorCode::InventoryUnavailable),
        words: Words::new(
            "there is no inventory yet",
            "Sync first, or give --inventory the path of an existing one.",
        ),
        chinese: Some(Words::new(
            "还没有镜像清单",
            "请先同步，或通过 --inventory 指定已有镜像清单的路径。",
        )),
    })
}

pub(crate) fn name_of(stored: &IntegrationSummary) -> &str {
    &stored.binding.integration
}
