use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    time::Duration,
};

use super::{
    push::{Listed, Push},
    settings::{Namespace, Repository},
};
use crate::{
    clock::Timestamp,
    simulator::{
        made_up::{digest_of, id_in, size_of},
        rows::Rows,
        sized::Even,
    },
};

/// What the names of generated namespaces start with.
const PREFIX: &str = "ns";

/// 2026-01-01T00:00:00Z, before the first change.
const BEGINNING: Timestamp = Timestamp::from_unix_nanos(1_767_225_600_000_000_000);

/// The namespaces, repositories and tags of one registry: of an Enterprise instance, or of an
/// account's Personal registry in a region.
///
/// Every change takes place one second after the one before, from 2026-01-01 on, so that equal
/// changes make equal contents. Digests are made up: they are unique, but no manifest hashes to
/// them.
///
/// ```
/// use registry_intake::simulator::acr::{Contents, Push, Repository};
///
/// let mut contents = Contents::empty();
/// contents.create_repository(Repository::public("base/alpine"));
/// let digest = contents.push("apps/web", Push::image().tag("1.27"));
/// contents.tag("apps/web", &digest, "latest");
/// let listed = contents.listed();
/// assert_eq!(listed.len(), 1);
/// assert_eq!(listed[0].tags, ["1.27", "latest"]);
/// ```
#[derive(Debug, Clone)]
pub struct Contents {
    /// In the order in which they were created.
    pub(super) namespaces: Vec<Namespace>,
    pub(super) homes: BTreeMap<u64, Home>,
    by_path: BTreeMap<String, u64>,
    even: Even,
    last_namespace: u64,
    last_home: u64,
    last_image: u64,
    /// When the last change took place, or the one that is being made.
    now: Timestamp,
    next: Option<Timestamp>,
}

/// A repository with its tags.
#[derive(Debug, Clone)]
pub(super) struct Home {
    pub(super) id: u64,
    pub(super) settings: Repository,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
    /// Tags that follow from their numbers, all older than the others.
    generated: Range<u64>,
    /// Those of them that were deleted or moved.
    gone: BTreeSet<u64>,
    /// All others, oldest first.
    tags: Vec<Tag>,
}

/// A tag, and what the lists tell of its image.
#[derive(Debug, Clone)]
pub(super) struct Tag {
    pub(super) name: String,
    /// `sha256:HEX`
    pub(super) digest: String,
    pub(super) size: u64,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
}

impl Tag {
    /// The digest of its image's configuration, as far as anybody knows.
    pub(super) fn image_id(&self) -> String {
        digest_of(!id_in(&self.digest).unwrap_or_default())
    }
}

impl Contents {
    /// Nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            namespaces: Vec::new(),
            homes: BTreeMap::new(),
            by_path: BTreeMap::new(),
            even: Even::default(),
            last_namespace: 0,
            last_home: 0,
            last_image: 0,
            now: BEGINNING,
            next: None,
        }
    }

    /// So many namespaces, private repositories and tags, all of them totals, spread evenly; each
    /// tag has a digest of its own. Tags take no memory until they are changed, so that millions
    /// are cheap.
    ///
    /// There is at least one namespace where there are repositories, and one repository where there
    /// are tags.
    #[must_use]
    pub fn sized(namespaces: u64, repositories: u64, tags: u64) -> Self {
        let even = Even::new(namespaces, repositories, tags);
        let mut contents = Self {
            even: even.clone(),
            ..Self::empty()
        };
        for index in 0..even.namespaces {
            contents.create_namespace(Namespace::new(&even.namespace(PREFIX, index)));
        }
        for index in 0..even.repositories {
            let namespace = even.namespace(PREFIX, even.namespace_of(index));
            let path = format!("{namespace}/{}", even.name(index));
            contents.create_repository(Repository::private(&path));
            if let Some(home) = contents.homes.get_mut(&contents.last_home) {
                home.generated = even.items_of(index);
            }
        }
        contents.last_image = even.items;
        contents.now = contents.generated_at(even.items);
        contents
    }

    /// The next change takes place then; not before anything that [`sized`](Self::sized) made.
    pub fn at(&mut self, time: Timestamp) -> &mut Self {
        self.next = Some(time);
        self
    }

    /// The time of the last change.
    #[must_use]
    pub fn last_change(&self) -> Timestamp {
        self.now
    }

    fn tick(&mut self) {
        let second_later = self.now.saturating_add(Duration::from_secs(1));
        self.now = self.next.take().unwrap_or(second_later);
    }

    /// Creates a namespace, unless there is one of its name. Says whether it was missing.
    pub fn create_namespace(&mut self, namespace: Namespace) -> bool {
        let is_missing = self.namespace(&namespace.name).is_none();
        if is_missing {
            self.tick();
            self.add_namespace(namespace);
        }
        is_missing
    }

    /// Deletes a namespace with everything in it. Says whether it was there.
    pub fn delete_namespace(&mut self, name: &str) -> bool {
        let is_present = self.namespace(name).is_some();
        if is_present {
            self.tick();
            self.namespaces.retain(|namespace| namespace.name != name);
            self.homes.retain(|_, home| home.settings.namespace != name);
            let homes = &self.homes;
            self.by_path.retain(|_, id| homes.contains_key(id));
        }
        is_present
    }

    /// Creates an empty repository, and its namespace where that is missing, unless there is one of
    /// its path. Says whether it was missing.
    pub fn create_repository(&mut self, repository: Repository) -> bool {
        let is_missing = !self.by_path.contains_key(&repository.path());
        if is_missing {
            self.tick();
            self.add_home(repository);
        }
        is_missing
    }

    /// Deletes a repository with everything in it. Says whether it was there.
    pub fn delete_repository(&mut self, path: &str) -> bool {
        let Some(id) = self.by_path.remove(path) else {
            return false;
        };
        self.tick();
        self.homes.remove(&id).is_some()
    }

    /// Pushes to the repository of this full path, which becomes a private one where it is missing,
    /// and returns the digest.
    pub fn push(&mut self, path: &str, push: Push) -> String {
        self.tick();
        let id = match self.by_path.get(path) {
            Some(id) => *id,
            None => self.add_home(Repository::private(path)),
        };
        let digest = push.digest.unwrap_or_else(|| {
            self.last_image += 1;
            digest_of(self.last_image)
        });
        let known = self.homes.get(&id).and_then(|home| home.image(&digest));
        let number = id_in(&digest).unwrap_or_default();
        let image = Tag {
            name: String::new(),
            size: push
                .size
                .or_else(|| known.as_ref().map(|tag| tag.size))
                .unwrap_or_else(|| size_of(number)),
            created: known.map_or(self.now, |tag| tag.created),
            updated: self.now,
            digest: digest.clone(),
        };
        for name in push.tags {
            let tag = Tag {
                name,
                ..image.clone()
            };
            self.put_tag(id, tag);
        }
        digest
    }

    /// Gives an image that has a tag another one, taking it from whichever has it. Says whether
    /// such an image is there.
    pub fn tag(&mut self, path: &str, digest: &str, tag: &str) -> bool {
        let home = self.home_at(path);
        let image = home.and_then(|home| Some((home.id, self.find_digest(home, digest)?)));
        let Some((id, image)) = image else {
            return false;
        };
        self.tick();
        let tag = Tag {
            name: tag.to_owned(),
            updated: self.now,
            ..image
        };
        self.put_tag(id, tag);
        true
    }

    /// Deletes a tag. Says whether it was there.
    pub fn delete_tag(&mut self, path: &str, tag: &str) -> bool {
        self.tick();
        let id = self.by_path.get(path);
        let home = id.and_then(|id| self.homes.get_mut(id));
        home.is_some_and(|home| home.take_tag(tag))
    }

    /// What a complete listing must show, ordered: every image that has a tag, once in each
    /// repository of the status `NORMAL`.
    #[must_use]
    pub fn listed(&self) -> Vec<Listed> {
        let mut listed = Vec::new();
        for home in self.homes.values() {
            if home.settings.is_deleting {
                continue;
            }
            let mut tags = BTreeMap::<_, Vec<_>>::new();
            for tag in self.tags(home, 0, u64::MAX) {
                tags.entry(tag.digest).or_default().push(tag.name);
            }
            listed.extend(tags.into_iter().map(|(digest, mut tags)| {
                tags.sort();
                Listed {
                    repository: home.settings.path(),
                    digest,
                    tags,
                }
            }));
        }
        listed.sort();
        listed
    }

    pub(super) fn namespace(&self, name: &str) -> Option<&Namespace> {
        let mut namespaces = self.namespaces.iter();
        namespaces.find(|namespace| namespace.name == name)
    }

    pub(super) fn home_at(&self, path: &str) -> Option<&Home> {
        self.homes.get(self.by_path.get(path)?)
    }

    /// The tags of a repository by their last update, newest first; of one push the first last.
    /// (The order is that of a documented sample.)
    pub(super) fn tags(&self, home: &Home, offset: u64, limit: u64) -> Vec<Tag> {
        let stored = home.tags.len() as u64;
        let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let newest = home.tags.iter().rev().skip(size(offset));
        let mut tags: Vec<_> = newest.take(size(limit)).cloned().collect();
        let mut rows = Rows::default();
        rows.add_range(home.generated.clone(), &home.gone);
        let left = limit - tags.len() as u64;
        let numbers = rows.page(true, offset.saturating_sub(stored), Some(left));
        tags.extend(
            numbers
                .into_iter()
                .map(|number| self.generated(home, number)),
        );
        tags
    }

    pub(super) fn find_tag(&self, home: &Home, name: &str) -> Option<Tag> {
        let stored = home.tags.iter().find(|tag| tag.name == name).cloned();
        stored.or_else(|| {
            let number = home.number_of(name)?;
            Some(self.generated(home, number))
        })
    }

    /// A tag of the image with this digest.
    pub(super) fn find_digest(&self, home: &Home, digest: &str) -> Option<Tag> {
        home.image(digest).or_else(|| {
            let number = id_in(digest).filter(|number| home.has(*number))?;
            Some(self.generated(home, number)).filter(|tag| tag.digest == digest)
        })
    }

    fn generated(&self, home: &Home, number: u64) -> Tag {
        let time = self.generated_at(number);
        Tag {
            name: Even::tag(number - home.generated.start),
            digest: digest_of(number),
            size: size_of(number),
            created: time,
            updated: time,
        }
    }

    fn generated_at(&self, number: u64) -> Timestamp {
        // The namespaces and repositories took a second each before.
        let before = self.even.namespaces + self.even.repositories;
        BEGINNING.saturating_add(Duration::from_secs(before + number))
    }

    fn add_namespace(&mut self, namespace: Namespace) {
        self.last_namespace += 1;
        let number = self.last_namespace;
        self.namespaces.push(Namespace {
            number,
            ..namespace
        });
    }

    fn add_home(&mut self, repository: Repository) -> u64 {
        if self.namespace(&repository.namespace).is_none() {
            self.add_namespace(Namespace::new(&repository.namespace));
        }
        self.last_home += 1;
        let id = self.last_home;
        self.by_path.insert(repository.path(), id);
        let home = Home {
            id,
            settings: repository,
            created: self.now,
            modified: self.now,
            generated: 0..0,
            gone: BTreeSet::new(),
            tags: Vec::new(),
        };
        self.homes.insert(id, home);
        id
    }

    fn put_tag(&mut self, home: u64, tag: Tag) {
        if let Some(home) = self.homes.get_mut(&home) {
            home.take_tag(&tag.name);
            home.modified = tag.updated;
            home.tags.push(tag);
        }
    }
}

impl Home {
    /// How many tags it has.
    pub(super) fn count(&self) -> u64 {
        let generated = self.generated.end - self.generated.start;
        generated - self.gone.len() as u64 + self.tags.len() as u64
    }

    fn image(&self, digest: &str) -> Option<Tag> {
        self.tags.iter().find(|tag| tag.digest == digest).cloned()
    }

    fn has(&self, number: u64) -> bool {
        self.generated.contains(&number) && !self.gone.contains(&number)
    }

    /// The number of the generated tag of this name.
    fn number_of(&self, name: &str) -> Option<u64> {
        let number = self.generated.start + Even::index_of_tag(name)?;
        Some(number).filter(|number| self.has(*number))
    }

    /// Says whether the tag was there.
    fn take_tag(&mut self, name: &str) -> bool {
        if let Some(place) = self.tags.iter().position(|tag| tag.name == name) {
            self.tags.remove(place);
            return true;
        }
        let number = self.number_of(name);
        number.is_some_and(|number| self.gone.insert(number))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_tag_that_moves_comes_first_and_leaves_its_image() {
        let mut contents = Contents::sized(1, 1, 3);
        let home = |contents: &Contents| contents.home_at("ns-1/app-1").unwrap().clone();
        let names = |contents: &Contents| {
            let tags = contents.tags(&home(contents), 0, u64::MAX).into_iter();
            tags.map(|tag| tag.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&contents), ["1.0.2", "1.0.1", "1.0.0"]);
        let digest = contents.push("ns-1/app-1", Push::image().tag("1.0.1").tag("new"));
        assert_eq!(names(&contents), ["new", "1.0.1", "1.0.2", "1.0.0"]);
        assert!(contents.delete_tag("ns-1/app-1", "1.0.0"));
        assert!(!contents.delete_tag("ns-1/app-1", "1.0.0"));
        assert_eq!(home(&contents).count(), 3);
        let page = contents.tags(&home(&contents), 1, 2);
        assert_eq!(
            (page[0].name.as_str(), page[1].name.as_str()),
            ("1.0.1", "1.0.2")
        );
        let listed = contents.listed();
        let row = listed.iter().find(|row| row.digest == digest).unwrap();
        assert_eq!(row.tags, ["1.0.1", "new"]);
        assert_eq!(listed.len(), 2);
    }

    #[test]
    fn what_is_deleted_takes_along_what_is_in_it() {
        let mut contents = Contents::empty();
        contents.push("a/one", Push::image().tag("1"));
        contents.push("b/one", Push::image().tag("1"));
        assert!(contents.delete_namespace("a"));
        assert!(contents.home_at("a/one").is_none());
        assert!(contents.delete_repository("b/one"));
        assert!(contents.listed().is_empty());
        assert!(contents.namespace("b").is_some());
    }
}
