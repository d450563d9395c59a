use std::{fmt, net::IpAddr, num::NonZeroU16, str::FromStr};

use ipnet::IpNet;
use serde::Serialize;

use super::{AddressPools, AddressSet, PoolError};
use crate::config::{IntegrationConfig, NetworkType};

/// How many permissions one call of `AuthorizeSecurityGroup` takes.
const PERMISSIONS_PER_CALL: usize = 100;

/// What a registry must let in: these source addresses, to this port.
///
/// ```
/// use std::num::NonZeroU16;
/// use registry_intake::{
///     config::NetworkType,
///     network::address_pools::{AddressPools, RuleFormat},
/// };
///
/// let port = NonZeroU16::new(443).unwrap();
/// let pools = AddressPools::documented();
/// let allowlist = pools.allowlist("cn-qingdao", NetworkType::Public, port)?;
/// assert!(allowlist.rules(RuleFormat::Nginx).ends_with("allow 47.104.111.68;\n"));
/// # Ok::<(), registry_intake::network::address_pools::PoolError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Allowlist {
    region_id: String,
    network: NetworkType,
    port: NonZeroU16,
    addresses: AddressSet,
    smallest: AddressSet,
}

impl AddressPools {
    /// What a registry in this region must let in to this port, by the network over which it is
    /// reached.
    ///
    /// # Errors
    /// As [`required`](Self::required).
    pub fn allowlist(
        &self,
        region: &str,
        network: NetworkType,
        port: NonZeroU16,
    ) -> Result<Allowlist, PoolError> {
        let addresses = self.required(region, network)?;
        let region_id = self.region(region).map_or(region, |region| region.id());
        Ok(Allowlist {
            region_id: region_id.to_owned(),
            network,
            port,
            addresses: addresses.clone(),
            smallest: addresses.smallest(),
        })
    }

    /// What an integration's registry must let in, or of a hybrid cloud the machine that forwards to it:
    /// by its region and network, to its port.
    ///
    /// # Errors
    /// As [`required_for`](Self::required_for).
    pub fn allowlist_for(&self, integration: &IntegrationConfig) -> Result<Allowlist, PoolError> {
        let region = integration.region_id().ok_or(PoolError::RegionMissing)?;
        // A configured port is never 0.
        let port = NonZeroU16::new(integration.endpoint().port()).unwrap_or(NonZeroU16::MIN);
        self.allowlist(region, integration.network(), port)
    }
}

impl Allowlist {
    /// The region from which is scanned.
    #[must_use]
    pub fn region_id(&self) -> &str {
        &self.region_id
    }

    /// The network over which the registry is reached.
    #[must_use]
    pub const fn network(&self) -> NetworkType {
        self.network
    }

    /// The registry's port.
    #[must_use]
    pub const fn port(&self) -> NonZeroU16 {
        self.port
    }

    /// The source addresses as they are listed.
    #[must_use]
    pub const fn addresses(&self) -> &AddressSet {
        &self.addresses
    }

    /// The fewest ranges that hold exactly these addresses.
    #[must_use]
    pub const fn smallest(&self) -> &AddressSet {
        &self.smallest
    }

    /// The fewest ranges as lines in this format, each with a line feed at its end. Nothing but
    /// addresses, the port, the network's name and the region's id, a word of letters, digits and
    /// hyphens, is put into them.
    #[must_use]
    pub fn rules(&self, format: RuleFormat) -> String {
        let lines = match format {
            RuleFormat::List => self.smallest.texts().collect(),
            RuleFormat::Json => vec![self.json()],
            RuleFormat::Nginx => self.nginx(),
            RuleFormat::Iptables => self.iptables(),
            RuleFormat::Nftables => self.nftables(),
            RuleFormat::Firewalld => self.firewalld(),
            RuleFormat::AlibabaCloud => self.alibaba_cloud(),
        };
        lines
            .into_iter()
            .flat_map(|line| [line, "\n".to_owned()])
            .collect()
    }

    fn json(&self) -> String {
        serde_json::json!({
            "region_id": self.region_id,
            "network": self.network,
            "port": self.port,
            "addresses": self.smallest,
        })
        .to_string()
    }

    fn heading(&self, note: &str) -> String {
        let Self {
            region_id,
            network,
            port,
            ..
        } = self;
        format!("# Scans from region {region_id}, {network} network, to port {port}. {note}")
    }

    fn nginx(&self) -> Vec<String> {
        let heading = self.heading("Works with \"deny all;\" behind your own allow lines.");
        let allowed = self.smallest.texts().map(|range| format!("allow {range};"));
        [heading].into_iter().chain(allowed).collect()
    }

    fn iptables(&self) -> Vec<String> {
        let heading =
            self.heading("What containers or forwarding serve goes by FORWARD, not INPUT.");
        let port = self.port;
        let rules = self.smallest.as_slice().iter().map(|range| {
            let (tool, range) = match range.addr() {
                IpAddr::V4(_) => ("iptables", range),
                IpAddr::V6(_) => ("ip6tables", range),
            };
            format!("{tool} -I INPUT -p tcp -s {range} --dport {port} -j ACCEPT")
        });
        [heading].into_iter().chain(rules).collect()
    }

    fn nftables(&self) -> Vec<String> {
        let mut lines = vec![self.heading("Name your own table and chain, if other than these.")];
        for (family, is_v4) in [("ip", true), ("ip6", false)] {
            let ranges = self.smallest.as_slice().iter();
            let set: AddressSet = ranges
                .filter(|range| range.addr().is_ipv4() == is_v4)
                .copied()
                .collect();
            if !set.is_empty() {
                let port = self.port;
                lines.push(format!(
                    "nft 'insert rule inet filter input {family} saddr {{ {set} }} tcp dport {port} accept'"
                ));
            }
        }
        lines
    }

    fn firewalld(&self) -> Vec<String> {
        let mut lines = vec![self.heading("Add --zone, if it is not the default one.")];
        for range in self.smallest.as_slice() {
            let family = if range.addr().is_ipv4() {
                "ipv4"
            } else {
                "ipv6"
            };
            let port = self.port;
            lines.push(format!(
                "firewall-cmd --permanent --add-rich-rule='rule family=\"{family}\" source \
                 address=\"{range}\" port port=\"{port}\" protocol=\"tcp\" accept'"
            ));
        }
        lines.push("firewall-cmd --reload".to_owned());
        lines
    }

    fn alibaba_cloud(&self) -> Vec<String> {
        let mut lines = vec![self.heading("Set SECURITY_GROUP_ID first.")];
        for ranges in self.smallest.as_slice().chunks(PERMISSIONS_PER_CALL) {
            lines.push(format!(
                "aliyun ecs AuthorizeSecurityGroup --RegionId {} --SecurityGroupId \
                 \"${{SECURITY_GROUP_ID:?}}\" \\",
                self.region_id
            ));
            for (place, range) in ranges.iter().enumerate() {
                let end = if place + 1 == ranges.len() { "" } else { " \\" };
                lines.push(self.permission(place + 1, range) + end);
            }
        }
        lines
    }

    /// The parameters of ECS's `AuthorizeSecurityGroup`, which want `NicType` to be `intranet` in a VPC
    /// whatever the source.
    fn permission(&self, number: usize, range: &IpNet) -> String {
        let source = match range {
            IpNet::V4(_) => "SourceCidrIp",
            IpNet::V6(_) => "Ipv6SourceCidrIp",
        };
        let port = self.port;
        let parameters = [
            ("IpProtocol", "TCP".to_owned()),
            ("PortRange", format!("{port}/{port}")),
            (source, range.to_string()),
            ("NicType", "intranet".to_owned()),
            ("Policy", "accept".to_owned()),
        ];
        let texts =
            parameters.map(|(name, value)| format!("--Permissions.{number}.{name} {value}"));
        format!("  {}", texts.join(" "))
    }
}

/// What an [`Allowlist`] is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RuleFormat {
    /// A range a line, single addresses bare.
    List,
    /// One JSON object.
    Json,
    /// Lines of nginx's `allow`, to be included where the registry is served.
    Nginx,
    /// Commands of iptables, at the head of the chain `INPUT`, so that no earlier rule rejects first.
    /// What containers publish, as a Harbor does by default, goes by `FORWARD` and Docker's chain
    /// `DOCKER-USER` instead.
    Iptables,
    /// Commands of nft, at the head of the chain `input` of the table `inet filter`: the names in the
    /// configurations that distributions bring. A table of its own would not do, since what one table
    /// accepts another may still drop.
    Nftables,
    /// Commands of firewalld, permanent and then loaded, in the default zone.
    Firewalld,
    /// Commands of Alibaba Cloud's command line `aliyun` that add to a security group in the region; its
    /// id is taken from the variable `SECURITY_GROUP_ID`.
    AlibabaCloud,
}

impl RuleFormat {
    /// All formats.
    pub const ALL: [Self; 7] = [
        Self::List,
        Self::Json,
        Self::Nginx,
        Self::Iptables,
        Self::Nftables,
        Self::Firewalld,
        Self::AlibabaCloud,
    ];

    /// The word that stands for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Json => "json",
            Self::Nginx => "nginx",
            Self::Iptables => "iptables",
            Self::Nftables => "nftables",
            Self::Firewalld => "firewalld",
            Self::AlibabaCloud => "alibaba-cloud",
        }
    }
}

impl fmt::Display for RuleFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RuleFormat {
    type Err = PoolError;

    fn from_str(word: &str) -> Result<Self, PoolError> {
        let found = Self::ALL.into_iter().find(|format| format.as_str() == word);
        found.ok_or_else(|| PoolError::malformed("format", word))
    }
}
