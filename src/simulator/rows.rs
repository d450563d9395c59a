use std::{collections::BTreeSet, ops::Range};

/// The ids that a list of artifacts pages through, as ranges, so that a page of a million rows
/// costs what a page of ten does.
#[derive(Debug, Default)]
pub(super) struct Rows {
    ranges: Vec<Range<u64>>,
    /// Ids within the ranges that take a place in a page and are left out of it.
    hidden: BTreeSet<u64>,
}

impl Rows {
    /// All of the range but the ids that are gone.
    pub(super) fn add_range(&mut self, range: Range<u64>, gone: &BTreeSet<u64>) {
        let mut start = range.start;
        for id in gone.range(range.clone()) {
            self.push(start..*id);
            start = id + 1;
        }
        self.push(start..range.end);
    }

    pub(super) fn add(&mut self, id: u64) {
        self.push(id..id + 1);
    }

    pub(super) fn add_hidden(&mut self, id: u64) {
        self.add(id);
        self.hidden.insert(id);
    }

    fn push(&mut self, range: Range<u64>) {
        match self.ranges.last_mut() {
            _ if range.is_empty() => {}
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.ranges.push(range),
        }
    }

    /// Puts the ranges in order, once all are added.
    pub(super) fn settle(&mut self) {
        self.ranges.sort_by_key(|range| range.start);
        for range in std::mem::take(&mut self.ranges) {
            self.push(range);
        }
    }

    /// Keeps the ids from `first` to `last`, both included.
    pub(super) fn clip(&mut self, first: u64, last: u64) {
        let end = last.saturating_add(1);
        for range in &mut self.ranges {
            range.start = range.start.max(first);
            range.end = range.end.min(end);
        }
        self.ranges.retain(|range| !range.is_empty());
        self.hidden.retain(|id| (first..end).contains(id));
    }

    /// Without the hidden ones.
    pub(super) fn total(&self) -> u64 {
        let all: u64 = self
            .ranges
            .iter()
            .map(|range| range.end - range.start)
            .sum();
        all - self.hidden.len() as u64
    }

    pub(super) fn is_hidden(&self, id: u64) -> bool {
        self.hidden.contains(&id)
    }

    /// All ids, ascending, hidden ones included.
    pub(super) fn ids(&self) -> impl Iterator<Item = u64> {
        self.ranges.iter().cloned().flatten()
    }

    /// The ids of a page, of which hidden ones are taken out afterwards.
    pub(super) fn page(&self, descending: bool, offset: u64, limit: Option<u64>) -> Vec<u64> {
        let mut skip = offset;
        let mut wanted = limit.unwrap_or(u64::MAX);
        let mut page = Vec::new();
        let mut take = |range: &Range<u64>| {
            let length = range.end - range.start;
            let skipped = skip.min(length);
            skip -= skipped;
            let taken = wanted.min(length - skipped);
            wanted -= taken;
            if descending {
                let end = range.end - skipped;
                page.extend((end - taken..end).rev());
            } else {
                let start = range.start + skipped;
                page.extend(start..start + taken);
            }
        };
        if descending {
            self.ranges.iter().rev().for_each(&mut take);
        } else {
            self.ranges.iter().for_each(&mut take);
        }
        page.retain(|id| !self.is_hidden(*id));
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Rows {
        let mut rows = Rows::default();
        rows.add(20);
        rows.add_range(1..8, &BTreeSet::from([1, 4]));
        rows.add_hidden(8);
        rows.settle();
        rows
    }

    #[test]
    fn pages_run_over_the_gaps_in_both_directions() {
        assert_eq!(rows().page(false, 0, None), [2, 3, 5, 6, 7, 20]);
        assert_eq!(rows().page(false, 1, Some(2)), [3, 5]);
        assert_eq!(rows().page(true, 0, Some(3)), [20, 7]);
        assert_eq!(rows().page(true, 5, Some(3)), [3, 2]);
        assert!(rows().page(false, 9, Some(3)).is_empty());
    }

    #[test]
    fn hidden_ids_take_a_place_and_do_not_count() {
        let mut rows = rows();
        assert_eq!(rows.total(), 6);
        rows.clip(7, 19);
        assert_eq!(rows.total(), 1);
        assert_eq!(rows.page(false, 1, Some(1)), [0_u64; 0]);
    }
}
