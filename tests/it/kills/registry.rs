//! A simulated Harbor that goes on changing while those who follow it die.

use std::collections::{BTreeMap, BTreeSet};

use registry_intake::simulator::{
    HarborV2,
    harbor_v2::{Contents, Project, Push},
};

/// A tag that begins so is refused by the sink the first time.
pub(crate) const REFUSED: &str = "refused-";

/// What has a tag that begins so keeps the sink busy until its lease has been renewed.
pub(crate) const SLOW: &str = "slow-";

const PROJECTS: [&str; 4] = ["team-a", "team-b", "team-c", "library"];

/// Repository and digest, with the tags.
pub(crate) type Held = BTreeMap<(String, String), Vec<String>>;

pub(crate) struct Registry {
    pub(crate) harbor: HarborV2,
    /// The repository of each digest with a tag.
    pub(crate) tagged: BTreeMap<String, String>,
    pushed: usize,
    /// Tags given to images, or to a copy of theirs, after they were ingested.
    pub(super) given: Vec<(String, String)>,
    pub(super) deleted: BTreeSet<String>,
}

impl Registry {
    pub(crate) async fn start() -> Self {
        let mut contents = Contents::empty();
        for project in PROJECTS {
            contents.create_project(Project::private(project));
        }
        // More than one page of what is not for ingestion.
        for _ in 0..110 {
            contents.push("library/layers", Push::image());
        }
        let harbor = HarborV2::builder().contents(contents).start();
        let mut registry = Self {
            harbor: harbor.await.unwrap(),
            tagged: BTreeMap::new(),
            pushed: 0,
            given: Vec::new(),
            deleted: BTreeSet::new(),
        };
        for _ in 0..30 {
            registry.push("plain-");
        }
        registry.push(SLOW);
        registry.push(REFUSED);
        registry
    }

    pub(crate) fn push(&mut self, tag: &str) {
        self.pushed += 1;
        let project = PROJECTS[self.pushed % PROJECTS.len()];
        let repository = format!("{project}/app-{}", self.pushed % 3);
        let push = Push::image().tag(&format!("{tag}{}", self.pushed));
        let pushed = self
            .harbor
            .change(|contents| contents.push(&repository, push));
        self.tagged.insert(pushed.digest, repository);
    }

    /// Gives an image one more tag, or puts it into one more repository with that tag.
    pub(super) fn give_tag(&mut self, digest: &str) {
        let tag = format!("again-{}", self.given.len());
        let is_moved = self.given.len().is_multiple_of(2);
        let repository = if is_moved {
            "team-a/copies"
        } else {
            &self.tagged[digest]
        };
        let push = Push::image().digest(digest).tag(&tag);
        self.harbor
            .change(|contents| contents.push(repository, push));
        self.given.push((digest.to_owned(), tag));
    }

    pub(super) fn delete(&mut self, digest: &str) {
        let repository = &self.tagged[digest];
        let is_deleted = self
            .harbor
            .change(|contents| contents.delete_artifact(repository, digest));
        assert!(is_deleted);
        self.deleted.insert(digest.to_owned());
    }

    /// Whether nothing has happened to the image since it was pushed.
    pub(super) fn is_untouched(&self, digest: &str) -> bool {
        !self.deleted.contains(digest) && self.given.iter().all(|(given, _)| given != digest)
    }

    pub(super) fn held(&self) -> Held {
        let listed = self.harbor.listed().into_iter();
        listed
            .map(|row| ((row.repository, row.digest), row.tags))
            .collect()
    }
}
