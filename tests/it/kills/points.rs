//! Where a process can be killed.

use std::{
    collections::BTreeMap,
    io::{Read, Write, stdin, stdout},
    sync::Mutex,
};

/// What writes. The rest of an inventory's methods, as far as sync and ingestion ask them, reads.
const COMMITS: [&str; 11] = [
    "bind",
    "begin_run",
    "renew_run",
    "store_page",
    "close_scope",
    "finish_run",
    "claim",
    "renew",
    "acknowledge",
    "fail",
    "changes_told",
];

const READS: [&str; 4] = ["is_bound", "integrations", "images", "changes"];

const OF_THE_SINK: [&str; 5] = [
    "before hand-over",
    "in hand-over",
    "after hand-over",
    "before change",
    "after change",
];

/// The store is about to be opened. Nobody hangs there: who kills then hits the opening.
pub(super) const OPENING: &str = "opening";

/// The inventory has refused what came too late. Nobody hangs there.
pub(crate) const TOO_LATE: &str = "too late";

/// A process stands still until its parent tells it to go on.
pub(crate) const FROZEN: &str = "frozen";

pub(super) fn is_read(method: &str) -> bool {
    READS.contains(&method)
}

/// All at which a process can hang: each commit and each hand-over, before and after.
pub(super) fn all() -> Vec<String> {
    let commits = COMMITS
        .iter()
        .flat_map(|commit| ["before", "after"].map(|side| format!("{side} {commit}")));
    commits.chain(OF_THE_SINK.map(str::to_owned)).collect()
}

/// What begins a line that tells a point.
const MARK: &str = "point ";

pub(crate) fn heard(line: &str) -> Option<&str> {
    line.strip_prefix(MARK)
}

/// Tells the parent.
pub(super) fn tell(point: &str) {
    writeln!(stdout().lock(), "{MARK}{point}").unwrap();
}

/// Tells the parent of each point that is passed, and hangs where the parent wants it to.
#[derive(Debug)]
pub(super) struct Gate {
    hang_at: Option<(String, usize)>,
    passed: Mutex<BTreeMap<String, usize>>,
}

impl Gate {
    pub(super) fn new(hang_at: Option<(String, usize)>) -> Self {
        Self {
            hang_at,
            passed: Mutex::default(),
        }
    }

    /// Hangs with all that runs on the thread, until the parent kills the process or is dead.
    pub(super) fn pass(&self, point: &str) {
        let mut passed = self.passed.lock().unwrap();
        let times = passed.entry(point.to_owned()).or_default();
        *times += 1;
        tell(point);
        let is_here = |(wanted, nth): &(String, usize)| wanted == point && nth == times;
        if self.hang_at.as_ref().is_some_and(is_here) {
            let _parent_is_dead = stdin().read_to_end(&mut Vec::new());
            std::process::exit(1);
        }
    }
}
