//! `regions`: the regions and the addresses from which their registries are scanned.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use registry_intake::{
    config::NetworkType,
    error::ErrorCode,
    network::address_pools::{AddressPools, AddressSet, Edition, OwnTable, Region},
};
use serde::Serialize;

use crate::{
    arguments::Pools,
    failure::{Explained, Failure, Verdict, Words},
    output::{Output, Report},
};

pub(crate) fn regions(table: &Pools, output: &Output) -> Result<Verdict, Failure> {
    let pools = pools(table)?;
    for region in pools.regions() {
        output.report(&RegionRecord::new(region))?;
    }
    Ok(Verdict::Done)
}

/// The documents' table, with the operator's own one where it is given.
pub(crate) fn pools(table: &Pools) -> Result<AddressPools, Failure> {
    let documented = AddressPools::documented();
    let Some(path) = &table.pools else {
        return Ok(documented);
    };
    let text = read(path)?;
    let is_json = path
        .extension()
        .is_some_and(|extension| extension == "json");
    let own = if is_json {
        OwnTable::from_json(&text)?
    } else {
        OwnTable::from_toml(&text)?
    };
    Ok(documented.with(&own))
}

/// A file that an option names.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| {
        Failure::Error(Explained {
            code: Some(ErrorCode::ConfigInvalid),
            words: Words::new(
                format!("{} cannot be read: {error}", path.display()),
                "Check the path and the file's permissions.",
            ),
            chinese: Some(Words::new(
                format!("无法读取 {}：{error}", path.display()),
                "请检查路径和文件权限。",
            )),
        })
    })
}

#[derive(Serialize)]
struct RegionRecord<'a> {
    /// Of none.
    integration: Option<&'a str>,
    region_id: &'a str,
    name_en: Option<&'a str>,
    name_zh: Option<&'a str>,
    public: &'a AddressSet,
    private: &'a AddressSet,
    editions: Vec<EditionRecord>,
}

/// What one edition of the documents lists.
#[derive(Serialize)]
struct EditionRecord {
    edition: Edition,
    date: Option<&'static str>,
    public: AddressSet,
    private: AddressSet,
}

impl<'a> RegionRecord<'a> {
    fn new(region: &'a Region) -> Self {
        let editions = Edition::ALL.into_iter().filter_map(|edition| {
            let pools = AddressPools::of_edition(edition);
            let listed = pools.region(region.id())?;
            Some(EditionRecord {
                edition,
                date: edition.date(),
                public: listed.addresses(NetworkType::Public).clone(),
                private: listed.addresses(NetworkType::Vpc).clone(),
            })
        });
        Self {
            integration: None,
            region_id: region.id(),
            name_en: region.name_en(),
            name_zh: region.name_zh(),
            public: region.addresses(NetworkType::Public),
            private: region.addresses(NetworkType::Vpc),
            editions: editions.collect(),
        }
    }
}

impl Report for RegionRecord<'_> {
    fn text(&self, to: &mut Vec<u8>) -> io::Result<()> {
        write!(to, "{}", self.region_id)?;
        for name in [self.name_en, self.name_zh].into_iter().flatten() {
            write!(to, "  {name}")?;
        }
        writeln!(to)?;
        for (label, addresses) in [("public", self.public), ("private", self.private)] {
            if !addresses.is_empty() {
                writeln!(to, "  {label:<7}  {addresses}")?;
            }
        }
        Ok(())
    }
}
