use std::borrow::Cow;

use super::{
    audit::{Operation, Subject},
    contents::Contents,
    push::{Push, Pushed},
    records::{Artifact, Reference, Tag},
};
use crate::simulator::{
    harbor::Child,
    made_up::{digest_of, size_of},
};

/// What pushes, moves and deletions make of artifacts and tags.
impl Contents {
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
        let mut is_new = present.is_none();
        let digest = self
            .artifact(repository, id)
            .map(|artifact| artifact.digest.clone())
            .unwrap_or_default();
        let path = self.path_of(repository);
        if push.tags.is_empty() {
            self.log_push(&path, &digest, None, !is_new);
        }
        let mut is_changed = is_new;
        for tag in &push.tags {
            is_changed |= self.put_tag(repository, id, tag);
            // Each tag is a push of its own.
            self.log_push(&path, &digest, Some(tag), !is_new);
            is_new = false;
        }
        // The same tag and digest again changes nothing.
        if is_changed {
            self.touch(repository);
        }
        Pushed { id, digest }
    }

    /// Gives an artifact a tag by the API, taking it from whichever has it. Says whether the
    /// artifact is there.
    pub fn tag(&mut self, path: &str, digest: &str, tag: &str) -> bool {
        let Some((repository, id)) = self.locate(path, digest) else {
            return false;
        };
        self.tick();
        if self.put_tag(repository, id, tag) {
            self.touch(repository);
        }
        self.log(Operation::Create, tag_at(path, tag));
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
            self.log(Operation::Delete, tag_at(path, tag));
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
        let subject = Subject::Artifact {
            path: path.to_owned(),
            digest: digest.to_owned(),
            tag: None,
        };
        self.log(Operation::Delete, subject);
        true
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
            let id = self.add_artifact(repository, &push);
            let digest = self.artifacts.get(&id).map(|child| child.digest.clone());
            let path = self.path_of(repository);
            self.log_push(&path, &digest.unwrap_or_default(), None, false);
            id
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

    /// Says whether the tag was set to something else before.
    fn put_tag(&mut self, repository: u64, id: u64, name: &str) -> bool {
        let holder = self
            .repositories
            .get(&repository)
            .and_then(|home| self.id_of_tag(home, name));
        if holder == Some(id) {
            return false;
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
        true
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

    fn path_of(&self, repository: u64) -> String {
        let home = self.repositories.get(&repository);
        home.map(|home| home.path.clone()).unwrap_or_default()
    }

    fn touch(&mut self, repository: u64) {
        if let Some(home) = self.repositories.get_mut(&repository) {
            home.changed = self.now;
        }
    }
}

fn tag_at(path: &str, tag: &str) -> Subject {
    Subject::Tag {
        path: path.to_owned(),
        tag: tag.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::simulator::{Platform, harbor_v2::Release};

    fn tags(contents: &Contents, release: Release) -> Vec<Vec<String>> {
        let listed = contents.listed(release);
        listed.into_iter().map(|row| row.tags).collect()
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
}
