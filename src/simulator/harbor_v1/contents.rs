use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    access_log::{AccessLog, Operation},
    push::{Listed, Project},
    records::{ProjectRecord, Repository},
};
use crate::{clock::Timestamp, simulator::sized::Even};

/// What the names of generated projects start with.
const PREFIX: &str = "project";

/// 2026-01-01T00:00:00Z, before the first change.
const BEGINNING: Timestamp = Timestamp::from_unix_nanos(1_767_225_600_000_000_000);

/// Projects, repositories and tags, and the access log.
///
/// Every change takes place one second after the one before, from 2026-01-01 on, so that equal
/// changes make equal contents. Ids ascend as in Harbor. Digests are made up: they are unique,
/// but no manifest hashes to them.
///
/// ```
/// use registry_intake::simulator::harbor_v1::{Contents, Project, Push};
///
/// let mut contents = Contents::empty();
/// contents.create_project(Project::public("library"));
/// let digest = contents.push("library/nginx", Push::image().tag("1.27").tag("latest"));
/// let listed = contents.listed();
/// assert_eq!(listed.len(), 1);
/// assert_eq!(listed[0].digest, digest);
/// assert_eq!(listed[0].tags, ["1.27", "latest"]);
/// ```
#[derive(Debug, Clone)]
pub struct Contents {
    pub(super) projects: BTreeMap<u64, ProjectRecord>,
    /// By path.
    pub(super) repositories: BTreeMap<String, Repository>,
    /// Paths of which everything was deleted: the registry itself goes on naming them.
    pub(super) emptied: BTreeSet<String>,
    pub(super) log: AccessLog,
    pub(super) now: Timestamp,
    pub(super) last_manifest: u64,
    last_project: u64,
    last_repository: u64,
    next: Option<Timestamp>,
}

impl Contents {
    /// Nothing, not even the project `library`.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            projects: BTreeMap::new(),
            repositories: BTreeMap::new(),
            emptied: BTreeSet::new(),
            log: AccessLog::default(),
            now: BEGINNING,
            last_manifest: 0,
            last_project: 0,
            last_repository: 0,
            next: None,
        }
    }

    /// So many private projects, repositories and tags, all of them totals, spread evenly; each tag
    /// has a digest of its own. The tags of a repository take no memory until something in it is
    /// changed, so that millions are cheap. The access log tells of the last push alone.
    ///
    /// There is at least one project where there are repositories, and one repository where there
    /// are tags.
    #[must_use]
    pub fn sized(projects: u64, repositories: u64, tags: u64) -> Self {
        let even = Even::new(projects, repositories, tags);
        let mut contents = Self::empty();
        for index in 0..even.namespaces {
            contents.create_project(Project::private(&even.namespace(PREFIX, index)));
        }
        for index in 0..even.repositories {
            let project = even.namespace_of(index);
            let path = format!("{}/{}", even.namespace(PREFIX, project), even.name(index));
            contents.create_repository(&path);
            if let Some(home) = contents.repositories.get_mut(&path) {
                home.generated = even.items_of(index);
            }
        }
        contents.log_of_sized(&even);
        contents
    }

    /// The first image is pushed when all repositories are there, and a row is logged of each.
    fn log_of_sized(&mut self, even: &Even) {
        let start = self.now;
        for home in self.repositories.values_mut() {
            home.generated_from = start.saturating_add(Duration::from_secs(home.generated.start));
        }
        self.now = start.saturating_add(Duration::from_secs(even.items));
        self.last_manifest = even.items;
        self.number_log(even.namespaces + even.items.max(1));
        let mut homes = self.repositories.values();
        if let Some(home) = homes.find(|home| home.generated.end == even.items + 1) {
            let tag = Even::tag(home.tags_count() - 1);
            let (project, path) = (home.project, home.path.clone());
            self.write_log(Operation::Push, project, &path, &tag);
        }
    }

    /// The next change takes place then.
    pub fn at(&mut self, time: Timestamp) -> &mut Self {
        self.next = Some(time);
        self
    }

    /// The time of the last change. A server takes it for the present where its clock is behind.
    #[must_use]
    pub fn last_change(&self) -> Timestamp {
        self.now
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
        self.last_project += 1;
        let id = self.last_project;
        let path = format!("{}/", project.name);
        self.projects.insert(
            id,
            ProjectRecord {
                id,
                name: project.name,
                public: project.public,
                created: self.now,
            },
        );
        self.write_log(Operation::Create, id, &path, NO_TAG);
        id
    }

    /// Deletes a project, and before it everything in it. Says whether it was there.
    pub fn delete_project(&mut self, name: &str) -> bool {
        let Some(id) = self.project_named(name).map(|project| project.id) else {
            return false;
        };
        let paths: Vec<_> = self.all_in(name).map(|home| home.path.clone()).collect();
        for path in paths {
            self.delete_repository(&path);
        }
        self.tick();
        self.projects.remove(&id);
        self.write_log(Operation::Delete, id, &format!("{name}/"), NO_TAG);
        true
    }

    /// Creates a repository of this full path that the database knows and of which the registry
    /// holds nothing, unless it is there, and returns its id.
    pub fn create_repository(&mut self, path: &str) -> u64 {
        self.tick();
        let path = self.place(path);
        self.make_known(&path)
    }

    /// What a complete listing must show, ordered: every image with a tag, by the digest that its
    /// manifest really has. A repository that holds OCI content only is left out: neither the lists
    /// nor the catalog name it.
    #[must_use]
    pub fn listed(&self) -> Vec<Listed> {
        let mut listed = Vec::new();
        for home in self.repositories.values().filter(|home| home.is_known()) {
            let mut images: BTreeMap<&str, Vec<String>> = BTreeMap::new();
            let home = home.settled();
            for (name, tag) in &home.tags {
                images.entry(&tag.digest).or_default().push(name.clone());
            }
            listed.extend(images.into_iter().map(|(digest, tags)| Listed {
                repository: home.path.clone(),
                digest: digest.to_owned(),
                tags,
            }));
        }
        listed.sort();
        listed
    }

    pub(super) fn project_named(&self, name: &str) -> Option<&ProjectRecord> {
        self.projects.values().find(|project| project.name == name)
    }

    /// Those of a project, by name.
    fn all_in(&self, project: &str) -> impl Iterator<Item = &Repository> {
        let start = format!("{project}/");
        self.repositories
            .range(start.clone()..)
            .take_while(move |(path, _)| path.starts_with(&start))
            .map(|(_, home)| home)
    }

    /// Those that the database knows.
    pub(super) fn known_in(&self, project: &ProjectRecord) -> impl Iterator<Item = &Repository> {
        self.all_in(&project.name).filter(|home| home.is_known())
    }

    /// Makes sure that the registry has a repository of this path, and returns the full path.
    pub(super) fn place(&mut self, path: &str) -> String {
        let path = match path.contains('/') {
            true => path.to_owned(),
            false => format!("library/{path}"),
        };
        if self.repositories.contains_key(&path) {
            return path;
        }
        let (name, _) = path.split_once('/').unwrap_or((&path, ""));
        let project = match self.project_named(name) {
            Some(project) => project.id,
            None => self.create_project(Project::private(name)),
        };
        self.emptied.remove(&path);
        let home = Repository {
            id: None,
            project,
            path: path.clone(),
            created: self.now,
            pulled: None,
            pulls: 0,
            generated: 0..0,
            generated_from: self.now,
            manifests: BTreeMap::new(),
            tags: BTreeMap::new(),
        };
        self.repositories.insert(path.clone(), home);
        path
    }

    /// Puts the repository into the database, unless it is there, and returns its id.
    pub(super) fn make_known(&mut self, path: &str) -> u64 {
        let Some(home) = self.repositories.get_mut(path) else {
            return 0;
        };
        *home.id.get_or_insert_with(|| {
            home.created = self.now;
            self.last_repository += 1;
            self.last_repository
        })
    }
}

/// What stands for a tag in the row of a project.
const NO_TAG: &str = "N/A";
