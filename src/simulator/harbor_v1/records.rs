use std::{borrow::Cow, collections::BTreeMap, ops::Range};

use super::push::Kind;
use crate::{
    clock::Timestamp,
    simulator::{
        Platform,
        made_up::{digest_of, size_of},
        sized::Even,
    },
};

#[derive(Debug, Clone)]
pub(super) struct ProjectRecord {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) public: bool,
    pub(super) created: Timestamp,
}

/// What the registry holds under one path, and what the database knows of it.
#[derive(Debug, Clone)]
pub(super) struct Repository {
    /// Given by the database, when it first knows of it. As long as it does not, neither the API's
    /// lists nor the catalog show the repository.
    pub(super) id: Option<u64>,
    pub(super) project: u64,
    pub(super) path: String,
    /// When the database first knew of it.
    pub(super) created: Timestamp,
    /// The last pull; nothing else changes `update_time`.
    pub(super) pulled: Option<Timestamp>,
    pub(super) pulls: u64,
    /// Tags that follow from the ids of their images, as long as nothing here was changed.
    pub(super) generated: Range<u64>,
    /// When the first of them was pushed; the others follow every second.
    pub(super) generated_from: Timestamp,
    /// By digest.
    pub(super) manifests: BTreeMap<String, Manifest>,
    pub(super) tags: BTreeMap<String, Tag>,
}

#[derive(Debug, Clone)]
pub(super) struct Manifest {
    pub(super) id: u64,
    pub(super) digest: String,
    pub(super) kind: Kind,
    pub(super) platform: Platform,
    pub(super) created: Timestamp,
    pub(super) size: u64,
    pub(super) references: Vec<Reference>,
}

#[derive(Debug, Clone)]
pub(super) struct Reference {
    pub(super) digest: String,
    pub(super) platform: Platform,
    pub(super) attests: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Tag {
    pub(super) digest: String,
    /// Unknown where the push was none of this Harbor's.
    pub(super) pushed: Option<Timestamp>,
    pub(super) pulled: Option<Timestamp>,
}

impl Manifest {
    /// Of an index, the image that the registry gives to who takes no index.
    pub(super) fn default_child(&self) -> Option<&Reference> {
        self.references.iter().find(|reference| {
            reference.platform.os == "linux" && reference.platform.architecture == "amd64"
        })
    }

    /// The digest of what the registry makes of it for who takes schema 1 only.
    pub(super) fn digest_as_schema_1(&self) -> String {
        digest_of(u64::MAX - self.id)
    }
}

impl Repository {
    pub(super) const fn is_known(&self) -> bool {
        self.id.is_some()
    }

    pub(super) fn tags_count(&self) -> u64 {
        self.generated.end - self.generated.start + self.tags.len() as u64
    }

    /// The same with all that was generated in it.
    pub(super) fn settled(&self) -> Cow<'_, Self> {
        if self.generated.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut settled = self.clone();
        settled.settle();
        Cow::Owned(settled)
    }

    /// Keeps what was generated, so that it can be changed.
    pub(super) fn settle(&mut self) {
        for (place, id) in (0..).zip(self.generated.clone()) {
            let (name, manifest, tag) = self.generated(place, id);
            self.manifests.insert(manifest.digest.clone(), manifest);
            self.tags.insert(name, tag);
        }
        self.generated = 0..0;
    }

    fn generated(&self, place: u64, id: u64) -> (String, Manifest, Tag) {
        let pushed = self
            .generated_from
            .saturating_add(std::time::Duration::from_secs(place));
        let digest = digest_of(id);
        let manifest = Manifest {
            id,
            digest: digest.clone(),
            kind: Kind::Image,
            platform: Platform::default(),
            created: pushed,
            size: size_of(id),
            references: Vec::new(),
        };
        let tag = Tag {
            digest,
            pushed: Some(pushed),
            pulled: None,
        };
        (Even::tag(place), manifest, tag)
    }

    /// The manifest with this digest, or behind this tag.
    pub(super) fn find(&self, reference: &str) -> Option<&Manifest> {
        let digest = match self.tags.get(reference) {
            Some(tag) => &tag.digest,
            None => reference,
        };
        self.manifests.get(digest)
    }
}
