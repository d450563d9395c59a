use std::{fmt, str::FromStr};

/// A release of Harbor 2.x, with the ways of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Release {
    /// 2.0.6: ignores `sort`, has no list of all repositories.
    V2_0,
    /// 2.5.6: pages first and takes signatures out afterwards, so that pages are short or empty.
    V2_5,
    /// 2.9.5: the last of those whose system robots lose their project permissions.
    V2_9,
    /// 2.11.2: the first of these that lists all artifacts of a project.
    V2_11,
    /// 2.12.4.
    V2_12,
    /// 2.15.2: hides its version from anonymous clients, follows pushes with `update_time`.
    #[default]
    V2_15,
}

impl Release {
    /// Every release there is, oldest first.
    pub const ALL: [Self; 6] = [
        Self::V2_0,
        Self::V2_5,
        Self::V2_9,
        Self::V2_11,
        Self::V2_12,
        Self::V2_15,
    ];

    /// `2.15`, as [`FromStr`] reads it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V2_0 => "2.0",
            Self::V2_5 => "2.5",
            Self::V2_9 => "2.9",
            Self::V2_11 => "2.11",
            Self::V2_12 => "2.12",
            Self::V2_15 => "2.15",
        }
    }

    /// What `harbor_version` says.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::V2_0 => "v2.0.6-lab20",
            Self::V2_5 => "v2.5.6-9b0ac301",
            Self::V2_9 => "v2.9.5",
            Self::V2_11 => "v2.11.2-35f09d55",
            Self::V2_12 => "v2.12.4-6b4981d4",
            Self::V2_15 => "v2.15.2-080b0220",
        }
    }

    /// Some lists of 2.0 are still made by the code of 1.x.
    pub(super) fn is_legacy(self) -> bool {
        self == Self::V2_0
    }

    pub(super) fn sorts(self) -> bool {
        self >= Self::V2_5
    }

    /// 100 at most; 2.0 takes more.
    pub(super) fn caps_page_size(self) -> bool {
        self >= Self::V2_5
    }

    pub(super) fn lists_all_repositories(self) -> bool {
        self >= Self::V2_5
    }

    pub(super) fn gets_projects_by_name(self) -> bool {
        self >= Self::V2_5
    }

    pub(super) fn lists_artifacts_of_projects(self) -> bool {
        self >= Self::V2_11
    }

    pub(super) fn has_proxy_caches(self) -> bool {
        self >= Self::V2_5
    }

    pub(super) fn has_accessories(self) -> bool {
        self >= Self::V2_5
    }

    /// Signatures take their place in a page and are taken out of it afterwards.
    pub(super) fn filters_after_paging(self) -> bool {
        self == Self::V2_5
    }

    /// What refers to a subject by OCI 1.1 is an accessory, not a row.
    pub(super) fn knows_referrers(self) -> bool {
        self >= Self::V2_9
    }

    /// An administrator who asks for an unknown project by name is refused instead of told.
    pub(super) fn forbids_unknown_projects(self) -> bool {
        self < Self::V2_9
    }

    /// Any system permission costs a robot its project permissions, public projects included.
    pub(super) fn system_permission_costs_projects(self) -> bool {
        self < Self::V2_11
    }

    pub(super) fn lets_robots_get_projects(self) -> bool {
        self >= Self::V2_9
    }

    pub(super) fn hides_version(self) -> bool {
        self >= Self::V2_15
    }

    pub(super) fn names_repository_in_artifacts(self) -> bool {
        self >= Self::V2_11
    }

    /// Notary and ChartMuseum leave traces in tags, projects and systeminfo.
    pub(super) fn has_notary_and_chartmuseum(self) -> bool {
        self <= Self::V2_5
    }

    pub(super) fn update_time_follows_pushes(self) -> bool {
        self >= Self::V2_15
    }

    /// A log of its own since 2.13, of which the older shows nothing.
    pub(super) fn has_extended_audit_log(self) -> bool {
        self >= Self::V2_15
    }

    /// Since 2.6, by the source.
    pub(super) fn can_skip_audit_log(self) -> bool {
        self >= Self::V2_9
    }

    /// Writes no row where the digest of a push is known: 2.11.1, 2.11.2 and 2.12.0.
    pub(super) fn forgets_repeated_pushes(self) -> bool {
        self == Self::V2_11
    }

    /// Older ones put a digest into the log as if it were a tag.
    pub(super) fn logs_digests_behind_at(self) -> bool {
        self >= Self::V2_11
    }

    /// Tells a missing token from a wrong one.
    pub(super) fn tells_missing_csrf_token(self) -> bool {
        self >= Self::V2_11
    }

    /// `/ping` is text only, and says so to who accepts JSON only.
    pub(super) fn pings_in_text(self) -> bool {
        matches!(self, Self::V2_5 | Self::V2_9)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No such release of Harbor is simulated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such release: {text:?}; there are 2.0, 2.5, 2.9, 2.11, 2.12 and 2.15")]
pub struct ParseReleaseError {
    text: String,
}

impl FromStr for Release {
    type Err = ParseReleaseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|release| release.name() == text)
            .ok_or_else(|| ParseReleaseError {
                text: text.to_owned(),
            })
    }
}
