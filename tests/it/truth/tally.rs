//! What has happened, so that nobody takes what did not happen for what went well.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use super::registry::Shown;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Happening {
    Push,
    Deletion,
    Retag,
    /// A request went wrong in another way than the next.
    Fault,
    /// A request was answered as a stranger's.
    CredentialStrip,
    /// A run was complete that lists otherwise than the complete one before.
    StrategyChange,
    Kill,
    /// A run went on with what a killed one had left.
    TakeOver,
    /// Registry and inventory were held against each other after a complete run.
    Comparison,
}

#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<BTreeMap<Happening, u64>>);

impl Tally {
    pub(super) fn count(&self, happening: Happening, times: u64) {
        *self.0.lock().unwrap().entry(happening).or_default() += times;
    }

    /// Counts what makes the registry after a change differ from that before.
    pub(super) fn changed(&self, before: &BTreeSet<Shown>, after: &BTreeSet<Shown>) {
        let by_place = |shown: &BTreeSet<Shown>| -> BTreeMap<_, _> {
            let rows = shown.iter().cloned();
            rows.map(|(repository, digest, tags)| ((repository, digest), tags))
                .collect()
        };
        let (before, after) = (by_place(before), by_place(after));
        for (place, tags) in &after {
            match before.get(place) {
                None => self.count(Happening::Push, 1),
                Some(former) if former != tags => self.count(Happening::Retag, 1),
                Some(_) => {}
            }
        }
        let deleted = before.keys().filter(|place| !after.contains_key(place));
        self.count(Happening::Deletion, deleted.count() as u64);
    }

    /// Fails where something has not happened as often as is expected of so many cases.
    pub(super) fn assert_at_least(&self, cases: u32, per_ten_cases: &[(Happening, u64)]) {
        let counts = self.0.lock().unwrap();
        for (happening, least) in per_ten_cases {
            let found = counts.get(happening).copied().unwrap_or_default();
            let least = least * u64::from(cases) / 10;
            assert!(found >= least, "{happening:?} {found} times: {counts:?}");
        }
    }
}
