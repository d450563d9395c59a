use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    audit::{AuditLog, Operation, Subject},
    push::{Listed, Project},
    records::{Artifact, ProjectRecord, Repository},
    release::Release,
};
use crate::{
    clock::Timestamp,
    simulator::{made_up::digest_of, sized::Even},
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
    pub(super) last_artifact: u64,
    pub(super) last_tag: u64,
    pub(super) audit: AuditLog,
    pub(super) now: Timestamp,
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
            audit: AuditLog::default(),
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
        contents.log_of_sized();
        contents
    }

    /// Of the rows of all that was generated only the last is kept.
    fn log_of_sized(&mut self) {
        self.number_audit_log(self.last_artifact.max(1));
        let last = self.repositories.values().rev();
        let last = last.filter(|home| !home.generated.is_empty()).map(|home| {
            let tag = Even::tag(home.generated.end - 1 - home.generated.start);
            (home.path.clone(), home.generated.end - 1, tag)
        });
        if let Some((path, id, tag)) = last.into_iter().next() {
            self.log_push(&path, &digest_of(id), Some(&tag), false);
        }
    }

    /// The next change takes place then. Must not be earlier than the change before: the newest
    /// push is the one with the highest id.
    pub fn at(&mut self, time: Timestamp) -> &mut Self {
        self.next = Some(time);
        self
    }

    pub(super) fn tick(&mut self) {
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
        self.log(Operation::Create, Subject::Project(project.name.clone()));
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
        self.log(Operation::Delete, Subject::Project(name.to_owned()));
        true
    }

    /// Creates an empty repository of this full path, unless it is there, and returns its id. On
    /// the real server it is one whose artifacts were all deleted.
    pub fn create_repository(&mut self, path: &str) -> u64 {
        self.tick();
        self.repository_for(path)
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

    pub(super) fn repository_for(&mut self, path: &str) -> u64 {
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
                pulled: None,
                pulls: 0,
                generated: 0..0,
                gone: BTreeSet::new(),
                stored: BTreeSet::new(),
                tags: BTreeMap::new(),
            },
        );
        id
    }

    fn drop_repository(&mut self, id: u64) {
        let Some(repository) = self.repositories.get(&id) else {
            return;
        };
        let digests: Vec<_> = self
            .rows([repository], Release::V2_15)
            .ids()
            .filter_map(|artifact| Some(self.artifact(id, artifact)?.digest.clone()))
            .collect();
        let Some(repository) = self.repositories.remove(&id) else {
            return;
        };
        for digest in digests {
            let path = repository.path.clone();
            let tag = None;
            self.log(Operation::Delete, Subject::Artifact { path, digest, tag });
        }
        self.log(
            Operation::Delete,
            Subject::Repository(repository.path.clone()),
        );
        self.by_path.remove(&repository.path);
        for artifact in &repository.stored {
            self.artifacts.remove(artifact);
        }
        if let Some(project) = self.projects.get_mut(&repository.project) {
            project.repositories.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::simulator::harbor_v2::Push;

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
