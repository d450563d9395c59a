use std::ops::Range;

/// Totals of namespaces (projects or organizations), repositories, and what is in them (artifacts
/// or tags), spread evenly: item `i` of `n` belongs to group `g` of `m` where
/// `g * n / m <= i < (g + 1) * n / m`, so that groups differ by one item at most.
#[derive(Debug, Clone, Default)]
pub(super) struct Even {
    pub(super) namespaces: u64,
    pub(super) repositories: u64,
    pub(super) items: u64,
}

impl Even {
    pub(super) fn new(namespaces: u64, repositories: u64, items: u64) -> Self {
        let repositories = repositories.max(u64::from(items > 0));
        Self {
            namespaces: namespaces.max(u64::from(repositories > 0)),
            repositories,
            items,
        }
    }

    /// `PREFIX-NUMBER`
    pub(super) fn namespace(&self, prefix: &str, index: u64) -> String {
        let width = digits(self.namespaces);
        format!("{prefix}-{:0width$}", index + 1)
    }

    /// The last part of a repository's path.
    pub(super) fn name(&self, index: u64) -> String {
        format!(
            "app-{:0width$}",
            index + 1,
            width = digits(self.repositories)
        )
    }

    /// The index of the namespace of the repository with this index.
    pub(super) fn namespace_of(&self, repository: u64) -> u64 {
        group_of(repository, self.repositories, self.namespaces)
    }

    /// The ids of the items of the repository with this index, from 1 on.
    pub(super) fn items_of(&self, repository: u64) -> Range<u64> {
        let start = |group: u64| 1 + scaled(group, self.items, self.repositories);
        start(repository)..start(repository + 1)
    }

    /// The id of the repository that this item was generated for.
    pub(super) fn repository_of(&self, item: u64) -> Option<u64> {
        let index = item.checked_sub(1)?;
        (index < self.items).then(|| 1 + group_of(index, self.items, self.repositories))
    }

    /// The one tag of the item with this place in its repository.
    pub(super) fn tag(place: u64) -> String {
        format!("1.0.{place}")
    }

    pub(super) fn index_of_tag(tag: &str) -> Option<u64> {
        let place = tag.strip_prefix("1.0.")?.parse().ok()?;
        (Self::tag(place) == tag).then_some(place)
    }
}

fn group_of(item: u64, items: u64, groups: u64) -> u64 {
    // The greatest g with g * items / groups < item + 1.
    let before = u128::from(item + 1) * u128::from(groups) - 1;
    u64::try_from(before / u128::from(items)).unwrap_or(u64::MAX)
}

fn scaled(group: u64, items: u64, groups: u64) -> u64 {
    let product = u128::from(group) * u128::from(items);
    u64::try_from(product / u128::from(groups)).unwrap_or(u64::MAX)
}

fn digits(count: u64) -> usize {
    count.to_string().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_finds_the_repository_that_it_was_generated_for() {
        for (repositories, items) in [(1, 1), (3, 10), (7, 7), (10, 3), (97, 1000)] {
            let even = Even::new(1, repositories, items);
            let mut next = 1;
            for index in 0..repositories {
                for id in even.items_of(index) {
                    assert_eq!(id, next);
                    assert_eq!(even.repository_of(id), Some(index + 1));
                    next += 1;
                }
            }
            assert_eq!(next, items + 1);
            assert_eq!(even.repository_of(next), None);
        }
    }
}
