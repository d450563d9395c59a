use std::fmt;

use serde::{Deserialize, Serialize};

/// The registries that the crate knows, by product and interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RegistryKind {
    /// Harbor 1.x.
    HarborV1,
    /// Harbor 2.x and later.
    HarborV2,
    /// Quay.
    Quay,
    /// Alibaba Cloud Container Registry, Enterprise edition.
    AcrEnterprise,
    /// Alibaba Cloud Container Registry, Personal edition: listed, never scanned.
    AcrPersonal,
    /// Another registry, by a connector outside this crate.
    Other,
}

impl RegistryKind {
    /// Every kind.
    pub const ALL: &[Self] = &[
        Self::HarborV1,
        Self::HarborV2,
        Self::Quay,
        Self::AcrEnterprise,
        Self::AcrPersonal,
        Self::Other,
    ];

    /// The kind's name in reports and in the inventory.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HarborV1 => "harbor-v1",
            Self::HarborV2 => "harbor-v2",
            Self::Quay => "quay",
            Self::AcrEnterprise => "acr-enterprise",
            Self::AcrPersonal => "acr-personal",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for RegistryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
