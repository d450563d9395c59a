//! An incremental run and a full one, side by side.

use std::{fmt, sync::Arc, time::Instant};

use registry_intake::{
    clock::SystemClock,
    inventory::{Inventory, RunKind, RunReport, SqliteInventory},
    sync::{InventorySync, SyncEvent},
};
use tempfile::TempDir;

use crate::registry::Registry;

/// What a run takes.
pub(crate) struct Taken {
    pub(crate) requests: u64,
    report: RunReport,
    pages: u64,
    seconds: f64,
}

/// A round of changes and what became of them.
pub(crate) struct Round {
    /// How many repositories had the changes.
    changed: u64,
    /// The most requests that the incremental run may send.
    pub(crate) allowed: u64,
    pub(crate) incremental: Taken,
    full: Taken,
}

impl Round {
    /// How many times as long as the incremental run the full one takes.
    pub(crate) fn ratio(&self) -> f64 {
        self.full.seconds / self.incremental.seconds
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            changed,
            allowed,
            incremental,
            full,
        } = self;
        write!(
            f,
            "{changed} | {} ({allowed}) | {} | {} | {} | {} | {} | {:.1} times as long",
            incremental.requests,
            full.requests,
            incremental.report.listed,
            full.report.listed,
            incremental.pages,
            full.pages,
            self.ratio(),
        )
    }
}

/// A registry that was synced once.
pub(crate) struct Subject<'a> {
    registry: &'a Registry,
    sync: InventorySync,
    _folder: TempDir,
}

impl<'a> Subject<'a> {
    pub(crate) async fn synced(registry: &'a Registry) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let inventory =
            SqliteInventory::open(folder.path().join("inventory"), SystemClock::shared());
        let inventory: Arc<dyn Inventory> = Arc::new(inventory.await.unwrap());
        let subject = Self {
            registry,
            sync: InventorySync::new("bench", registry.connector(), inventory),
            _folder: folder,
        };
        assert!(subject.run(RunKind::Full).await.report.is_complete());
        subject
    }

    /// So many changes in so many repositories have happened.
    pub(crate) async fn round(&self, changes: u64, changed: u64) -> Round {
        let incremental = self.run(RunKind::Incremental).await;
        let full = self.run(RunKind::Full).await;
        let found = &incremental.report;
        assert_eq!(found.kind, RunKind::Incremental);
        assert!(found.is_successful(), "{found:?}");
        assert_eq!((found.new, found.changed), (changes, 0));
        // What is new is known already, and nothing else has changed.
        let proved = &full.report;
        assert!(proved.is_complete(), "{proved:?}");
        assert_eq!((proved.new, proved.changed, proved.gone), (0, 0, 0));
        Round {
            changed,
            allowed: self.registry.allowed(changes, changed),
            incremental,
            full,
        }
    }

    async fn run(&self, kind: RunKind) -> Taken {
        self.registry.answered();
        let sync = self.sync.clone().with_kind(kind);
        let (mut pages, begun) = (0, Instant::now());
        let report = sync.run_observed(|event| {
            pages += u64::from(matches!(event, SyncEvent::Page { .. }));
        });
        let report = report.await.unwrap();
        let seconds = begun.elapsed().as_secs_f64();
        let requests = self.registry.answered();
        assert_eq!(report.requests, requests);
        Taken {
            requests,
            report,
            pages,
            seconds,
        }
    }
}
