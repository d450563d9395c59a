use std::{panic::AssertUnwindSafe, pin::pin};

use futures_util::{
    FutureExt,
    future::{Either, select},
};

use super::{ImageIngester, patience::Abandon, sink::panicked};
use crate::{
    error::BoxError,
    inventory::{Change, InventoryError},
};

/// What became of the oldest change that the sink has not been told.
pub(super) enum Told {
    /// There is none.
    Nothing,
    /// The sink took it, and it is forgotten.
    Change(Change),
    /// The sink failed.
    Refused(Change, BoxError),
    /// The inventory failed.
    Failed(InventoryError),
    /// The sink had not answered when it was told to stop.
    Abandoned,
}

/// Tells the sink the oldest change.
pub(super) async fn tell(ingester: &ImageIngester, abandon: Abandon) -> Told {
    let ImageIngester {
        integration,
        inventory,
        sink,
        ..
    } = ingester;
    let change = match inventory.changes(integration, 1).await {
        Ok(changes) => match changes.into_iter().next() {
            Some(change) => change,
            None => return Told::Nothing,
        },
        Err(error) => return Told::Failed(error),
    };
    let told = change.clone();
    let telling = AssertUnwindSafe(async move { sink.changed(told).await }).catch_unwind();
    match select(pin!(telling), pin!(abandon.told())).await {
        Either::Left((Ok(Ok(())), _)) => {}
        Either::Left((Ok(Err(error)), _)) => return Told::Refused(change, error),
        Either::Left((Err(panic), _)) => return Told::Refused(change, panicked(&*panic).into()),
        Either::Right(_) => return Told::Abandoned,
    }
    let forgotten = abandon.insist(&*ingester.clock, ingester.lease, || {
        inventory.changes_told(integration, change.sequence)
    });
    match forgotten.await {
        Ok(()) => Told::Change(change),
        Err(error) => Told::Failed(error),
    }
}
