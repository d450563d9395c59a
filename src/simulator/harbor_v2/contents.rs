use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    push::{Child, Listed, Project, Push, Pushed},
    records::{Artifact, ProjectRecord, Reference, Repository, Tag},
    release::Release,
};
use crate::{
    clock::Timestamp,
    simulator::{
        made_up::{digest_of, size_of},
        sized::Even,
    },
};

/// What the names of generated projects start with.
const PREFIX: &str = "project";

/// 2026-01-01T00:00:00Z, before the first change.
pub(super) const BEGINNING: Timestamp = Timestamp::from_unix_nanos(1_767_225_600_000_000_000);

/// Projects, repositories, artifacts and tags.
///
/// Every change takes place one second after the one before, from 2026-01-01 on, so that equal
/// changes make equal contents. Ids ascend as in Harbor. Digests are made up: they are unique,
/// but no manifest hashes to them.
///
/// ```
/// use registry_intake::simulator::harbor_v2::{Contents, Project, Push, Release};
///
/// let mut contents = Contents::empty();
/// contents.create_project(Project::public("library"));
/// let image = contents.push("library/nginx", Push::image().tag("1.27"));
/// contents.push("library/nginx", Push::signature_of(&image.digest));
/// let listed = contents.listed(Release::V2_15);
/// assert_eq!(listed.len(), 1);
/// assert_eq!(listed[0].tags, ["1.27"]);
/// ```
#[derive(Debug, Clone)]
pub struct Contents {
    pub(super) projects: BTreeMap<u64, ProjectRecord>,
    pub(super) repositories: BTreeMap<u64, Repository>,
    pub(super) by_path: BTreeMap<String, u64>,
    pub(super) artifacts: BTreeMap<u64, Artifact>,
    pub(super) even: Even,
    last_project: u64,
    last_repository: u64,
    last_artifact: u64,
    last_tag: u64,
    now: Timestamp,
    next: Option<Timestamp>,
}

impl Contents {
    /// Nothing, not even the project `library`.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            projects: BTreeMap::new(),
            repositories: BTreeMap::new(),
            by_path: BTreeMap::new(),
            artifacts: BTreeMap::new(),
            even: Even::default(),
            last_project: 0,
            last_repository: 0,
            last_artifact: 0,
            last_tag: 0,
            now: BEGINNING,
            next: None,
        }
    }

    /// So many private projects, repositories and artifacts, all of them totals, spread evenly.
    /// Artifacts take no memory until they are changed, so that millions are cheap.
    ///
    /// There is at least one project where there are repositories, and one repository where there
    /// are artifacts.
    #[must_use]
    pub fn sized(projects: u64, repositories: u64, artifacts: u64) -> Self {
        let even = Even::new(projects, repositories, artifacts);
        let mut contents = Self {
            even: even.clone(),
            ..Self::empty()
        };
        for index in 0..even.namespaces {
            contents.tick();
            contents.add_project(Project::private(&even.namespace(PREFIX, index)));
        }
        for index in 0..even.repositories {
            let project = even.namespace_of(index);
            let path = format!("{}/{}", even.namespace(PREFIX, project), even.name(index));
            contents.tick();
            let id = contents.add_repository(project + 1, path);
            let generated = even.items_of(index);
            let changed = contents.generated_at(generated.end.saturating_sub(1));
            if let Some(repository) = contents.repositories.get_mut(&id) {
                repository.generated = generated;
                repository.changed = changed;
            }
        }
        contents.last_artifact = even.items;
        contents.last_tag = even.items;
        contents.now = contents.generated_at(even.items);
        contents
    }

    /// The next change takes place then. Must not be earlier than the change before: the newest
    /// push is the one with the highest id.
    pub fn at(&mut self, time: Timestamp) -> &mut Self {
        self.next = Some(time);
        self
    }

    fn tick(&mut self) {
        let second_later = self.now.saturating_add(Duration::from_secs(1));
        self.now = self.next.take().unwrap_or(second_later);
    }

    /// Creates a project, unless there is one of its name, and returns its id.
    pub fn create_project(&mut self, project: Project) -> u64 {
        if let Some(present) = self.project_named(&project.name) {
            return present.id;
        }
        self.tick();
        self.add_project(project)
    }

    fn add_project(&mut self, project: Project) -> u64 {
        self.last_project += 1;
        let id = self.last_project;
        self.projects.insert(
            id,
            ProjectRecord {
                id,
                name: project.name,
                public: project.public,
                registry_id: project.registry_id,
                created: self.now,
                repositories: BTreeSet::new(),
            },
        );
        id
    }

    /// Deletes a project with everything in it. Says whether it was there.
    pub fn delete_project(&mut self, name: &str) -> bool {
        let Some(id) = self.project_named(name).map(|project| project.id) else {
            return false;
        };
        self.tick();
        if let Some(project) = self.projects.remove(&id) {
            for repository in project.repositories {
                self.drop_repository(repository);
            }
        }
        true
    }

    /// Creates an empty repository of this full path, unless it is there, and returns its id. On
    /// the real server it is one whose artifacts were all deleted.
    pub fn create_repository(&mut self, path: &str) -> u64 {
        self.tick();
        self.repository_for(path)
    }

    /// Pushes to the repository of this full path. Creates it, and a private project, where they
    /// are missing; a path without a slash is put into the project `library`.
    pub fn push(&mut self, path: &str, push: Push) -> Pushed {
        self.tick();
        let repository = self.repository_for(path);
        let present = push
            .digest
            .as_ref()
            .and_then(|digest| self.id_of_digest(repository, digest));
        let id = present.unwrap_or_else(|| self.add_artifact(repository, &push));
        for tag in &push.tags {
            self.put_tag(repository, id, tag);
        }
        self.touch(repository);
        let digest = self
            .artifact(repository, id)
            .map(|artifact| artifact.digest.clone())
            .unwrap_or_default();
        Pushed { id, digest }
    }

    /// Gives an artifact a tag, taking it from whichever has it. Says whether the artifact is there.
    pub fn tag(&mut self, path: &str, digest: &str, tag: &str) -> bool {
        let Some((repository, id)) = self.locate(path, digest) else {
            return false;
        };
        self.tick();
        self.put_tag(repository, id, tag);
        self.touch(repository);
        true
    }

    /// Deletes a tag. Says whether it was there.
    pub fn delete_tag(&mut self, path: &str, tag: &str) -> bool {
        let Some(repository) = self.by_path.get(path).copied() else {
            return false;
        };
        self.tick();
        let deleted = self.take_tag(repository, tag);
        if deleted {
            self.touch(repository);
        }
        deleted
    }

    /// Deletes an artifact with its tags and accessories, and with those children that belong to
    /// no other index and have no tag. Says whether it was there.
    pub fn delete_artifact(&mut self, path: &str, digest: &str) -> bool {
        let Some((repository, id)) = self.locate(path, digest) else {
            return false;
        };
        self.tick();
        self.drop_artifact(repository, id);
        self.touch(repository);
        true
    }

    /// Deletes a repository with everything in it. Says whether it was there.
    pub fn delete_repository(&mut self, path: &str) -> bool {
        let Some(id) = self.by_path.get(path).copied() else {
            return false;
        };
        self.tick();
        self.drop_repository(id);
        true
    }

    /// What a complete listing of this release must show, ordered: every artifact, tagged or not,
    /// save the untagged children of an index and what the release holds for an accessory.
    #[must_use]
    pub fn listed(&self, release: Release) -> Vec<Listed> {
        let mut listed: Vec<_> = self
            .repositories
            .values()
            .flat_map(|repository| self.listed_in(repository, release))
            .collect();
        listed.sort();
        listed
    }

    fn listed_in(&self, repository: &Repository, release: Release) -> impl Iterator<Item = Listed> {
        let proxy_cache = self
            .projects
            .get(&repository.project)
            .is_some_and(|project| project.registry_id.is_some())
            && release.has_proxy_caches();
        let rows = self.rows([repository], release);
        rows.page(false, 0, None).into_iter().filter_map(move |id| {
            let artifact = self.artifact(repository.id, id)?;
            let mut tags: Vec<_> = artifact.tags.iter().map(|tag| tag.name.clone()).collect();
            tags.sort();
            Some(Listed {
                repository: repository.path.clone(),
                digest: artifact.digest.clone(),
                tags,
                proxy_cache,
            })
        })
    }

    fn repository_for(&mut self, path: &str) -> u64 {
        let path = if path.contains('/') {
            path.to_owned()
        } else {
            format!("library/{path}")
        };
        if let Some(id) = self.by_path.get(&path) {
            return *id;
        }
        let (name, _) = path.split_once('/').unwrap_or((&path, ""));
        let project = match self.project_named(name) {
            Some(project) => project.id,
            None => self.add_project(Project::private(name)),
        };
        self.add_repository(project, path)
    }

    fn add_repository(&mut self, project: u64, path: String) -> u64 {
        let created = self.now;
        self.last_repository += 1;
        let id = self.last_repository;
        if let Some(project) = self.projects.get_mut(&project) {
            project.repositories.insert(id);
        }
        self.by_path.insert(path.clone(), id);
        self.repositories.insert(
            id,
            Repository {
                id,
                project,
                path,
                created,
                changed: created,
                generated: 0..0,
                gone: BTreeSet::new(),
                stored: BTreeSet::new(),
                tags: BTreeMap::new(),
            },
        );
        id
    }

    fn add_artifact(&mut self, repository: u64, push: &Push) -> u64 {
        let references: Vec<_> = push
            .children
            .iter()
            .map(|child| self.add_child(repository, child, push.docker))
            .collect();
        let id = push.id.unwrap_or_default().max(self.last_artifact + 1);
        self.last_artifact = id;
        let own = size_of(id);
        let size = references
            .iter()
            .filter_map(|reference| self.artifacts.get(&reference.id))
            .fold(own, |sum, child| sum + child.size);
        self.artifacts.insert(
            id,
            Artifact {
                id,
                repository,
                digest: push.digest.clone().unwrap_or_else(|| digest_of(id)),
                kind: push.kind.clone(),
                docker: push.docker,
                platform: push.platform.clone(),
                artifact_type: push.artifact_type.clone(),
                pushed: self.now,
                size,
                tags: Vec::new(),
                references,
                subject: push.subject.clone(),
                parents: 0,
            },
        );
        if let Some(home) = self.repositories.get_mut(&repository) {
            home.stored.insert(id);
        }
        id
    }

    fn add_child(&mut self, repository: u64, child: &Child, docker: bool) -> Reference {
        let present = child
            .digest
            .as_ref()
            .and_then(|digest| self.id_of_digest(repository, digest));
        let id = present.unwrap_or_else(|| {
            let push = Push {
                docker,
                digest: child.digest.clone(),
                ..Push::image().platform(child.platform.clone())
            };
            self.add_artifact(repository, &push)
        });
        self.store(repository, id);
        let digest = self.artifacts.get_mut(&id).map(|artifact| {
            artifact.parents += 1;
            artifact.digest.clone()
        });
        Reference {
            id,
            digest: digest.unwrap_or_default(),
            platform: child.platform.clone(),
            attests: child.attests.clone(),
        }
    }

    /// Makes a generated artifact one that can be changed.
    fn store(&mut self, repository: u64, id: u64) {
        if self.artifacts.contains_key(&id) {
            return;
        }
        let Some(artifact) = self.artifact(repository, id).map(Cow::into_owned) else {
            return;
        };
        if let Some(home) = self.repositories.get_mut(&repository) {
            home.gone.insert(id);
            home.stored.insert(id);
            home.tags
                .extend(artifact.tags.iter().map(|tag| (tag.name.clone(), id)));
        }
        self.artifacts.insert(id, artifact);
    }

    fn put_tag(&mut self, repository: u64, id: u64, name: &str) {
        let holder = self
            .repositories
            .get(&repository)
            .and_then(|home| self.id_of_tag(home, name));
        if holder == Some(id) {
            return;
        }
        self.take_tag(repository, name);
        self.store(repository, id);
        self.last_tag += 1;
        let tag = Tag {
            id: self.last_tag,
            name: name.to_owned(),
            pushed: self.now,
        };
        if let Some(artifact) = self.artifacts.get_mut(&id) {
            artifact.tags.push(tag);
        }
        if let Some(home) = self.repositories.get_mut(&repository) {
            home.tags.insert(name.to_owned(), id);
        }
    }

    fn take_tag(&mut self, repository: u64, name: &str) -> bool {
        let holder = self
            .repositories
            .get(&repository)
            .and_then(|home| self.id_of_tag(home, name));
        let Some(id) = holder else { return false };
        self.store(repository, id);
        if let Some(artifact) = self.artifacts.get_mut(&id) {
            artifact.tags.retain(|tag| tag.name != name);
        }
        if let Some(home) = self.repositories.get_mut(&repository) {
            home.tags.remove(name);
        }
        true
    }

    fn drop_artifact(&mut self, repository: u64, id: u64) {
        self.store(repository, id);
        let Some(artifact) = self.artifacts.remove(&id) else {
            return;
        };
        if let Some(home) = self.repositories.get_mut(&repository) {
            home.stored.remove(&id);
            home.tags.retain(|_, holder| *holder != id);
        }
        let accessories: Vec<_> = self
            .accessories_of(&artifact)
            .iter()
            .map(|accessory| accessory.id)
            .collect();
        for accessory in accessories {
            self.drop_artifact(repository, accessory);
        }
        for reference in artifact.references {
            let Some(child) = self.artifacts.get_mut(&reference.id) else {
                continue;
            };
            child.parents = child.parents.saturating_sub(1);
            if child.parents == 0 && child.tags.is_empty() {
                self.drop_artifact(repository, reference.id);
            }
        }
    }

    fn drop_repository(&mut self, id: u64) {
        let Some(repository) = self.repositories.remove(&id) else {
            return;
        };
        self.by_path.remove(&repository.path);
        for artifact in &repository.stored {
            self.artifacts.remove(artifact);
        }
        if let Some(project) = self.projects.get_mut(&repository.project) {
            project.repositories.remove(&id);
        }
    }

    fn touch(&mut self, repository: u64) {
        if let Some(home) = self.repositories.get_mut(&repository) {
            home.changed = self.now;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::simulator::{Platform, harbor_v2::Push};

    fn tags(contents: &Contents, release: Release) -> Vec<Vec<String>> {
        let listed = contents.listed(release);
        listed.into_iter().map(|row| row.tags).collect()
    }

    /// The ids of the page from `first` on, as `q=id=[FIRST~]&sort=id` asks for it.
    fn page(contents: &Contents, first: u64, release: Release, size: u64) -> (Vec<u64>, u64) {
        let repositories = contents.repositories.values();
        let mut rows = contents.rows(repositories, release);
        rows.clip(first, u64::MAX);
        (rows.page(false, 0, Some(size)), rows.total())
    }

    #[test]
    fn a_walk_by_lower_bounds_misses_and_repeats_nothing_while_rows_come_and_go() {
        let mut contents = Contents::sized(3, 7, 50);
        let deleted = contents.listed(Release::V2_15);
        let mut first = 1;
        let mut walked = Vec::new();
        loop {
            let (ids, total) = page(&contents, first, Release::V2_15, 4);
            walked.extend(&ids);
            if ids.len() as u64 == total {
                break;
            }
            first = ids.last().unwrap() + 1;
            let turn = walked.len();
            if turn < 40 {
                let row = &deleted[turn];
                contents.delete_artifact(&row.repository, &row.digest);
                contents.push(&row.repository, Push::image().tag("new"));
            }
        }
        let mut once = walked.clone();
        once.dedup();
        assert_eq!(walked, once);
        let (left, _) = page(&contents, 1, Release::V2_15, u64::MAX);
        assert!(left.iter().all(|id| walked.contains(id)));
    }

    #[test]
    fn pages_of_2_5_are_short_and_empty_where_signatures_were() {
        let mut contents = Contents::empty();
        let image = contents.push("a/b", Push::image().tag("1"));
        for _ in 0..5 {
            contents.push("a/b", Push::signature_of(&image.digest));
        }
        contents.push("a/b", Push::image().tag("2"));
        assert_eq!(page(&contents, 1, Release::V2_5, 3), (vec![1], 2));
        assert_eq!(page(&contents, 2, Release::V2_5, 3), (vec![], 1));
        assert_eq!(page(&contents, 2, Release::V2_9, 3), (vec![7], 1));
        assert_eq!(page(&contents, 1, Release::V2_0, 3), (vec![1, 2, 3], 7));
        assert_eq!(contents.listed(Release::V2_5).len(), 2);
    }

    #[test]
    fn generated_artifacts_change_like_pushed_ones() {
        let mut contents = Contents::sized(1, 1, 3);
        let path = "project-1/app-1";
        let before = contents.listed(Release::V2_15);
        assert_eq!(tags(&contents, Release::V2_15).concat().len(), 3);

        let new = contents.push(path, Push::image().tag("1.0.0"));
        let moved_from = before.iter().find(|row| row.tags == ["1.0.0"]).unwrap();
        assert!(contents.delete_tag(path, "1.0.1"));
        assert!(!contents.delete_tag(path, "1.0.1"));
        let kept = before.iter().find(|row| row.tags == ["1.0.2"]).unwrap();
        assert!(contents.tag(path, &kept.digest, "extra"));
        assert!(contents.delete_artifact(path, &moved_from.digest));
        assert!(!contents.delete_artifact(path, &moved_from.digest));

        let mut after = tags(&contents, Release::V2_15);
        after.sort();
        assert_eq!(after, [vec![], vec!["1.0.0"], vec!["1.0.2", "extra"]]);
        let listed = contents.listed(Release::V2_15);
        assert!(listed.iter().any(|row| row.digest == new.digest));
    }

    #[test]
    fn children_and_accessories_are_no_rows_and_go_with_what_they_belong_to() {
        let mut contents = Contents::empty();
        let children = || [Child::new(Platform::new("linux", "arm64"))];
        let index = contents.push("a/b", Push::index(children()).tag("1"));
        contents.push("a/b", Push::signature_of(&index.digest));
        contents.push("a/b", Push::referrer_of(&index.digest));
        assert_eq!(contents.listed(Release::V2_15).len(), 1);
        assert_eq!(contents.listed(Release::V2_5).len(), 2);
        assert_eq!(contents.artifacts.len(), 4);
        assert!(contents.delete_artifact("a/b", &index.digest));
        assert!(contents.artifacts.is_empty());
    }

    #[test]
    fn the_same_digest_again_is_the_same_artifact() {
        let mut contents = Contents::empty();
        let image = contents.push("a/b", Push::image().tag("1"));
        let again = contents.push("a/b", Push::image().digest(&image.digest).tag("2"));
        let elsewhere = contents.push("a/c", Push::image().digest(&image.digest));
        assert_eq!(again, image);
        assert_ne!(elsewhere.id, image.id);
        let listed = contents.listed(Release::V2_15);
        assert_eq!(listed[0].tags, ["1", "2"]);
        assert_eq!(listed[1].digest, image.digest);
    }

    #[test]
    fn sizes_are_totals_spread_evenly() {
        let contents = Contents::sized(3, 10, 101);
        let counts = contents.projects.values().map(|project| {
            let homes = project.repositories.iter();
            let homes = homes.filter_map(|id| contents.repositories.get(id));
            (
                project.repositories.len(),
                contents.rows(homes, Release::V2_15).total(),
            )
        });
        assert_eq!(counts.collect::<Vec<_>>(), [(3, 30), (3, 30), (4, 41)]);
        let million = Contents::sized(10, 1000, 1_000_000);
        let rows = million.rows(million.repositories.values(), Release::V2_15);
        assert_eq!(rows.page(false, 999_999, Some(2)), [1_000_000]);
    }
}
