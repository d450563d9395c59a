//! `allowlist`: which source addresses a registry must let in.

use std::{
    io::{self, Write},
    net::IpAddr,
    num::NonZeroU16,
};

use registry_intake::{
    config::NetworkType,
    error::ErrorCode,
    network::address_pools::{self, AddressPools, AddressSet, PoolError, RuleFormat},
};
use serde::Serialize;

use crate::{
    arguments::{Allowlist, Arguments, Network},
    failure::{Explained, Failure, Verdict, Words},
    output::{Output, Report},
    regions, selection,
};

const HTTPS: NonZeroU16 = NonZeroU16::new(443).unwrap();

pub(crate) async fn allowlist(
    arguments: &Arguments,
    wish: &Allowlist,
    output: &Output,
) -> Result<Verdict, Failure> {
    let pools = regions::pools(&wish.table)?;
    let mine = match &wish.have {
        None => None,
        Some(path) => {
            let read = regions::read(path)?.parse::<AddressSet>();
            Some(read.map_err(|error| {
                Failure::Error(Explained {
                    code: Some(ErrorCode::ConfigInvalid),
                    words: Words {
                        message: format!("{}: {error}", path.display()),
                        remedy: None,
                    },
                    chinese: None,
                })
            })?)
        }
    };
    let report = |integration: Option<&str>, allowlist: &address_pools::Allowlist| {
        output.report(&AllowlistRecord {
            integration,
            allowlist,
            covers: wish.covers.map(|address| Covers {
                address,
                covered: allowlist.addresses().covers(address),
            }),
            missing: mine
                .as_ref()
                .map(|mine| allowlist.addresses().missing_from(mine)),
            format: wish.format,
            rules: allowlist
                .rules(wish.format)
                .lines()
                .map(str::to_owned)
                .collect(),
        })
    };
    match &wish.region {
        Some(region) => {
            report(None, &of_region(&pools, region, wish)?)?;
            Ok(Verdict::Done)
        }
        None => {
            let integrations = selection::configured(arguments, &wish.only)?;
            selection::in_order(&integrations, output, async |config| {
                report(Some(config.name()), &pools.allowlist_for(config)?)?;
                Ok(Verdict::Done)
            })
            .await
        }
    }
}

fn of_region(
    pools: &AddressPools,
    region: &str,
    wish: &Allowlist,
) -> Result<address_pools::Allowlist, Failure> {
    let network = match wish.network {
        None | Some(Network::Public) => NetworkType::Public,
        Some(Network::Vpc) => NetworkType::Vpc,
    };
    let found = pools.allowlist(region, network, wish.port.unwrap_or(HTTPS));
    found.map_err(|error| match &error {
        PoolError::UnknownRegion { region, known } => {
            let known = known.join(", ");
            let chinese = format!("没有地域 {region:?}；已知的地域：{known}");
            Failure::usage(error.to_string(), chinese)
        }
        _ => error.into(),
    })
}

#[derive(Serialize)]
struct AllowlistRecord<'a> {
    integration: Option<&'a str>,
    #[serde(flatten)]
    allowlist: &'a address_pools::Allowlist,
    covers: Option<Covers>,
    missing: Option<AddressSet>,
    format: RuleFormat,
    rules: Vec<String>,
}

#[derive(Serialize)]
struct Covers {
    address: IpAddr,
    covered: bool,
}

/// What was asked, and the rules alone where nothing was, so that they can be put into a file.
impl Report for AllowlistRecord<'_> {
    fn text(&self, to: &mut Vec<u8>) -> io::Result<()> {
        if let Some(Covers { address, covered }) = self.covers {
            let word = if covered { "is" } else { "is not" };
            writeln!(to, "{address} {word} among the addresses to let in")?;
        }
        if let Some(missing) = &self.missing {
            for range in missing.texts() {
                writeln!(to, "{range}")?;
            }
        }
        if self.covers.is_none() && self.missing.is_none() {
            for rule in &self.rules {
                writeln!(to, "{rule}")?;
            }
        }
        Ok(())
    }
}
