use super::AddressError;
use crate::config::NetworkType;

/// Why there are no addresses to give, or why an operator's own table cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// No region of this id or name is in the table.
    #[error("region {region:?} is not in the table; it has {}", known.join(", "))]
    UnknownRegion {
        /// What was looked for, cut to its beginning.
        region: String,
        /// The ids of the regions that are there.
        known: Vec<String>,
    },
    /// The integration is configured without a region.
    #[error("the integration has no region_id, by which its addresses are known")]
    RegionMissing,
    /// The table has no addresses of this region for this network.
    #[error("the table has no addresses of region {region_id} for the {network} network")]
    NoAddresses {
        /// The region.
        region_id: String,
        /// The network.
        network: NetworkType,
    },
    /// The table is not written as its format demands, or has other keys.
    #[error("the table of addresses cannot be read")]
    Unreadable {
        /// The format's own error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An entry of the table is no address and no range.
    #[error("the table of addresses is wrong in region {region_id:?}")]
    Address {
        /// The region.
        region_id: String,
        /// What is wrong with it.
        source: AddressError,
    },
    /// An id or a name of the table, or a format's word, breaks a rule.
    #[error("{found:?} is no {field}")]
    Malformed {
        /// `region_id`, `name_en`, `name_zh` or `format`.
        field: &'static str,
        /// What stands there, cut to its beginning.
        found: String,
    },
    /// The table has no region.
    #[error("the table of addresses has no region")]
    NoRegion,
    /// The table has a region more than once.
    #[error("the table of addresses has region {region_id} more than once")]
    RegionTwice {
        /// Its id.
        region_id: String,
    },
}

impl PoolError {
    pub(super) fn malformed(field: &'static str, found: &str) -> Self {
        Self::Malformed {
            field,
            found: found.chars().take(64).collect(),
        }
    }

    pub(super) fn unreadable(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Unreadable {
            source: Box::new(source),
        }
    }
}
