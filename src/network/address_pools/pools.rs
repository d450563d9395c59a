use std::sync::LazyLock;

use serde::Deserialize;

use super::{AddressSet, Edition, OwnTable, PoolError, Region, TableUse, own_table::RegionEntry};
use crate::config::{IntegrationConfig, NetworkType};

/// The addresses of every region: those of the product documents, or what an operator made of them.
///
/// ```
/// use registry_intake::{config::NetworkType, network::address_pools::{AddressPools, Edition}};
///
/// let both = AddressPools::documented();
/// let hangzhou = both.region("Hangzhou").unwrap();
/// assert_eq!(hangzhou.addresses(NetworkType::Public).as_slice().len(), 6);
///
/// let chinese = AddressPools::of_edition(Edition::Chinese);
/// let required = chinese.required("cn-hangzhou", NetworkType::Vpc)?;
/// assert_eq!(required.to_string(), "100.104.12.64/26");
/// # Ok::<(), registry_intake::network::address_pools::PoolError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressPools {
    regions: Vec<Region>,
}

impl AddressPools {
    /// What either edition of the documents lists: the default, since nobody outside knows which of
    /// them is up to date, and an address too many costs less than a scan that never gets through.
    #[must_use]
    pub fn documented() -> Self {
        union().clone()
    }

    /// What one edition lists.
    #[must_use]
    pub fn of_edition(edition: Edition) -> Self {
        let entries = DOCUMENTS.regions.iter();
        let regions = entries.map(|region| region.of(edition));
        Self {
            regions: regions.collect(),
        }
    }

    /// The same with an operator's own table, which replaces it or extends it as the table says.
    #[must_use]
    pub fn with(&self, own: &OwnTable) -> Self {
        match own.table_use() {
            TableUse::Replace => own.pools().clone(),
            TableUse::Extend => {
                let mut regions = self.regions.clone();
                for region in &own.pools().regions {
                    match regions.iter_mut().find(|known| known.id == region.id) {
                        Some(known) => *known = known.union(region),
                        None => regions.push(region.clone()),
                    }
                }
                Self { regions }
            }
        }
    }

    /// The pools of these regions alone.
    ///
    /// # Errors
    /// [`PoolError::NoRegion`] where there is none, [`PoolError::RegionTwice`] where two have the same
    /// id.
    pub fn of_regions(regions: impl IntoIterator<Item = Region>) -> Result<Self, PoolError> {
        let regions: Vec<_> = regions.into_iter().collect();
        if regions.is_empty() {
            return Err(PoolError::NoRegion);
        }
        for (place, region) in regions.iter().enumerate() {
            if regions[..place].iter().any(|other| other.id == region.id) {
                let region_id = region.id.clone();
                return Err(PoolError::RegionTwice { region_id });
            }
        }
        Ok(Self { regions })
    }

    /// Every region, in the order of the documents, an operator's own ones last.
    #[must_use]
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// The region of this id, or of this name in English or Chinese, whole (`China (Hangzhou)`,
    /// `华东1（杭州）`) or its part in brackets. Case, spaces and the width of the brackets do not count.
    #[must_use]
    pub fn region(&self, id_or_name: &str) -> Option<&Region> {
        let by_id = self.regions.iter().find(|region| region.id == id_or_name);
        by_id.or_else(|| {
            self.regions
                .iter()
                .find(|region| region.is_called(id_or_name))
        })
    }

    /// The source addresses that a registry in this region must let in, by the network over which it is
    /// reached.
    ///
    /// # Errors
    /// [`PoolError::UnknownRegion`]; [`PoolError::NoAddresses`] where an operator's own table has none
    /// for this network.
    pub fn required(&self, region: &str, network: NetworkType) -> Result<&AddressSet, PoolError> {
        let found = self
            .region(region)
            .ok_or_else(|| PoolError::UnknownRegion {
                region: region.chars().take(Region::MAX_NAME_LENGTH).collect(),
                known: self.regions.iter().map(|it| it.id.clone()).collect(),
            })?;
        let addresses = found.addresses(network);
        if addresses.is_empty() {
            return Err(PoolError::NoAddresses {
                region_id: found.id.clone(),
                network,
            });
        }
        Ok(addresses)
    }

    /// The source addresses that an integration's registry must let in, by its region and network. Of a
    /// hybrid cloud it is the forwarding machine that must let them in.
    ///
    /// # Errors
    /// [`PoolError::RegionMissing`] where it is configured without a region; else as
    /// [`required`](Self::required).
    pub fn required_for(&self, integration: &IntegrationConfig) -> Result<&AddressSet, PoolError> {
        let region = integration.region_id().ok_or(PoolError::RegionMissing)?;
        self.required(region, integration.network())
    }
}

/// [`AddressPools::documented`].
impl Default for AddressPools {
    fn default() -> Self {
        Self::documented()
    }
}

/// The source addresses that the documents list for a region, by its id or name and the network over
/// which the registry is reached: what must be let in where a connection times out. None for a region
/// that they do not know.
#[must_use]
pub fn source_addresses(region: &str, network: NetworkType) -> Option<&'static AddressSet> {
    union().required(region, network).ok()
}

fn union() -> &'static AddressPools {
    static UNION: LazyLock<AddressPools> = LazyLock::new(|| AddressPools {
        regions: DOCUMENTS
            .regions
            .iter()
            .map(|region| {
                region
                    .of(Edition::English)
                    .union(&region.of(Edition::Chinese))
            })
            .collect(),
    });
    &UNION
}

/// The documents' tables, as `documents.json` beside this file holds them.
static DOCUMENTS: LazyLock<Documents> = LazyLock::new(read_documents);

#[derive(Deserialize)]
struct Documents {
    regions: Vec<Documented>,
}

#[derive(Deserialize)]
struct Documented {
    region_id: String,
    name_en: String,
    name_zh: String,
    english: Pools,
    chinese: Pools,
}

#[derive(Deserialize)]
struct Pools {
    public: Vec<String>,
    private: Vec<String>,
}

impl Documented {
    #[expect(clippy::expect_used, reason = "a test reads every entry of the file")]
    fn of(&self, edition: Edition) -> Region {
        let pools = match edition {
            Edition::English => &self.english,
            Edition::Chinese => &self.chinese,
        };
        let entry = RegionEntry {
            region_id: self.region_id.clone(),
            name_en: Some(self.name_en.clone()),
            name_zh: Some(self.name_zh.clone()),
            public: pools.public.clone(),
            private: pools.private.clone(),
        };
        entry.region().expect("the crate's own table is sound")
    }
}

#[expect(
    clippy::expect_used,
    reason = "the file is the crate's own, and read by tests"
)]
fn read_documents() -> Documents {
    serde_json::from_str(include_str!("documents.json")).expect("the crate's own table is JSON")
}
