use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{address::refusal, embedded::faces};
use crate::error::RefusedAddress;

/// Where an embedder lets connections go.
///
/// By default to every address but those that [`refusal`] names, which no policy ever lets through.
/// [`strict`](Self::strict) refuses loopback and private ranges too. Lists of networks come on top:
/// of those that hold an address the narrowest decides, and a denied one where two are the same. So
/// all but a few networks are refused by denying `0.0.0.0/0` and `::/0` and allowing those few.
///
/// A policy holds for every request to a registry and its token services: for literals, for each
/// address that a name resolves to at the moment of connecting, for the dial override, and for the
/// address of a proxy. It does not hold for what tells the machine's own credentials of Alibaba
/// Cloud.
///
/// ```
/// use registry_intake::{error::RefusedAddress, network::EgressPolicy};
///
/// let policy = EgressPolicy::strict().allow(["10.8.0.0/16".parse()?]).deny(["10.8.9.0/24".parse()?]);
/// assert_eq!(policy.refusal("10.8.0.1".parse()?), None);
/// assert_eq!(policy.refusal("10.8.9.1".parse()?), Some(RefusedAddress::Denied));
/// assert_eq!(policy.refusal("192.168.0.1".parse()?), Some(RefusedAddress::Private));
/// assert_eq!(policy.refusal("127.0.0.1".parse()?), Some(RefusedAddress::Loopback));
/// let metadata = EgressPolicy::new().allow(["100.100.100.200/32".parse()?]);
/// assert_eq!(metadata.refusal("100.100.100.200".parse()?), Some(RefusedAddress::Metadata));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EgressPolicy {
    is_strict: bool,
    lets_private_in: bool,
    trusts_proxies: bool,
    allowed: Vec<IpNet>,
    denied: Vec<IpNet>,
}

impl EgressPolicy {
    /// The default: everything but what is never dialled.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            is_strict: false,
            lets_private_in: false,
            trusts_proxies: false,
            allowed: Vec::new(),
            denied: Vec::new(),
        }
    }

    /// Neither loopback nor private ranges, unless the integration has `network = "vpc"` or the
    /// address is allowed. Private is what the Internet does not route: RFC 1918, the shared space of
    /// RFC 6598, the reserved, protocol and benchmarking ranges of IPv4, and the local addresses of
    /// IPv6.
    #[must_use]
    pub const fn strict() -> Self {
        let mut policy = Self::new();
        policy.is_strict = true;
        policy
    }

    /// The same, letting these networks be dialled too.
    #[must_use]
    pub fn allow(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.allowed.extend(networks.into_iter().map(canonical));
        self
    }

    /// The same, refusing these networks.
    #[must_use]
    pub fn deny(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.denied.extend(networks.into_iter().map(canonical));
        self
    }

    /// The same without the rule of [`strict`](Self::strict) about loopback and private ranges, as it
    /// holds for an integration with `network = "vpc"`.
    #[must_use]
    pub const fn within_vpc(mut self) -> Self {
        self.lets_private_in = true;
        self
    }

    /// The same, taking a proxy's word for where names lead.
    ///
    /// A proxy looks names up itself, so that nobody here sees the addresses that it dials, save with
    /// one of `socks5`. The default policy lets that be. One that is strict, or that denies networks,
    /// refuses to send names through such a proxy unless it trusts proxies: then the proxy must keep to
    /// the rules.
    #[must_use]
    pub const fn trusting_proxies(mut self) -> Self {
        self.trusts_proxies = true;
        self
    }

    /// Whether names may not be looked up by somebody else.
    pub(crate) const fn must_see_addresses(&self) -> bool {
        let has_rules = (self.is_strict && !self.lets_private_in) || !self.denied.is_empty();
        has_rules && !self.trusts_proxies
    }

    /// Whether loopback and private ranges are refused, or were but for the integration's network.
    #[must_use]
    pub const fn is_strict(&self) -> bool {
        self.is_strict
    }

    /// The rule by which `address` is not dialled, or `None` where it is.
    #[must_use]
    pub fn refusal(&self, address: IpAddr) -> Option<RefusedAddress> {
        if let Some(rule) = refusal(address) {
            return Some(rule);
        }
        let allowed = |face| narrowest(&self.allowed, face);
        let is_denied = |face| {
            let denied = narrowest(&self.denied, face);
            denied.is_some_and(|denied| allowed(face).is_none_or(|allowed| allowed <= denied))
        };
        if faces(address).any(is_denied) {
            return Some(RefusedAddress::Denied);
        }
        let is_let_in = !self.is_strict || self.lets_private_in;
        if is_let_in || allowed(address.to_canonical()).is_some() {
            return None;
        }
        // What one reading of an address allows says nothing of another.
        let mut others = faces(address).filter(|face| allowed(*face).is_none());
        others.find_map(range)
    }
}

/// How long the prefix of the narrowest network is that holds the address.
fn narrowest(networks: &[IpNet], address: IpAddr) -> Option<u8> {
    networks
        .iter()
        .filter(|network| network.contains(&address))
        .map(IpNet::prefix_len)
        .max()
}

/// Networks of mapped addresses are written as those of IPv4, by which the addresses are judged.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else {
        return network;
    };
    match (
        mapped.addr().to_ipv4_mapped(),
        mapped.prefix_len().checked_sub(96),
    ) {
        (Some(address), Some(length)) => Ipv4Net::new(address, length).map_or(network, IpNet::V4),
        _ => network,
    }
}

const PRIVATE_V4: [Ipv4Net; 7] = [
    Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 0, 0, 0), 24),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(198, 18, 0, 0), 15),
    Ipv4Net::new_assert(Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Unique local addresses, and the site-local ones that they replaced.
const PRIVATE_V6: [Ipv6Net; 2] = [
    Ipv6Net::new_assert(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    Ipv6Net::new_assert(Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10),
];

fn range(address: IpAddr) -> Option<RefusedAddress> {
    let is_private = match address {
        IpAddr::V4(address) => PRIVATE_V4.iter().any(|range| range.contains(&address)),
        IpAddr::V6(address) => PRIVATE_V6.iter().any(|range| range.contains(&address)),
    };
    if address.is_loopback() {
        Some(RefusedAddress::Loopback)
    } else {
        is_private.then_some(RefusedAddress::Private)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn networks<const N: usize>(texts: [&str; N]) -> [IpNet; N] {
        texts.map(|text| text.parse().unwrap())
    }

    fn rule(policy: &EgressPolicy, address: &str) -> Option<RefusedAddress> {
        policy.refusal(address.parse().unwrap())
    }

    #[test]
    fn one_reading_of_an_address_that_is_allowed_lets_no_other_in() {
        let policy = EgressPolicy::strict().allow(networks(["10.8.0.0/16", "203.0.113.0/24"]));
        for address in [
            // 10.8.1.1 behind a prefix of 48 bits, and 192.168.0.1 behind one of 96.
            "64:ff9b:1:a08:1:100:c0a8:1",
            // The server is 203.0.113.7, the client 10.0.0.1.
            "2001:0:cb00:7107:8000:63bf:f5ff:fffe",
        ] {
            assert_eq!(
                rule(&policy, address),
                Some(RefusedAddress::Private),
                "{address}"
            );
        }
        assert_eq!(rule(&policy, "64:ff9b::10.8.1.1"), None);
    }

    #[test]
    fn a_strict_policy_refuses_what_the_internet_does_not_route() {
        let policy = EgressPolicy::strict();
        for (address, expected) in [
            ("127.0.0.1", RefusedAddress::Loopback),
            ("127.255.255.254", RefusedAddress::Loopback),
            ("::1", RefusedAddress::Loopback),
            ("::ffff:127.0.0.1", RefusedAddress::Loopback),
            ("64:ff9b::127.0.0.1", RefusedAddress::Loopback),
            ("10.0.0.1", RefusedAddress::Private),
            ("172.16.0.1", RefusedAddress::Private),
            ("172.31.255.255", RefusedAddress::Private),
            ("192.168.1.1", RefusedAddress::Private),
            ("100.64.0.1", RefusedAddress::Private),
            ("198.19.0.1", RefusedAddress::Private),
            ("192.0.0.8", RefusedAddress::Private),
            ("240.0.0.1", RefusedAddress::Private),
            ("fd00::1", RefusedAddress::Private),
            ("fec0::1", RefusedAddress::Private),
            ("::ffff:10.0.0.1", RefusedAddress::Private),
            ("::10.0.0.1", RefusedAddress::Private),
            ("64:ff9b::10.0.0.1", RefusedAddress::Private),
            ("64:ff9b:1::192.168.0.1", RefusedAddress::Private),
            ("2002:a00:1::1", RefusedAddress::Private),
            ("169.254.169.254", RefusedAddress::Metadata),
            ("fe80::1", RefusedAddress::LinkLocal),
        ] {
            assert_eq!(rule(&policy, address), Some(expected), "{address}");
        }
        for address in [
            "203.0.113.7",
            "172.32.0.1",
            "100.128.0.1",
            "2001:db8::1",
            "64:ff9b::203.0.113.7",
        ] {
            assert_eq!(rule(&policy, address), None, "{address}");
        }
    }

    #[test]
    fn within_a_vpc_and_by_default_private_ranges_are_dialled_and_metadata_never() {
        for policy in [EgressPolicy::new(), EgressPolicy::strict().within_vpc()] {
            for address in ["127.0.0.1", "10.0.0.1", "100.100.100.201", "fd00::1"] {
                assert_eq!(rule(&policy, address), None, "{address}");
            }
            for address in ["100.100.100.200", "169.254.169.254", "fd00:ec2::254"] {
                assert_eq!(
                    rule(&policy, address),
                    Some(RefusedAddress::Metadata),
                    "{address}"
                );
            }
        }
    }

    #[test]
    fn no_list_lets_through_what_is_never_dialled() {
        let everything = networks(["0.0.0.0/0", "::/0", "169.254.169.254/32", "fe80::/10"]);
        let policy = EgressPolicy::strict().allow(everything).within_vpc();
        for (address, expected) in [
            ("169.254.169.254", RefusedAddress::Metadata),
            ("::ffff:169.254.169.254", RefusedAddress::Metadata),
            ("fd00:ec2::254", RefusedAddress::Metadata),
            ("fe80::1", RefusedAddress::LinkLocal),
            ("0.0.0.0", RefusedAddress::Unspecified),
            ("255.255.255.255", RefusedAddress::Multicast),
        ] {
            assert_eq!(rule(&policy, address), Some(expected), "{address}");
        }
        assert_eq!(rule(&policy, "10.0.0.1"), None);
    }

    #[test]
    fn the_narrowest_network_decides_and_a_denied_one_among_equals() {
        let policy = EgressPolicy::new()
            .deny(networks([
                "0.0.0.0/0",
                "::/0",
                "10.1.2.0/24",
                "192.0.2.0/24",
            ]))
            .allow(networks(["10.1.0.0/16", "192.0.2.0/24", "10.1.2.3/32"]));
        assert_eq!(rule(&policy, "10.1.0.1"), None);
        assert_eq!(rule(&policy, "10.1.2.3"), None);
        for address in ["10.1.2.4", "192.0.2.1", "203.0.113.7", "2001:db8::1"] {
            assert_eq!(
                rule(&policy, address),
                Some(RefusedAddress::Denied),
                "{address}"
            );
        }
        // A mapped address is the IPv4 one; any other form is one of IPv6 too.
        assert_eq!(rule(&policy, "::ffff:10.1.0.1"), None);
        assert_eq!(
            rule(&policy, "64:ff9b::10.1.0.1"),
            Some(RefusedAddress::Denied)
        );
    }

    #[test]
    fn networks_of_mapped_addresses_are_those_of_ipv4() {
        let policy = EgressPolicy::new().deny(networks(["::ffff:203.0.113.0/120"]));
        assert_eq!(rule(&policy, "203.0.113.7"), Some(RefusedAddress::Denied));
        assert_eq!(
            rule(&policy, "::ffff:203.0.113.7"),
            Some(RefusedAddress::Denied)
        );
        assert_eq!(rule(&policy, "203.0.114.7"), None);
    }

    #[test]
    fn a_denied_network_holds_for_addresses_inside_others() {
        let policy = EgressPolicy::new().deny(networks(["203.0.113.0/24"]));
        for address in ["203.0.113.7", "64:ff9b::203.0.113.7", "2002:cb00:7107::1"] {
            assert_eq!(
                rule(&policy, address),
                Some(RefusedAddress::Denied),
                "{address}"
            );
        }
    }
}
