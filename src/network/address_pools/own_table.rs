use serde::Deserialize;

use super::{AddressPools, PoolError, Region, address_set::parse_range};

/// An operator's own table of addresses, since whoever embeds the crate may scan from elsewhere.
///
/// ```
/// use registry_intake::{config::NetworkType, network::address_pools::{AddressPools, OwnTable}};
///
/// let own = OwnTable::from_toml(
///     r#"
///     use = "extend"                     # or "replace": then only what stands here counts
///
///     [[regions]]
///     region_id = "cn-hangzhou"
///     public = ["203.0.113.7", "198.51.100.0/28"]
///
///     [[regions]]
///     region_id = "office"
///     name_en = "Head office"
///     name_zh = "总部"
///     public = ["203.0.113.8"]
///     private = ["10.1.0.0/16"]
///     "#,
/// )?;
/// let pools = AddressPools::documented().with(&own);
/// assert_eq!(pools.required("总部", NetworkType::Vpc)?.to_string(), "10.1.0.0/16");
/// # Ok::<(), registry_intake::network::address_pools::PoolError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnTable {
    table_use: TableUse,
    pools: AddressPools,
}

/// What an operator's own table is to the one that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableUse {
    /// Only what stands in it counts.
    Replace,
    /// What stands in it counts too: more addresses of a region, and further regions.
    Extend,
}

impl OwnTable {
    /// A table made in code.
    #[must_use]
    pub const fn new(table_use: TableUse, pools: AddressPools) -> Self {
        Self { table_use, pools }
    }

    /// Reads a TOML document: `use`, which is `"replace"` or `"extend"`, and one `[[regions]]` table for
    /// each region with `region_id`, and where wanted `name_en`, `name_zh`, `public` and `private`, the
    /// last two arrays of addresses and ranges in CIDR notation.
    ///
    /// # Errors
    /// [`PoolError::Unreadable`] where it is no such document; [`PoolError::Address`] and
    /// [`PoolError::Malformed`] for an entry; [`PoolError::NoRegion`] and [`PoolError::RegionTwice`].
    pub fn from_toml(text: &str) -> Result<Self, PoolError> {
        let document: Document = toml::from_str(text).map_err(PoolError::unreadable)?;
        document.table()
    }

    /// Reads the same as a JSON document, `{ "use": "extend", "regions": [{ .. }] }`.
    ///
    /// # Errors
    /// As [`from_toml`](Self::from_toml).
    pub fn from_json(text: &str) -> Result<Self, PoolError> {
        let document: Document = serde_json::from_str(text).map_err(PoolError::unreadable)?;
        document.table()
    }

    /// What it is to the table that is there.
    #[must_use]
    pub const fn table_use(&self) -> TableUse {
        self.table_use
    }

    /// What stands in it.
    #[must_use]
    pub const fn pools(&self) -> &AddressPools {
        &self.pools
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "use")]
    table_use: TableUse,
    regions: Vec<RegionEntry>,
}

impl Document {
    fn table(self) -> Result<OwnTable, PoolError> {
        let regions: Result<Vec<_>, _> = self.regions.iter().map(RegionEntry::region).collect();
        Ok(OwnTable {
            table_use: self.table_use,
            pools: AddressPools::of_regions(regions?)?,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegionEntry {
    pub(super) region_id: String,
    pub(super) name_en: Option<String>,
    pub(super) name_zh: Option<String>,
    #[serde(default)]
    pub(super) public: Vec<String>,
    #[serde(default)]
    pub(super) private: Vec<String>,
}

impl RegionEntry {
    pub(super) fn region(&self) -> Result<Region, PoolError> {
        let ranges = |entries: &[String]| -> Result<Vec<_>, PoolError> {
            entries
                .iter()
                .map(|entry| {
                    parse_range(entry).map_err(|error| PoolError::Address {
                        region_id: self.region_id.chars().take(Region::MAX_ID_LENGTH).collect(),
                        source: error,
                    })
                })
                .collect()
        };
        Region::new(
            self.region_id.as_str(),
            ranges(&self.public)?,
            ranges(&self.private)?,
        )?
        .named(self.name_en.as_deref(), self.name_zh.as_deref())
    }
}
