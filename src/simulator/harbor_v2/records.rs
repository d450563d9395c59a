use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::{
    push::{Kind, Platform},
    release::Release,
};
use crate::clock::Timestamp;

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

pub(super) fn size_of(id: u64) -> u64 {
    1024 + mix(id) % (64 * 1024 * 1024)
}

/// 64 hexadecimal digits that no other id has; the last 16 lead back to the id.
pub(super) fn digest_of(id: u64) -> String {
    let [first, second, third] = [1, 2, 3].map(|salt| mix(id ^ mix(salt)));
    let last = id.wrapping_mul(SPREAD);
    format!("sha256:{first:016x}{second:016x}{third:016x}{last:016x}")
}

pub(super) fn id_in(digest: &str) -> Option<u64> {
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
