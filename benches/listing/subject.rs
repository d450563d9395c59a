//! One subject, measured in a process of its own.

use std::{fs, path::Path, sync::Arc};

use dhat::{HeapStats, Profiler};
use futures_util::StreamExt;
use registry_intake::{
    clock::SystemClock,
    connector::{ListingEvent, RegistryConnector, RequestCount, list},
    inventory::SqliteInventory,
    sync::InventorySync,
};
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;

use crate::registry::{as_admin, connector};

pub(crate) const ROLE: &str = "measure";

pub(crate) const SUBJECTS: [&str; 2] = ["list", "sync"];

/// What a step of a subject took.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Taken {
    pub(crate) step: String,
    /// The images that it was about.
    pub(crate) images: u64,
    /// How often memory was allocated.
    pub(crate) allocations: u64,
    /// The most bytes that were allocated at one time.
    pub(crate) peak: usize,
}

/// What was taken by a subject's steps, in order.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) steps: Vec<Taken>,
    /// The most kilobytes that were resident before anything was counted: what SQLite allocates
    /// is in it.
    pub(crate) resident: Option<u64>,
}

/// Prints what the subject takes, as JSON.
pub(crate) fn measure(subject: &str, port: u16) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let measured = runtime.block_on(async {
        let connector = connector(port, as_admin);
        match subject {
            "list" => {
                listed(&connector).await;
                let resident = resident();
                let steps = vec![counted("list", listed(&connector)).await];
                Measured { steps, resident }
            }
            "sync" => {
                let folder = tempfile::tempdir().unwrap();
                let sync = sync(&connector, &folder.path().join("resident")).await;
                synced(&sync).await;
                synced(&sync).await;
                let resident = resident();
                let sync = self::sync(&connector, &folder.path().join("counted")).await;
                let steps = vec![
                    counted("first sync", synced(&sync)).await,
                    counted("next sync", synced(&sync)).await,
                ];
                Measured { steps, resident }
            }
            other => panic!("no such subject: {other}"),
        }
    });
    println!("{}", serde_json::to_string(&measured).unwrap());
}

async fn counted(step: &str, work: impl Future<Output = u64>) -> Taken {
    let profiler = Profiler::builder()
        .testing()
        .trim_backtraces(Some(4))
        .build();
    let images = work.await;
    let stats = HeapStats::get();
    drop(profiler);
    Taken {
        step: step.to_owned(),
        images,
        allocations: stats.total_blocks,
        peak: stats.max_bytes,
    }
}

async fn listed(connector: &Arc<dyn RegistryConnector>) -> u64 {
    let mut events = list(Arc::clone(connector), RequestCount::new());
    let mut seen = 0;
    while let Some(event) = events.next().await {
        match event.unwrap() {
            ListingEvent::Page { images, .. } => seen += images.len() as u64,
            ListingEvent::Finished(proof) => assert!(proof.is_complete()),
            _ => {}
        }
    }
    seen
}

async fn sync(connector: &Arc<dyn RegistryConnector>, file: &Path) -> InventorySync {
    let inventory = SqliteInventory::open(file, SystemClock::shared())
        .await
        .unwrap();
    InventorySync::new("bench", Arc::clone(connector), Arc::new(inventory))
}

async fn synced(sync: &InventorySync) -> u64 {
    let report = sync.run().await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    report.listed
}

/// Of this process, in kilobytes; told by Linux alone.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
