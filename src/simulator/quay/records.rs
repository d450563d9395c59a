use std::{borrow::Cow, collections::BTreeMap, ops::Range};

use super::settings::Repository;
use crate::{clock::Timestamp, simulator::Platform};

/// A repository with everything that was ever in it.
#[derive(Debug, Clone)]
pub(super) struct Home {
    pub(super) id: u64,
    pub(super) settings: Repository,
    /// Tags that follow from their numbers.
    pub(super) generated: Range<u64>,
    /// When generated tags ended, or will.
    pub(super) ended: BTreeMap<u64, Timestamp>,
    /// All others, dead ones included.
    pub(super) tags: Vec<Tag>,
    pub(super) manifests: BTreeMap<String, Manifest>,
}

/// One life of a tag: from a push, a move or a restoration to the next, to its deletion or to its
/// expiration.
#[derive(Debug, Clone)]
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) start: Timestamp,
    pub(super) end: Option<Timestamp>,
    pub(super) digest: String,
    pub(super) reversion: bool,
}

impl Tag {
    pub(super) fn is_alive(&self, now: Timestamp) -> bool {
        self.end.is_none_or(|end| end > now)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Manifest {
    pub(super) digest: String,
    pub(super) docker: bool,
    pub(super) content: Content,
    /// Of the compressed layers.
    pub(super) size: u64,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    SchemaOne,
    Index(Vec<Reference>),
    /// An image, or what looks like one; with the media type of its config where that is another.
    Image(Option<&'static str>),
}

#[derive(Debug, Clone)]
pub(super) struct Reference {
    pub(super) digest: String,
    pub(super) platform: Platform,
    pub(super) attests: Option<String>,
    pub(super) missing: bool,
}

impl Manifest {
    pub(super) fn children(&self) -> Option<&[Reference]> {
        match &self.content {
            Content::Index(children) => Some(children),
            _ => None,
        }
    }
}

/// A tag as a list shows it.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) tag: Cow<'a, Tag>,
    pub(super) manifest: Cow<'a, Manifest>,
}
