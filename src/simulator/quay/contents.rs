use std::{collections::BTreeMap, time::Duration};

use super::{
    push::{Kind, Listed, Push},
    records::{Content, Home, Manifest, Reference, Tag},
    settings::{Organization, Repository},
};
use crate::{
    clock::Timestamp,
    simulator::{
        made_up::{digest_of, size_of},
        sized::Even,
    },
};

/// What the names of generated organizations start with.
const PREFIX: &str = "org";

/// 2026-01-01T00:00:00Z, before the first change.
const BEGINNING: Timestamp = Timestamp::from_unix_nanos(1_767_225_600_000_000_000);

/// Organizations, repositories and tags, with the history of the tags.
///
/// Every change takes place one second after the one before, from 2026-01-01 on, so that equal
/// changes make equal contents. Digests are made up: they are unique, but no manifest hashes to
/// them.
///
/// ```
/// use registry_intake::simulator::quay::{Contents, Organization, Push, Repository};
///
/// let mut contents = Contents::empty();
/// contents.create_organization(Organization::new("acme"));
/// contents.create_repository(Repository::public("acme/open"));
/// let digest = contents.push("acme/web/frontend", Push::image().tag("1.27"));
/// contents.tag("acme/web/frontend", &digest, "latest");
/// let listed = contents.listed("acme", contents.last_change());
/// assert_eq!(listed.len(), 1);
/// assert_eq!(listed[0].tags, ["1.27", "latest"]);
/// ```
#[derive(Debug, Clone)]
pub struct Contents {
    pub(super) organizations: BTreeMap<String, Organization>,
    pub(super) homes: BTreeMap<u64, Home>,
    pub(super) by_path: BTreeMap<String, u64>,
    pub(super) even: Even,
    last_home: u64,
    last_manifest: u64,
    /// When the last change took place, or the one that is being made.
    now: Timestamp,
    latest: Timestamp,
    next: Option<Timestamp>,
}

impl Contents {
    /// Nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            organizations: BTreeMap::new(),
            homes: BTreeMap::new(),
            by_path: BTreeMap::new(),
            even: Even::default(),
            last_home: 0,
            last_manifest: 0,
            now: BEGINNING,
            latest: BEGINNING,
            next: None,
        }
    }

    /// So many organizations, private repositories and tags, all of them totals, spread evenly;
    /// each tag has a digest of its own. Tags take no memory until they are changed, so that
    /// millions are cheap.
    ///
    /// There is at least one organization where there are repositories, and one repository where
    /// there are tags.
    #[must_use]
    pub fn sized(organizations: u64, repositories: u64, tags: u64) -> Self {
        let even = Even::new(organizations, repositories, tags);
        let mut contents = Self {
            even: even.clone(),
            ..Self::empty()
        };
        for index in 0..even.namespaces {
            contents.create_organization(Organization::new(&even.namespace(PREFIX, index)));
        }
        for index in 0..even.repositories {
            let organization = even.namespace(PREFIX, even.namespace_of(index));
            let path = format!("{organization}/{}", even.name(index));
            let id = contents.create_repository(Repository::private(&path));
            if let Some(home) = contents.homes.get_mut(&id) {
                home.generated = even.items_of(index);
            }
        }
        contents.last_manifest = even.items;
        contents.now = contents.generated_at(even.items);
        contents.latest = contents.now;
        contents
    }

    /// The next change takes place then; not before anything that [`sized`](Self::sized) made.
    pub fn at(&mut self, time: Timestamp) -> &mut Self {
        self.next = Some(time);
        self
    }

    /// The time of the latest change. A server takes it for the present where its clock is behind.
    #[must_use]
    pub fn last_change(&self) -> Timestamp {
        self.latest
    }

    fn tick(&mut self) {
        let second_later = self.now.saturating_add(Duration::from_secs(1));
        self.now = self.next.take().unwrap_or(second_later);
        self.latest = self.latest.max(self.now);
    }

    /// Creates an organization, unless there is one of its name. Says whether it was missing.
    pub fn create_organization(&mut self, organization: Organization) -> bool {
        if self.organizations.contains_key(&organization.name) {
            return false;
        }
        self.tick();
        self.organizations
            .insert(organization.name.clone(), organization);
        true
    }

    /// Deletes an organization with everything in it. Says whether it was there.
    pub fn delete_organization(&mut self, name: &str) -> bool {
        let deleted = self.organizations.remove(name).is_some();
        if deleted {
            self.tick();
            let path_of = |home: &Home| (home.settings.namespace == name).then_some(home.id);
            let gone: Vec<_> = self.homes.values().filter_map(path_of).collect();
            for id in gone {
                self.drop_home(id);
            }
        }
        deleted
    }

    /// Creates an empty repository, unless there is one of its path, and returns its id. Ids
    /// ascend, and lists are in their order.
    pub fn create_repository(&mut self, repository: Repository) -> u64 {
        if let Some(id) = self.by_path.get(&repository.path()) {
            return *id;
        }
        self.tick();
        self.add_home(repository)
    }

    /// Deletes a repository with everything in it. Says whether it was there.
    pub fn delete_repository(&mut self, path: &str) -> bool {
        let Some(id) = self.by_path.get(path).copied() else {
            return false;
        };
        self.tick();
        self.drop_home(id);
        true
    }

    /// Pushes to the repository of this full path, which becomes a private one where it is
    /// missing, and returns the digest. Its tags start a millisecond apart.
    pub fn push(&mut self, path: &str, push: Push) -> String {
        self.tick();
        let id = match self.by_path.get(path) {
            Some(id) => *id,
            None => self.add_home(Repository::private(path)),
        };
        let digest = self.add_manifest(id, &push);
        for (name, place) in push.tags.iter().zip(0..) {
            let start = self.now.saturating_add(Duration::from_millis(place));
            let tag = Tag {
                name: name.clone(),
                start,
                end: push.expires,
                digest: digest.clone(),
                reversion: false,
            };
            self.put_tag(id, tag);
        }
        digest
    }

    /// Gives a manifest a tag, taking it from whichever has it. Says whether the manifest is there.
    pub fn tag(&mut self, path: &str, digest: &str, tag: &str) -> bool {
        self.retarget(path, digest, tag, false)
    }

    /// The same, as the web page's restoration of a tag to a former manifest.
    pub fn restore_tag(&mut self, path: &str, tag: &str, digest: &str) -> bool {
        self.retarget(path, digest, tag, true)
    }

    /// Deletes a tag, of which the history keeps a record. Says whether it was there.
    pub fn delete_tag(&mut self, path: &str, tag: &str) -> bool {
        self.tick();
        self.end_tag(path, tag, Some(self.now))
    }

    /// Lets a tag expire at a time, or no more. Says whether the tag is there. (The real server
    /// moves times within an hour of the tag's start to the end of that hour; the simulator
    /// does not.)
    pub fn expire_tag(&mut self, path: &str, tag: &str, at: Option<Timestamp>) -> bool {
        self.tick();
        self.end_tag(path, tag, at)
    }

    /// What a complete listing of this organization must show at a time, ordered: every manifest
    /// that has a tag then, once in each repository of images.
    #[must_use]
    pub fn listed(&self, organization: &str, now: Timestamp) -> Vec<Listed> {
        let mut listed = Vec::new();
        for home in self.homes.values() {
            if home.settings.namespace != organization || home.settings.application {
                continue;
            }
            let mut tags = BTreeMap::<_, Vec<_>>::new();
            for row in self.alive(home, self.present(now)) {
                let tag = row.tag.into_owned();
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

    /// A clock's time, or that of the latest change where the clock is behind it.
    pub(super) fn present(&self, clock: Timestamp) -> Timestamp {
        clock.max(self.latest)
    }

    pub(super) fn generated_at(&self, number: u64) -> Timestamp {
        // The organizations and repositories took a second each before.
        let before = self.even.namespaces + self.even.repositories;
        BEGINNING.saturating_add(Duration::from_secs(before + number))
    }

    fn add_home(&mut self, repository: Repository) -> u64 {
        self.last_home += 1;
        let id = self.last_home;
        self.by_path.insert(repository.path(), id);
        self.homes.insert(
            id,
            Home {
                id,
                settings: repository,
                generated: 0..0,
                ended: BTreeMap::new(),
                tags: Vec::new(),
                manifests: BTreeMap::new(),
            },
        );
        id
    }

    fn retarget(&mut self, path: &str, digest: &str, tag: &str, reversion: bool) -> bool {
        let Some(home) = self.home_at(path) else {
            return false;
        };
        if self.manifest(home, digest).is_none() {
            return false;
        }
        let id = home.id;
        self.tick();
        let tag = Tag {
            name: tag.to_owned(),
            start: self.now,
            end: None,
            digest: digest.to_owned(),
            reversion,
        };
        self.put_tag(id, tag);
        true
    }

    /// Ends the life of the tag's name and starts this one.
    fn put_tag(&mut self, home: u64, tag: Tag) {
        self.end_in(home, &tag.name, Some(tag.start));
        if let Some(home) = self.homes.get_mut(&home) {
            home.tags.push(tag);
        }
    }

    fn end_tag(&mut self, path: &str, tag: &str, at: Option<Timestamp>) -> bool {
        let home = self.by_path.get(path).copied();
        home.is_some_and(|home| self.end_in(home, tag, at))
    }

    /// Sets the end of the alive tag of this name. Says whether there is one.
    fn end_in(&mut self, home: u64, name: &str, at: Option<Timestamp>) -> bool {
        let now = self.now;
        let Some(home) = self.homes.get_mut(&home) else {
            return false;
        };
        let mut tags = home.tags.iter_mut();
        if let Some(tag) = tags.find(|tag| tag.name == name && tag.is_alive(now)) {
            tag.end = at;
            return true;
        }
        let Some(number) = home.number_of(name, now) else {
            return false;
        };
        match at {
            Some(at) => home.ended.insert(number, at),
            None => home.ended.remove(&number),
        };
        true
    }

    fn add_manifest(&mut self, home: u64, push: &Push) -> String {
        let present = push.digest.as_ref().filter(|digest| {
            let home = self.homes.get(&home);
            home.is_some_and(|home| self.manifest(home, digest).is_some())
        });
        if let Some(digest) = present {
            return digest.clone();
        }
        let content = match &push.kind {
            Kind::SchemaOne => Content::SchemaOne,
            Kind::Image => Content::Image(None),
            Kind::Chart => Content::Image(Some("application/vnd.cncf.helm.config.v1+json")),
            Kind::Index(children) => {
                let references = children.iter().map(|child| {
                    let image = Push {
                        docker: push.docker,
                        digest: child.digest.clone(),
                        ..Push::image()
                    };
                    let digest = match &child.digest {
                        Some(digest) if child.missing => digest.clone(),
                        None if child.missing => self.new_digest(),
                        _ => self.add_manifest(home, &image),
                    };
                    Reference {
                        digest,
                        platform: child.platform.clone(),
                        attests: child.attests.clone(),
                        missing: child.missing,
                    }
                });
                Content::Index(references.collect())
            }
        };
        let digest = push.digest.clone().unwrap_or_else(|| self.new_digest());
        let manifest = Manifest {
            digest: digest.clone(),
            docker: push.docker,
            content,
            size: push.size.unwrap_or_else(|| size_of(self.last_manifest)),
        };
        if let Some(home) = self.homes.get_mut(&home) {
            home.manifests.insert(digest.clone(), manifest);
        }
        digest
    }

    fn new_digest(&mut self) -> String {
        self.last_manifest += 1;
        digest_of(self.last_manifest)
    }

    fn drop_home(&mut self, id: u64) {
        if let Some(home) = self.homes.remove(&id) {
            self.by_path.remove(&home.settings.path());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::simulator::quay::lookup::Filter;

    const PATH: &str = "acme/web";

    fn history(contents: &Contents) -> Vec<(String, i64, Option<i64>)> {
        let home = contents.home_at(PATH).unwrap();
        let seconds = |time: Timestamp| time.since(BEGINNING).as_secs().cast_signed();
        let rows = contents.rows(home, &Filter::default(), 0, u64::MAX);
        rows.iter()
            .map(|row| {
                let tag = &row.tag;
                (tag.name.clone(), seconds(tag.start), tag.end.map(seconds))
            })
            .collect()
    }

    fn row(name: &str, start: i64, end: impl Into<Option<i64>>) -> (String, i64, Option<i64>) {
        (name.to_owned(), start, end.into())
    }

    #[test]
    fn every_life_of_a_tag_leaves_a_record_in_the_history() {
        let mut contents = Contents::empty();
        let first = contents.push(PATH, Push::image().tag("a"));
        contents.push(PATH, Push::image().tag("a").tag("b"));
        assert!(contents.delete_tag(PATH, "b"));
        assert!(!contents.delete_tag(PATH, "b"));
        assert!(contents.restore_tag(PATH, "a", &first));
        let expected = [
            row("a", 5, None),
            row("b", 2, 3),
            row("a", 2, 5),
            row("a", 1, 2),
        ];
        assert_eq!(history(&contents), expected);
        let listed = contents.listed("acme", contents.last_change());
        assert_eq!((listed.len(), &listed[0].digest), (1, &first));
    }

    #[test]
    fn a_tag_that_expires_is_there_until_then() {
        let mut contents = Contents::empty();
        let digest = contents.push(PATH, Push::image().tag("a"));
        let later = contents
            .last_change()
            .saturating_add(Duration::from_secs(60));
        assert!(contents.expire_tag(PATH, "a", Some(later)));
        let before = later.saturating_sub(Duration::from_nanos(1));
        assert_eq!(contents.listed("acme", before).len(), 1);
        assert_eq!(contents.listed("acme", later), []);
        assert!(contents.tag(PATH, &digest, "b"));
        assert!(contents.expire_tag(PATH, "a", None));
        assert_eq!(contents.listed("acme", later)[0].tags, ["a", "b"]);
    }

    #[test]
    fn generated_tags_change_like_pushed_ones() {
        let mut contents = Contents::sized(1, 1, 4);
        let path = "org-1/app-1";
        let before = contents.listed("org-1", BEGINNING);
        assert_eq!(before.len(), 4);
        contents.push(path, Push::image().tag("1.0.0"));
        assert!(contents.delete_tag(path, "1.0.1"));
        let kept = before.iter().find(|row| row.tags == ["1.0.2"]).unwrap();
        assert!(contents.tag(path, &kept.digest, "extra"));
        let listed = contents.listed("org-1", BEGINNING);
        let mut tags: Vec<_> = listed.iter().map(|row| row.tags.join(" ")).collect();
        tags.sort();
        assert_eq!(tags, ["1.0.0", "1.0.2 extra", "1.0.3"]);
        let home = contents.home_at(path).unwrap();
        let rows = contents.rows(home, &Filter::default(), 0, u64::MAX);
        assert_eq!(rows.len(), 6, "the ended ones are history");
    }

    #[test]
    fn sizes_are_totals_spread_evenly() {
        let contents = Contents::sized(3, 10, 101);
        let counts = ["org-1", "org-2", "org-3"].map(|name| {
            let homes = contents.homes.values();
            let homes = homes.filter(|home| home.settings.namespace == name);
            (homes.count(), contents.listed(name, BEGINNING).len())
        });
        assert_eq!(counts, [(3, 30), (3, 30), (4, 41)]);
        let million = Contents::sized(1, 1, 1_000_000);
        let home = million.home_at("org-1/app-1").unwrap();
        let rows = million.rows(home, &Filter::alive(BEGINNING), 999_999, 2);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].tag.name, "1.0.0");
    }

    #[test]
    fn an_organization_goes_with_its_repositories() {
        let mut contents = Contents::empty();
        contents.create_organization(Organization::new("acme"));
        contents.push(PATH, Push::image().tag("a"));
        contents.push("other/web", Push::image().tag("a"));
        assert!(contents.delete_organization("acme"));
        assert!(!contents.delete_organization("acme"));
        assert!(contents.home_at(PATH).is_none());
        assert!(contents.home_at("other/web").is_some());
    }
}
