use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    time::Duration,
};

use super::{
    push::{Child, Kind, Listed, Platform, Project, Push, Pushed},
    release::Release,
    rows::Rows,
    sized::Even,
};
use crate::clock::Timestamp;

/// 2026-01-01T00:00:00Z, before the first change.
const BEGINNING: Timestamp = Timestamp::from_unix_nanos(1_767_225_600_000_000_000);

/// Projects, repositories, artifacts and tags.
///
/// Every change takes place one second after the one before, from 2026-01-01 on, so that equal
/// changes make equal contents. Ids ascend as in Harbor. Digests are made up: they are unique,
/// but no manifest hashes to them.
///
/// ```
/// use registry_intake::simulator::{Contents, Project, Push, Release};
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
    by_path: BTreeMap<String, u64>,
    artifacts: BTreeMap<u64, Artifact>,
    even: Even,
    last_project: u64,
    last_repository: u64,
    last_artifact: u64,
    last_tag: u64,
    now: Timestamp,
    next: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub(super) struct ProjectRecord {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) public: bool,
    pub(super) registry_id: Option<u64>,
    pub(super) created: Timestamp,
    pub(super) repositories: BTreeSet<u64>,
}

#[derive(Debug, Clone)]
pub(super) struct Repository {
    pub(super) id: u64,
    pub(super) project: u64,
    pub(super) path: String,
    pub(super) created: Timestamp,
    /// The last push, move or deletion.
    pub(super) changed: Timestamp,
    /// Artifacts that follow from their ids, less those that were deleted or changed since.
    generated: Range<u64>,
    gone: BTreeSet<u64>,
    stored: BTreeSet<u64>,
    /// Of stored artifacts.
    tags: BTreeMap<String, u64>,
}

#[derive(Debug, Clone)]
pub(super) struct Artifact {
    pub(super) id: u64,
    pub(super) repository: u64,
    pub(super) digest: String,
    pub(super) kind: Kind,
    pub(super) docker: bool,
    pub(super) platform: Platform,
    pub(super) artifact_type: Option<String>,
    pub(super) pushed: Timestamp,
    pub(super) size: u64,
    pub(super) tags: Vec<Tag>,
    pub(super) references: Vec<Reference>,
    pub(super) subject: Option<String>,
    /// How many indexes it belongs to.
    parents: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Tag {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) pushed: Timestamp,
}

#[derive(Debug, Clone)]
pub(super) struct Reference {
    pub(super) id: u64,
    pub(super) digest: String,
    pub(super) platform: Platform,
    pub(super) attests: Option<String>,
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
        for index in 0..even.projects {
            contents.create_project(Project::private(&even.project_name(index)));
        }
        for index in 0..even.repositories {
            let project = even.project_of(index);
            let path = format!("{}/{}", even.project_name(project), even.name(index));
            contents.tick();
            let id = contents.add_repository(project + 1, path);
            let generated = even.artifacts_of(index);
            let changed = contents.generated_at(generated.end.saturating_sub(1));
            if let Some(repository) = contents.repositories.get_mut(&id) {
                repository.generated = generated;
                repository.changed = changed;
            }
        }
        contents.last_artifact = even.artifacts;
        contents.last_tag = even.artifacts;
        contents.now = contents.generated_at(even.artifacts);
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

    fn generated_at(&self, id: u64) -> Timestamp {
        // The projects and repositories took a second each before.
        let before = self.even.projects + self.even.repositories;
        BEGINNING.saturating_add(Duration::from_secs(before + id))
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

    /// What the lists of these repositories page through.
    pub(super) fn rows<'a>(
        &self,
        repositories: impl IntoIterator<Item = &'a Repository>,
        release: Release,
    ) -> Rows {
        let mut rows = Rows::default();
        for repository in repositories {
            rows.add_range(repository.generated.clone(), &repository.gone);
            for id in &repository.stored {
                let Some(artifact) = self.artifacts.get(id) else {
                    continue;
                };
                if artifact.takes_a_row(release) {
                    rows.add(*id);
                } else if release.filters_after_paging() && artifact.kind == Kind::Signature {
                    rows.add_hidden(*id);
                }
            }
        }
        rows.settle();
        rows
    }

    pub(super) fn project_named(&self, name: &str) -> Option<&ProjectRecord> {
        self.projects.values().find(|project| project.name == name)
    }

    pub(super) fn repository_at(&self, path: &str) -> Option<&Repository> {
        self.repositories.get(self.by_path.get(path)?)
    }

    /// The repository that holds this artifact, deleted or not.
    pub(super) fn home_of(&self, id: u64) -> Option<u64> {
        self.artifacts
            .get(&id)
            .map(|artifact| artifact.repository)
            .or_else(|| self.even.repository_of(id))
    }

    pub(super) fn artifact(&self, repository: u64, id: u64) -> Option<Cow<'_, Artifact>> {
        if let Some(artifact) = self.artifacts.get(&id) {
            return (artifact.repository == repository).then_some(Cow::Borrowed(artifact));
        }
        let home = self.repositories.get(&repository)?;
        (home.generated.contains(&id) && !home.gone.contains(&id))
            .then(|| Cow::Owned(self.generated(home, id)))
    }

    /// By tag or by digest.
    pub(super) fn find(
        &self,
        repository: &Repository,
        reference: &str,
    ) -> Option<Cow<'_, Artifact>> {
        let id = if reference.contains(':') {
            self.id_of_digest(repository.id, reference)
        } else {
            self.id_of_tag(repository, reference)
        }?;
        self.artifact(repository.id, id)
    }

    /// In alphabetical order, accessories' tags included.
    pub(super) fn tags_of(&self, repository: &Repository) -> Vec<String> {
        let generated = repository.generated.clone();
        let mut tags: Vec<_> = generated
            .filter(|id| !repository.gone.contains(id))
            .map(|id| Even::tag(id - repository.generated.start))
            .chain(repository.tags.keys().cloned())
            .collect();
        tags.sort();
        tags
    }

    pub(super) fn accessories_of(&self, artifact: &Artifact) -> Vec<&Artifact> {
        let home = self.repositories.get(&artifact.repository);
        home.into_iter()
            .flat_map(|home| &home.stored)
            .filter_map(|id| self.artifacts.get(id))
            .filter(|other| other.subject.as_ref() == Some(&artifact.digest))
            .collect()
    }

    fn generated(&self, home: &Repository, id: u64) -> Artifact {
        let pushed = self.generated_at(id);
        Artifact {
            id,
            repository: home.id,
            digest: digest_of(id),
            kind: Kind::Image,
            docker: id.is_multiple_of(2),
            platform: Platform::default(),
            artifact_type: None,
            pushed,
            size: size_of(id),
            tags: vec![Tag {
                id,
                name: Even::tag(id - home.generated.start),
                pushed,
            }],
            references: Vec::new(),
            subject: None,
            parents: 0,
        }
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

    fn locate(&self, path: &str, digest: &str) -> Option<(u64, u64)> {
        let repository = *self.by_path.get(path)?;
        Some((repository, self.id_of_digest(repository, digest)?))
    }

    fn id_of_digest(&self, repository: u64, digest: &str) -> Option<u64> {
        let guess = id_in(digest).filter(|id| {
            self.artifact(repository, *id)
                .is_some_and(|artifact| artifact.digest == digest)
        });
        let home = self.repositories.get(&repository)?;
        guess.or_else(|| {
            home.stored
                .iter()
                .copied()
                .find(|id| self.artifacts.get(id).is_some_and(|it| it.digest == digest))
        })
    }

    fn id_of_tag(&self, home: &Repository, name: &str) -> Option<u64> {
        let generated = Even::index_of_tag(name)
            .map(|index| home.generated.start + index)
            .filter(|id| home.generated.contains(id) && !home.gone.contains(id));
        home.tags.get(name).copied().or(generated)
    }
}

impl Artifact {
    fn takes_a_row(&self, release: Release) -> bool {
        match self.kind {
            _ if self.parents > 0 && self.tags.is_empty() => false,
            Kind::Signature => !release.has_accessories(),
            Kind::Referrer => !release.knows_referrers(),
            _ => true,
        }
    }
}

fn size_of(id: u64) -> u64 {
    1024 + mix(id) % (64 * 1024 * 1024)
}

/// 64 hexadecimal digits that no other id has; the last 16 lead back to the id.
fn digest_of(id: u64) -> String {
    let [first, second, third] = [1, 2, 3].map(|salt| mix(id ^ mix(salt)));
    let last = id.wrapping_mul(SPREAD);
    format!("sha256:{first:016x}{second:016x}{third:016x}{last:016x}")
}

fn id_in(digest: &str) -> Option<u64> {
    let last = digest.get(digest.len().checked_sub(16)?..)?;
    let last = u64::from_str_radix(last, 16).ok()?;
    Some(last.wrapping_mul(SPREAD_BACK))
}

/// The golden ratio of 64 bits, and its inverse modulo 2^64.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
const SPREAD_BACK: u64 = 0xf1de_83e1_9937_733d;

/// The finalizer of SplitMix64, a bijection.
fn mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(SPREAD);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
