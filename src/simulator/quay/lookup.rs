use std::{borrow::Cow, collections::BTreeSet};

use super::{
    contents::Contents,
    records::{Content, Home, Manifest, Row, Tag},
};
use crate::{
    clock::Timestamp,
    simulator::{
        made_up::{digest_of, id_in, size_of},
        rows::Rows,
        sized::Even,
    },
};

/// Which tags a list shows.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    /// Those that are alive then; all that ever were unless given.
    pub(super) alive_at: Option<Timestamp>,
    pub(super) names: Names,
}

#[derive(Debug, Clone, Default)]
pub(super) enum Names {
    #[default]
    All,
    Equal(String),
    /// Whatever the case; given in lower case.
    Containing(String),
}

impl Filter {
    pub(super) fn alive(now: Timestamp) -> Self {
        Self {
            alive_at: Some(now),
            names: Names::All,
        }
    }

    fn shows(&self, name: &str, end: Option<Timestamp>) -> bool {
        let named = match &self.names {
            Names::All => true,
            Names::Equal(other) => name == other,
            Names::Containing(part) => name.to_lowercase().contains(part),
        };
        named
            && self
                .alive_at
                .is_none_or(|now| end.is_none_or(|end| end > now))
    }
}

impl Home {
    /// The number of the generated tag of this name, if it is alive.
    pub(super) fn number_of(&self, name: &str, now: Timestamp) -> Option<u64> {
        let number = self.generated.start + Even::index_of_tag(name)?;
        let is_alive = self.ended.get(&number).is_none_or(|end| *end > now);
        (self.generated.contains(&number) && is_alive).then_some(number)
    }

    /// The numbers of the generated tags that a page shows, newest first.
    fn numbers(&self, filter: &Filter, offset: u64, limit: u64) -> Vec<u64> {
        let mut rows = Rows::default();
        if let Names::All = filter.names {
            let ended = self.ended.iter();
            let gone: BTreeSet<_> = ended
                .filter(|(_, end)| filter.alive_at.is_some_and(|now| **end <= now))
                .map(|(number, _)| *number)
                .collect();
            rows.add_range(self.generated.clone(), &gone);
        } else {
            for number in self.generated.clone() {
                let name = Even::tag(number - self.generated.start);
                if filter.shows(&name, self.ended.get(&number).copied()) {
                    rows.add(number);
                }
            }
        }
        rows.page(true, offset, Some(limit))
    }
}

impl Contents {
    pub(super) fn home_at(&self, path: &str) -> Option<&Home> {
        self.homes.get(self.by_path.get(path)?)
    }

    pub(super) fn manifest<'a>(&self, home: &'a Home, digest: &str) -> Option<Cow<'a, Manifest>> {
        let stored = home.manifests.get(digest).map(Cow::Borrowed);
        stored.or_else(|| {
            let number = id_in(digest).filter(|number| home.generated.contains(number))?;
            (digest_of(number) == digest).then(|| Cow::Owned(generated_manifest(number)))
        })
    }

    /// Newest first, those of one start by name.
    pub(super) fn rows<'a>(
        &'a self,
        home: &'a Home,
        filter: &Filter,
        offset: u64,
        limit: u64,
    ) -> Vec<Row<'a>> {
        let shown = |tag: &&Tag| filter.shows(&tag.name, tag.end);
        let mut stored: Vec<_> = home.tags.iter().filter(shown).collect();
        stored.sort_by(|a, b| (b.start, &a.name).cmp(&(a.start, &b.name)));
        let skipped = offset.min(stored.len() as u64);
        let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let mut rows: Vec<_> = stored
            .into_iter()
            .skip(size(skipped))
            .take(size(limit))
            .filter_map(|tag| {
                let manifest = self.manifest(home, &tag.digest)?;
                let tag = Cow::Borrowed(tag);
                Some(Row { tag, manifest })
            })
            .collect();
        // Whatever was generated is older than what was changed since.
        let left = limit - rows.len() as u64;
        let numbers = home.numbers(filter, offset - skipped, left);
        rows.extend(numbers.into_iter().map(|number| {
            let tag = Tag {
                name: Even::tag(number - home.generated.start),
                start: self.generated_at(number),
                end: home.ended.get(&number).copied(),
                digest: digest_of(number),
                reversion: false,
            };
            Row {
                tag: Cow::Owned(tag),
                manifest: Cow::Owned(generated_manifest(number)),
            }
        }));
        rows
    }

    pub(super) fn alive<'a>(&'a self, home: &'a Home, now: Timestamp) -> Vec<Row<'a>> {
        self.rows(home, &Filter::alive(now), 0, u64::MAX)
    }

    /// The start of the newest tag that is alive.
    pub(super) fn last_modified(&self, home: &Home, now: Timestamp) -> Option<Timestamp> {
        let newest = self.rows(home, &Filter::alive(now), 0, 1);
        newest.first().map(|row| row.tag.start)
    }

    pub(super) fn find_tag(&self, home: &Home, name: &str, now: Timestamp) -> Option<String> {
        let mut stored = home.tags.iter();
        stored
            .find(|tag| tag.name == name && tag.is_alive(now))
            .map(|tag| tag.digest.clone())
            .or_else(|| home.number_of(name, now).map(digest_of))
    }
}

fn generated_manifest(number: u64) -> Manifest {
    Manifest {
        digest: digest_of(number),
        docker: number.is_multiple_of(2),
        content: Content::Image(None),
        size: size_of(number),
    }
}
