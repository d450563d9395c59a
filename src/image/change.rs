use serde::{Deserialize, Serialize};

/// Where in a registry's history of changes an incremental run goes on: the last row of a log, a
/// time of the server's. Its text belongs to the connector that made it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChangeMark(String);

impl ChangeMark {
    /// A mark with the connector's own text.
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

/// What an incremental run cannot see at a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BlindSpot {
    /// Images and repositories that were deleted.
    Deletions,
    /// Tags that were taken from an image that stays, or have expired.
    RemovedTags,
    /// Tags that were set to an image that was there already.
    MovedTags,
    /// Scopes that came up since the last full run.
    NewScopes,
}
