use std::fmt;

use serde::{Deserialize, Serialize};

use super::Image;

/// What a registry's page holds: manifests with all their tags, or single tags.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Entry {
    /// A manifest with all its tags (Harbor 2.x).
    Manifest(Image),
    /// A manifest as one of its tags shows it; `tags` holds that tag alone (Quay, ACR,
    /// Harbor 1.x).
    Tag(Image),
}

/// Where in a list to go on. Its text belongs to the connector that made it; it is stored so
/// that a run can be resumed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// A cursor with the connector's own text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The connector's own text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What follows a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// More, from this cursor on.
    Page(Cursor),
    /// The list changed while it was read by page numbers: all that was read of it is void.
    Restart,
    /// Nothing: the list was read to its end.
    End,
}

/// One page of a scope's entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPage {
    /// The entries, in the registry's order.
    pub entries: Vec<Entry>,
    /// Whether the entries stand whatever the following pages show. Pages of a keyset do; pages by
    /// number do only once the scope has ended without a restart.
    pub settled: bool,
    /// What follows.
    pub next: Next,
}
