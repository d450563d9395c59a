use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{audit_log::LogEnd, update_time::Newest};
use crate::image::ChangeMark;

/// What a listing remembers of the server's history, for the changes after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) trail: Trail,
    /// None where proxy caches are listed like other projects.
    pub(super) caches: Option<Caches>,
}

/// Where the server's own signal stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Trail {
    UpdateTime(Newest),
    AuditLog(LogEnd),
}

/// The proxy caches among the projects up to a number. A project's kind never changes, and a later
/// one of the same name has a higher number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Caches {
    /// The highest number of a project that was seen.
    pub(super) last: u64,
    pub(super) names: BTreeSet<String>,
}

impl Caches {
    pub(super) fn learn(&mut self, id: u64, name: &str, is_cache: bool) {
        self.last = self.last.max(id);
        if is_cache {
            self.names.insert(name.to_owned());
        } else {
            self.names.remove(name);
        }
    }
}

impl Mark {
    /// None where it is not this connector's.
    pub(super) fn read(mark: &ChangeMark) -> Option<Self> {
        serde_json::from_str(mark.as_str()).ok()
    }

    pub(super) fn write(&self) -> Option<ChangeMark> {
        serde_json::to_string(self).ok().map(ChangeMark::new)
    }
}
