//! Processes that die in the middle of a run.

use std::{
    future::pending,
    sync::atomic::{AtomicU64, Ordering},
};

use super::*;
use crate::inventory::guarded::{Passage, inventory_by_passage};

/// Where a process dies.
#[derive(Debug, Clone, Copy)]
pub(super) enum Death {
    /// Before its n-th write, counted from 1.
    Before(u64),
    /// When its n-th write is done, before it hears so.
    After(u64),
    /// With everything read and nothing ended.
    AtTheEnd,
}

#[derive(Debug)]
struct Mortal {
    inner: Arc<dyn Inventory>,
    writes: AtomicU64,
    death: Death,
    dead: Notify,
}

inventory_by_passage!(Mortal);

impl Passage for Mortal {
    fn inner(&self) -> &dyn Inventory {
        &*self.inner
    }

    async fn pass<T: Send>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, InventoryError>> + Send,
    ) -> Result<T, InventoryError> {
        if ["integrations", "is_bound", "images"].contains(&method) {
            return call.await;
        }
        let number = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        match self.death {
            Death::Before(at) if at == number => {}
            Death::After(at) if at == number => {
                call.await.unwrap();
            }
            Death::AtTheEnd if method == "finish_run" => {}
            _ => return call.await,
        }
        self.dead.notify_one();
        pending().await
    }
}

/// Whether a run so configured died there; else it was complete.
pub(super) async fn dies(
    stage: &Stage,
    death: Death,
    configured: impl FnOnce(InventorySync) -> InventorySync,
) -> bool {
    dies_as(stage, as_admin(&stage.harbor), death, configured).await
}

/// The same with another account or connection.
pub(super) async fn dies_as(
    stage: &Stage,
    config: IntegrationConfigBuilder,
    death: Death,
    configured: impl FnOnce(InventorySync) -> InventorySync,
) -> bool {
    dies_in(&stage.inventory, death, |inventory| {
        configured(stage.sync_to(config, inventory))
    })
    .await
}

/// The same of any registry, by a run that writes to what it is given.
pub(super) async fn dies_in(
    inventory: &Arc<dyn Inventory>,
    death: Death,
    sync: impl FnOnce(Arc<dyn Inventory>) -> InventorySync,
) -> bool {
    let mortal = Arc::new(Mortal {
        inner: Arc::clone(inventory),
        writes: AtomicU64::new(0),
        death,
        dead: Notify::new(),
    });
    let sync = sync(Arc::<Mortal>::clone(&mortal));
    match select(pin!(mortal.dead.notified()), pin!(sync.run())).await {
        Either::Left(_) => true,
        Either::Right((report, _)) => {
            assert!(report.unwrap().is_successful());
            false
        }
    }
}
