use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::wire::RepositoryWire;
use crate::{clock::Timestamp, image::ChangeMark};

/// Times are told in seconds: within these, one change looks like two.
const RESOLUTION: Duration = Duration::from_secs(2);

/// `last_modified` of the repositories of each organisation, as the lists showed it before their
/// tags were read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Mark {
    organizations: BTreeMap<String, BTreeMap<String, Option<i64>>>,
}

impl Mark {
    /// None where it is not this connector's.
    pub(super) fn read(mark: &ChangeMark) -> Option<Self> {
        serde_json::from_str(mark.as_str()).ok()
    }

    /// None where nothing is known.
    pub(super) fn write(&self) -> Option<ChangeMark> {
        let text = (!self.organizations.is_empty()).then(|| serde_json::to_string(self));
        text?.ok().map(ChangeMark::new)
    }

    /// Keeps what a page that was sent `at` this time tells. What is too fresh, or told at no time,
    /// is left out and counts as changed the next time.
    pub(super) fn learn(
        &mut self,
        organization: &str,
        rows: &[RepositoryWire],
        at: Option<Timestamp>,
    ) {
        let settled = at.map(|at| at.saturating_sub(RESOLUTION).as_unix_nanos() / 1_000_000_000);
        let known = self
            .organizations
            .entry(organization.to_owned())
            .or_default();
        for row in rows {
            if let Some(modified) = row.last_modified
                && settled.is_some_and(|settled| modified.is_none_or(|at| at < settled))
            {
                known.insert(row.name.clone(), modified);
            }
        }
    }

    /// Deleting the newest tag lowers the time, and the last one takes it away.
    pub(super) fn differs(&self, organization: &str, row: &RepositoryWire) -> bool {
        let known = self.organizations.get(organization);
        known.and_then(|known| known.get(&row.name)) != row.last_modified.as_ref()
    }
}
