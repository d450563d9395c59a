//! Processes that sync and ingest one integration together, on PostgreSQL and on a file: one of them
//! dies, another is frozen for longer than its leases last.

use std::{
    collections::BTreeSet, num::NonZeroU32, path::PathBuf, process::Command, sync::Arc,
    time::Duration,
};

use registry_intake::{
    clock::{Clock, SystemClock},
    image::Digest,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::Child,
    sync::mpsc,
};

use crate::{
    inventory::{place::Place, processes::assert_sound},
    kills::{
        audit::audit_ingestion,
        child::{self, Orders},
        clock::FastClock,
        ledger::{Entry, Ledger},
        points::{self, FROZEN, TOO_LATE},
        registry::{REFUSED, Registry, SLOW},
    },
};

on_every_store! {
    #[tokio::test] replicas_that_spread_outlive_a_death_and_a_freeze,
    #[tokio::test] replicas_that_burst_outlive_a_death_and_a_freeze,
}

async fn replicas_that_spread_outlive_a_death_and_a_freeze(place: Place) {
    let test = "replicas_that_spread_outlive_a_death_and_a_freeze";
    outlive_a_death_and_a_freeze(test, place, false).await;
}

async fn replicas_that_burst_outlive_a_death_and_a_freeze(place: Place) {
    let test = "replicas_that_burst_outlive_a_death_and_a_freeze";
    outlive_a_death_and_a_freeze(test, place, true).await;
}

async fn outlive_a_death_and_a_freeze(test: &'static str, place: Place, at_once: bool) {
    if let Some(place) = Place::of_parent() {
        return child::live(place).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut registry = Registry::start().await;
    for _ in 0..50 {
        registry.push("plain-");
    }
    registry.push(SLOW);
    registry.push(REFUSED);
    let healthy = Orders {
        harbor: registry.harbor.address(),
        ledger: folder.path().join("ledger"),
        began: SystemClock::new().now(),
        per_hour: NonZeroU32::new(30).unwrap(),
        at_once,
        run_lease: Duration::from_secs(1200),
        rest: Duration::from_secs(1800),
        poll: Duration::from_secs(200),
        hang_at: None,
        freezes: false,
        is_last: false,
    };
    let mut replicas = Replicas::new(test, &place, healthy.ledger.clone());

    let frozen = replicas.start(&Orders {
        freezes: true,
        ..healthy.clone()
    });
    replicas.until(|_, heard| heard == (frozen, FROZEN)).await;
    replicas.signal(frozen, "-STOP");
    let fatal = "in hand-over";
    let doomed = replicas.start(&Orders {
        hang_at: Some((fatal.to_owned(), 1)),
        ..healthy.clone()
    });
    for _ in 2..place.processes() {
        replicas.start(&healthy);
    }
    replicas.until(|_, heard| heard == (doomed, fatal)).await;
    replicas.kill(doomed).await;
    replicas.start(&healthy);

    // What was in the hands of both passes on, and so does the run.
    let passed_on = |entries: &[Entry], from: u32| {
        let in_hand = left_in_hand(entries, from);
        assert_eq!(in_hand.len(), 1, "{in_hand:?}");
        let others = acknowledged(entries).filter(|(_, by)| *by != from);
        in_hand.is_subset(&others.map(|(digest, _)| digest).collect())
    };
    let (frozen_id, doomed_id) = (replicas.id(frozen), replicas.id(doomed));
    replicas
        .until(|entries, _| {
            let is_taken_over =
                |entry: &Entry| matches!(entry, Entry::Synced { takeovers: 1.., .. });
            entries.iter().any(is_taken_over)
                && passed_on(entries, frozen_id)
                && passed_on(entries, doomed_id)
        })
        .await;
    replicas.wake(frozen).await;
    replicas
        .until(|entries, _| {
            let wanted = registry.tagged.len();
            ["acknowledge", "store_page"].map(|method| was_too_late(entries, method, frozen_id))
                == [true; 2]
                && acknowledged(entries).count() == wanted
        })
        .await;
    replicas.end().await;

    let clock = Arc::new(FastClock::since(healthy.began));
    let inventory = place.open_at(clock).await;
    let mut entries = Ledger::read(&healthy.ledger);
    // What a process found when it started is older than what others had done when it wrote it down.
    entries.retain(|entry| !matches!(entry, Entry::Found { .. }));
    audit_ingestion(&*inventory, &registry, &healthy, &entries, 2).await;
    assert_sound(&place).await;
}

fn acknowledged(entries: &[Entry]) -> impl Iterator<Item = (&Digest, u32)> {
    entries.iter().filter_map(|entry| match entry {
        Entry::Acknowledged { digest, by } => Some((digest, *by)),
        _ => None,
    })
}

/// What this process was handed and has not acknowledged.
fn left_in_hand(entries: &[Entry], process: u32) -> BTreeSet<&Digest> {
    let done: BTreeSet<_> = acknowledged(entries)
        .filter_map(|(digest, by)| (by == process).then_some(digest))
        .collect();
    let handed = entries.iter().filter_map(|entry| match entry {
        Entry::Handed { digest, by, .. } if *by == process => Some(digest),
        _ => None,
    });
    handed.filter(|digest| !done.contains(digest)).collect()
}

fn was_too_late(entries: &[Entry], wanted: &str, process: u32) -> bool {
    entries.iter().any(|entry| match entry {
        Entry::TooLate { method, by } => method == wanted && *by == process,
        _ => false,
    })
}

/// The processes, by number, and what is heard of them.
struct Replicas<'a> {
    test: &'static str,
    place: &'a Place,
    ledger: PathBuf,
    children: Vec<Child>,
    ids: Vec<u32>,
    said: mpsc::UnboundedSender<(usize, String)>,
    heard: mpsc::UnboundedReceiver<(usize, String)>,
}

impl<'a> Replicas<'a> {
    fn new(test: &'static str, place: &'a Place, ledger: PathBuf) -> Self {
        let (said, heard) = mpsc::unbounded_channel();
        Self {
            test,
            place,
            ledger,
            children: Vec::new(),
            ids: Vec::new(),
            said,
            heard,
        }
    }

    fn start(&mut self, orders: &Orders) -> usize {
        let number = self.children.len();
        let mut child = child::spawn(module_path!(), self.test, self.place, orders);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = self.said.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(point) = points::heard(&line) {
                    said.send((number, point.to_owned())).unwrap_or(());
                }
            }
            said.send((number, ENDED.to_owned())).unwrap_or(());
        });
        self.ids.push(child.id().unwrap());
        self.children.push(child);
        number
    }

    fn id(&self, number: usize) -> u32 {
        self.ids[number]
    }

    /// Hears of points until one of them, or what the ledger says by then, is what is waited for.
    /// The ledger is read when something was written that decides.
    async fn until(&mut self, is_reached: impl Fn(&[Entry], (usize, &str)) -> bool) {
        loop {
            let (number, point) = self.heard.recv().await.unwrap();
            assert_ne!(point, ENDED, "process {number} has ended");
            let decides = ["after acknowledge", "after finish_run", TOO_LATE].contains(&&*point);
            let entries = if decides {
                Ledger::read(&self.ledger)
            } else {
                Vec::new()
            };
            if is_reached(&entries, (number, &point)) {
                return;
            }
        }
    }

    fn signal(&self, number: usize, signal: &str) {
        let arguments = [signal, &self.ids[number].to_string()];
        let sent = Command::new("kill").args(arguments).status().unwrap();
        assert!(sent.success());
    }

    async fn kill(&mut self, number: usize) {
        self.children[number].kill().await.unwrap();
        loop {
            let (heard, point) = self.heard.recv().await.unwrap();
            if (heard, &*point) == (number, ENDED) {
                return;
            }
        }
    }

    async fn wake(&mut self, number: usize) {
        self.signal(number, "-CONT");
        let stdin = self.children[number].stdin.as_mut().unwrap();
        stdin.write_all(b"\n").await.unwrap();
    }

    async fn end(mut self) {
        for child in &mut self.children {
            child.kill().await.unwrap();
        }
    }
}

/// In place of a point: there will be no more of that process.
const ENDED: &str = "ended";
