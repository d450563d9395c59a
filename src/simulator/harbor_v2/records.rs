use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::{push::Kind, release::Release};
use crate::{clock::Timestamp, simulator::Platform};

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
    pub(super) pulled: Option<Timestamp>,
    pub(super) pulls: u64,
    /// Artifacts that follow from their ids, less those that were deleted or changed since.
    pub(super) generated: Range<u64>,
    pub(super) gone: BTreeSet<u64>,
    pub(super) stored: BTreeSet<u64>,
    /// Of stored artifacts.
    pub(super) tags: BTreeMap<String, u64>,
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
    pub(super) parents: usize,
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

impl Artifact {
    /// Whether the lists of this release show it.
    pub(super) fn takes_a_row(&self, release: Release) -> bool {
        match self.kind {
            _ if self.parents > 0 && self.tags.is_empty() => false,
            Kind::Signature => !release.has_accessories(),
            Kind::Referrer => !release.knows_referrers(),
            _ => true,
        }
    }
}
