use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::RefusedAddress;

/// Metadata services outside the link-local ranges: Azure's wire server, Alibaba Cloud's and
/// Oracle Cloud's.
const METADATA_V4: [Ipv4Addr; 3] = [
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
];

/// The same within the link-local range: the address that most clouds share, and that of
/// Amazon's container credentials.
const METADATA_LINK_LOCAL: [Ipv4Addr; 2] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
];

/// Amazon's and Google's metadata services over IPv6.
const METADATA_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// The rule by which `address` is never dialled, or `None` where it may be.
///
/// An IPv4 address inside an IPv6 one (mapped, compatible, 6to4, NAT64) is judged as itself.
///
/// ```
/// use registry_intake::{error::RefusedAddress, network::refusal};
///
/// let metadata = "::ffff:169.254.169.254".parse()?;
/// assert_eq!(refusal(metadata), Some(RefusedAddress::Metadata));
/// assert_eq!(refusal("10.0.0.1".parse()?), None);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[must_use]
pub fn refusal(address: IpAddr) -> Option<RefusedAddress> {
    match address {
        IpAddr::V4(address) => refusal_v4(address),
        IpAddr::V6(address) => refusal_v6(address),
    }
}

fn refusal_v4(address: Ipv4Addr) -> Option<RefusedAddress> {
    if METADATA_V4.contains(&address) || METADATA_LINK_LOCAL.contains(&address) {
        Some(RefusedAddress::Metadata)
    } else if address.is_link_local() {
        Some(RefusedAddress::LinkLocal)
    } else if address.octets()[0] == 0 {
        Some(RefusedAddress::Unspecified)
    } else if address.is_multicast() || address.is_broadcast() {
        Some(RefusedAddress::Multicast)
    } else {
        None
    }
}

fn refusal_v6(address: Ipv6Addr) -> Option<RefusedAddress> {
    if METADATA_V6.contains(&address) {
        Some(RefusedAddress::Metadata)
    } else if address.is_unspecified() {
        Some(RefusedAddress::Unspecified)
    } else if address.is_unicast_link_local() {
        Some(RefusedAddress::LinkLocal)
    } else if address.is_multicast() {
        Some(RefusedAddress::Multicast)
    } else {
        embedded_v4(address).and_then(refusal_v4)
    }
}

fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            v4(high, low)
        }
        [0x2002, high, low, ..] => v4(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn of(address: &str) -> Option<RefusedAddress> {
        refusal(address.parse().unwrap())
    }

    #[test]
    fn metadata_services_are_refused_in_every_spelling() {
        for address in [
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "2002:a9fe:a9fe::1",
            "::ffff:100.100.100.200",
        ] {
            assert_eq!(of(address), Some(RefusedAddress::Metadata), "{address}");
        }
    }

    #[test]
    fn link_local_unspecified_and_multicast_addresses_are_refused() {
        for (address, rule) in [
            ("169.254.0.1", RefusedAddress::LinkLocal),
            ("fe80::1", RefusedAddress::LinkLocal),
            ("febf::1", RefusedAddress::LinkLocal),
            ("::ffff:169.254.0.1", RefusedAddress::LinkLocal),
            ("0.0.0.0", RefusedAddress::Unspecified),
            ("0.1.2.3", RefusedAddress::Unspecified),
            ("::", RefusedAddress::Unspecified),
            ("::ffff:0.0.0.0", RefusedAddress::Unspecified),
            ("224.0.0.1", RefusedAddress::Multicast),
            ("255.255.255.255", RefusedAddress::Multicast),
            ("ff02::1", RefusedAddress::Multicast),
        ] {
            assert_eq!(of(address), Some(rule), "{address}");
        }
    }

    #[test]
    fn private_public_and_loopback_addresses_are_dialled() {
        for address in [
            "127.0.0.1",
            "::1",
            "10.0.0.1",
            "192.168.1.1",
            "172.16.0.1",
            "100.100.100.201",
            "203.0.113.7",
            "fd00::1",
            "fec0::1",
            "2001:db8::1",
            "::ffff:10.0.0.1",
        ] {
            assert_eq!(of(address), None, "{address}");
        }
    }
}
