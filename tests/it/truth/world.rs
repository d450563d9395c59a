//! A registry, its inventory, and who syncs one into the other.

use std::{
    collections::BTreeSet,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::future::{Either, select};
use registry_intake::{
    clock::{Clock, ManualClock, Timestamp},
    connector::RegistryConnector,
    inventory::{ImageState, Inventory, RunKind, RunReport, SqliteInventory},
    simulator::{Action, Fault},
    sync::InventorySync,
};
use tokio::sync::Notify;

use super::{
    Run, Step,
    registry::{Registry, Shown, Subject},
    tally::{Happening, Tally},
};

const NAME: &str = "prod";

/// Repository and digest.
type Place = (String, String);

/// The registry of the moment, its inventory, and who syncs one into the other.
pub(super) struct World {
    subject: Subject,
    registry: Registry,
    clock: ManualClock,
    connector: Arc<dyn RegistryConnector>,
    inventory: Arc<dyn Inventory>,
    tally: Arc<Tally>,
    /// How many complete runs in a row have found the registry as it is now.
    proved: u32,
    /// How the last complete run listed.
    strategy: Option<&'static str>,
    /// What the registry held when the run began that has not ended, and what of it is there still.
    unfinished: Option<(BTreeSet<Shown>, BTreeSet<Place>)>,
}

impl World {
    pub(super) async fn new(subject: Subject, tally: Arc<Tally>) -> Self {
        let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
        let inventory = SqliteInventory::in_memory(Arc::new(clock.clone()));
        let inventory = inventory.await.unwrap();
        let registry = Registry::empty(subject, Arc::new(clock.clone())).await;
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        Self {
            connector: registry.connector(subject, &shared),
            subject,
            registry,
            clock,
            inventory: Arc::new(inventory),
            tally,
            proved: 0,
            strategy: None,
            unfinished: None,
        }
    }

    pub(super) async fn take(&mut self, step: &Step) {
        match step {
            Step::Changes(changes) => {
                for change in changes {
                    self.registry.change(change, &self.tally);
                    let now = places(&self.registry.shown());
                    if let Some((_, there)) = &mut self.unfinished {
                        there.retain(|place| now.contains(place));
                    }
                }
                self.proved = 0;
            }
            Step::Become(release) => {
                // It stands under another address, and what was missed once counts no more.
                self.proved = 0;
                let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
                self.registry = self.registry.moved(*release, Arc::clone(&clock)).await;
                self.connector = self.registry.connector(self.subject, &clock);
            }
            Step::Run(run) => self.run(run).await,
        }
    }

    pub(super) async fn run(&mut self, run: &Run) {
        if let Some((action, nth)) = &run.fault {
            let fault = Fault::new(action.clone()).nth(*nth);
            let fault = match action {
                Action::Shrink(_) => fault.on_path(self.registry.proved_list()),
                _ => fault,
            };
            self.registry.faults().arm(fault);
        }
        let struck = self.registry.faults().struck();
        if let Some((change, nth)) = run.change.clone() {
            let due = self.registry.log().total() + nth;
            let tally = Arc::clone(&self.tally);
            self.registry.change_before(due, change, tally);
        }
        let now = self.registry.shown();
        let there = places(&now);
        let (before, mut there) = self.unfinished.take().unwrap_or((now, there));
        let gone_before = self.gone().await;
        let report = self.sync(run).await;
        self.registry.rest();
        self.registry.faults().clear();
        if let Some((action, _)) = &run.fault {
            let happening = match action {
                Action::StripCredentials => Happening::CredentialStrip,
                _ => Happening::Fault,
            };
            let struck = self.registry.faults().struck() - struck;
            self.tally.count(happening, struck);
        }

        let after = self.registry.shown();
        let now = places(&after);
        there.retain(|place| now.contains(place));
        let lost: Vec<_> = self
            .gone()
            .await
            .into_iter()
            .filter(|place| there.contains(place) && !gone_before.contains(place))
            .collect();
        assert!(
            lost.is_empty(),
            "gone though there throughout: {lost:?}, {report:?}"
        );

        let Some(report) = report else {
            self.tally.count(Happening::Kill, 1);
            // Its lease ends before the next one begins.
            self.clock.advance(InventorySync::LEASE * 2);
            self.unfinished = Some((before, there));
            self.proved = 0;
            return;
        };
        self.tally
            .count(Happening::TakeOver, u64::from(report.takeovers > 0));
        if report.is_complete() {
            let strategy = Some(self.registry.strategy());
            let is_changed = self.strategy.is_some() && self.strategy != strategy;
            self.tally
                .count(Happening::StrategyChange, u64::from(is_changed));
            self.strategy = strategy;
        }
        let is_true = report.is_complete() && before == after;
        self.proved = if is_true { self.proved + 1 } else { 0 };
        // Only an administrator of Harbor sees totals: for others, and where much is missing, that is
        // gone once two complete runs have missed it.
        let sees_totals = self.subject == Subject::HarborForAdministrator;
        let is_settled = sees_totals && report.held == 0;
        if self.proved >= if is_settled { 1 } else { 2 } {
            self.tally.count(Happening::Comparison, 1);
            assert_eq!(self.live().await, after, "{report:?}");
        } else if is_true {
            assert!(self.live().await.is_superset(&after), "{report:?}");
        }
    }

    /// Once nothing fails or changes any more, inventory and registry are the same.
    pub(super) async fn end(&mut self) {
        let run = Run {
            kind: RunKind::Full,
            fault: None,
            change: None,
            killed_after: None,
        };
        self.proved = 0;
        for _ in 0..4 {
            self.run(&run).await;
        }
        assert!(self.proved >= 2, "{} complete runs", self.proved);
    }

    async fn sync(&self, run: &Run) -> Option<RunReport> {
        let (connector, inventory) = (Arc::clone(&self.connector), Arc::clone(&self.inventory));
        let sync = InventorySync::new(NAME, connector, inventory)
            .with_kind(run.kind)
            .rehoming();
        let (told, enough) = (AtomicU64::new(0), Notify::new());
        let syncing = sync.run_observed(|_| {
            if Some(told.fetch_add(1, Ordering::Relaxed) + 1) == run.killed_after {
                enough.notify_one();
            }
        });
        match select(pin!(syncing), pin!(enough.notified())).await {
            Either::Left((report, _)) => Some(report.unwrap()),
            Either::Right(_) => None,
        }
    }

    async fn live(&self) -> BTreeSet<Shown> {
        let stored = self.inventory.images(NAME, None, 1000).await.unwrap();
        let live = stored
            .into_iter()
            .filter(|stored| stored.state != ImageState::Gone);
        live.map(|stored| {
            let tags = stored.image.tags.iter().map(|tag| tag.name.to_string());
            let (repository, digest) = (&stored.image.repository, &stored.image.digest);
            (repository.to_string(), digest.to_string(), tags.collect())
        })
        .collect()
    }

    async fn gone(&self) -> BTreeSet<Place> {
        let stored = self.inventory.images(NAME, None, 1000).await.unwrap();
        let gone = stored
            .into_iter()
            .filter(|stored| stored.state == ImageState::Gone);
        gone.map(|stored| {
            (
                stored.image.repository.to_string(),
                stored.image.digest.to_string(),
            )
        })
        .collect()
    }
}

fn places(shown: &BTreeSet<Shown>) -> BTreeSet<Place> {
    let places = shown.iter();
    places
        .map(|(repository, digest, _)| (repository.clone(), digest.clone()))
        .collect()
}
