use super::{
    access_log::{ADMINISTRATOR, Operation},
    contents::Contents,
    push::{Kind, Push},
    records::{Manifest, Reference, Tag},
};
use crate::simulator::{
    harbor::Child,
    made_up::{digest_of, size_of},
};

/// What pushes, moves, pulls and deletions make of manifests and tags.
impl Contents {
    /// Pushes to the repository of this full path, and returns the digest. Creates it, and a
    /// private project, where they are missing; a path without a slash is put into the project
    /// `library`.
    pub fn push(&mut self, path: &str, push: Push) -> String {
        self.tick();
        let path = self.place(path);
        let now = self.now;
        let mut last_manifest = self.last_manifest;
        let Some(home) = self.repositories.get_mut(&path) else {
            return String::new();
        };
        home.settle();
        let mut add = |digest: &Option<String>, kind, platform, references| {
            last_manifest += 1;
            let id = last_manifest;
            let digest = digest.clone().unwrap_or_else(|| digest_of(id));
            let manifest = Manifest {
                id,
                digest: digest.clone(),
                kind,
                platform,
                created: now,
                size: size_of(id),
                references,
            };
            home.manifests.entry(digest.clone()).or_insert(manifest);
            digest
        };
        let child_kind = match push.kind {
            Kind::OciIndex => Kind::OciImage,
            _ => Kind::Image,
        };
        let references = push.children.into_iter().map(|child| {
            let Child {
                platform,
                digest,
                attests,
            } = child;
            Reference {
                digest: add(&digest, child_kind, platform.clone(), Vec::new()),
                platform,
                attests,
            }
        });
        let references = references.collect();
        let digest = add(&push.digest, push.kind, push.platform, references);
        self.last_manifest = last_manifest;
        for tag in &push.tags {
            self.put_tag(&path, tag, &digest, push.legacy);
        }
        if push.tags.is_empty() && !push.legacy {
            self.log_push(&path, "");
        }
        digest
    }

    fn put_tag(&mut self, path: &str, name: &str, digest: &str, legacy: bool) {
        let now = self.now;
        let Some(home) = self.repositories.get_mut(path) else {
            return;
        };
        let manifest = home.manifests.get(digest);
        let is_docker = manifest.is_some_and(|manifest| manifest.kind.is_docker());
        // The same tag and digest again changes nothing but the log.
        let is_there = home.tags.get(name).is_some_and(|tag| tag.digest == digest);
        if !is_there {
            let tag = Tag {
                digest: digest.to_owned(),
                pushed: (!legacy).then_some(now),
                pulled: None,
            };
            home.tags.insert(name.to_owned(), tag);
        }
        if is_docker {
            self.make_known(path);
        }
        if !legacy {
            self.log_push(path, name);
        }
    }

    fn log_push(&mut self, path: &str, tag: &str) {
        if let Some(home) = self.repositories.get(path) {
            self.write_log(Operation::Push, home.project, path, tag);
        }
    }

    /// Deletes a tag as Harbor does: with its manifest, and so with every other tag of the same
    /// digest, of which the log says nothing. A repository without tags is deleted too. Says whether
    /// the tag was there.
    pub fn delete_tag(&mut self, path: &str, tag: &str) -> bool {
        let Some(home) = self.repositories.get_mut(path) else {
            return false;
        };
        home.settle();
        let Some(digest) = home.tags.get(tag).map(|tag| tag.digest.clone()) else {
            return false;
        };
        home.manifests.remove(&digest);
        home.tags.retain(|_, other| other.digest != digest);
        let (project, is_empty) = (home.project, home.tags.is_empty());
        self.tick();
        self.write_log(Operation::Delete, project, path, tag);
        if is_empty {
            self.drop_repository(path);
        }
        true
    }

    /// Deletes a repository tag by tag, as Harbor does. Says whether it was there.
    pub fn delete_repository(&mut self, path: &str) -> bool {
        let Some(home) = self.repositories.get(path) else {
            return false;
        };
        let tags: Vec<_> = home.settled().tags.keys().cloned().collect();
        for tag in tags {
            self.delete_tag(path, &tag);
        }
        self.drop_repository(path);
        true
    }

    fn drop_repository(&mut self, path: &str) {
        if self.repositories.remove(path).is_some() {
            self.emptied.insert(path.to_owned());
        }
    }

    /// [`admin`](super::HarborV1::USERNAME) pulls, by tag or by digest. Says whether it was there.
    pub fn pull(&mut self, path: &str, reference: &str) -> bool {
        self.pull_as(ADMINISTRATOR, path, reference)
    }

    /// Whoever has this name pulls; `anonymous` without one.
    pub fn pull_as(&mut self, user: &str, path: &str, reference: &str) -> bool {
        let Some(home) = self.repositories.get(path) else {
            return false;
        };
        if home.settled().find(reference).is_none() {
            return false;
        }
        self.tick();
        let now = self.now;
        let Some(home) = self.repositories.get_mut(path) else {
            return false;
        };
        home.settle();
        home.pulls += 1;
        home.pulled = Some(now);
        let mut logged = "";
        if let Some(tag) = home.tags.get_mut(reference) {
            tag.pulled = Some(now);
            logged = reference;
        }
        let project = home.project;
        self.write_log_as(user, Operation::Pull, project, path, logged);
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::simulator::Platform;

    fn tags(contents: &Contents) -> Vec<Vec<String>> {
        let listed = contents.listed().into_iter();
        listed.map(|row| row.tags).collect()
    }

    #[test]
    fn a_deleted_tag_takes_the_other_tags_of_its_digest_along() {
        let mut contents = Contents::empty();
        contents.push("a/b", Push::image().tag("1").tag("latest"));
        contents.push("a/b", Push::image().tag("2"));
        assert!(contents.delete_tag("a/b", "1"));
        assert!(!contents.delete_tag("a/b", "latest"));
        assert_eq!(tags(&contents), [["2"]]);
        assert!(contents.delete_tag("a/b", "2"));
        assert!(contents.repositories.is_empty());
    }

    #[test]
    fn generated_tags_change_like_pushed_ones() {
        let mut contents = Contents::sized(2, 3, 7);
        assert_eq!(tags(&contents).concat().len(), 7);
        let path = "project-2/app-3";
        contents.push(path, Push::image().tag("1.0.0"));
        assert!(contents.delete_tag(path, "1.0.1"));
        let left = contents.listed().into_iter();
        let left = left.filter(|row| row.repository == path);
        let mut left: Vec<_> = left.map(|row| row.tags.concat()).collect();
        left.sort();
        assert_eq!(left, ["1.0.0", "1.0.2"]);
    }

    #[test]
    fn a_repository_of_oci_content_alone_is_unknown() {
        let mut contents = Contents::empty();
        contents.push("a/oci", Push::oci_image().tag("1"));
        assert!(contents.listed().is_empty());
        let children = [Child::new(Platform::default())];
        let list = contents.push("a/oci", Push::list(children).tag("2"));
        let listed = contents.listed();
        assert_eq!(listed.len(), 2);
        assert!(listed.iter().any(|row| row.digest == list));
    }
}
