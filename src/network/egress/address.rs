use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::Ipv6Net;

use super::embedded::faces;
use crate::error::RefusedAddress;

/// Metadata services over IPv4, by the vendors' documentation.
const METADATA_V4: [Ipv4Addr; 13] = [
    // Shared by most clouds.
    Ipv4Addr::new(169, 254, 169, 254),
    // Amazon's name server and Google's metadata for containers, on the same link.
    Ipv4Addr::new(169, 254, 169, 253),
    Ipv4Addr::new(169, 254, 169, 252),
    // Amazon's credentials for containers (ECS) and pods (EKS).
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    // Scaleway.
    Ipv4Addr::new(169, 254, 42, 42),
    // Tencent Cloud.
    Ipv4Addr::new(169, 254, 0, 23),
    Ipv4Addr::new(169, 254, 10, 10),
    // Alibaba Cloud.
    Ipv4Addr::new(100, 100, 100, 200),
    // Volcengine.
    Ipv4Addr::new(100, 96, 0, 96),
    // UCloud.
    Ipv4Addr::new(100, 80, 80, 80),
    // Azure's wire server.
    Ipv4Addr::new(168, 63, 129, 16),
    // Oracle Cloud.
    Ipv4Addr::new(192, 0, 0, 192),
];

/// The same over IPv6.
const METADATA_V6: [Ipv6Addr; 6] = [
    // Google Cloud.
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    // Oracle Cloud.
    Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
    // Scaleway.
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
    // Akamai.
    Ipv6Addr::new(0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1),
    // Alibaba Cloud.
    Ipv6Addr::new(0xfd00, 0x100, 0, 0, 0, 0, 0x100, 0x200),
    // OpenStack.
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
];

/// Amazon's services for an instance: metadata, credentials of pods, names and time.
const AMAZON: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0), 32);

/// The rule by which `address` is never dialled, whatever an [`EgressPolicy`](super::EgressPolicy)
/// says, or `None` where it may be.
///
/// An IPv4 address inside an IPv6 one is judged as itself: mapped, compatible, translated, 6to4,
/// Teredo, ISATAP, and NAT64 with the well-known prefix or one of `64:ff9b:1::/48`. A NAT64 prefix
/// that a network took from its own range cannot be told from any other address.
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
    faces(address).find_map(|face| match face {
        IpAddr::V4(address) => refusal_v4(address),
        IpAddr::V6(address) => refusal_v6(address),
    })
}

fn refusal_v4(address: Ipv4Addr) -> Option<RefusedAddress> {
    if METADATA_V4.contains(&address) {
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
    if METADATA_V6.contains(&address) || AMAZON.contains(&address) {
        Some(RefusedAddress::Metadata)
    } else if address.is_unspecified() {
        Some(RefusedAddress::Unspecified)
    } else if address.is_unicast_link_local() {
        Some(RefusedAddress::LinkLocal)
    } else if address.is_multicast() {
        Some(RefusedAddress::Multicast)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn of(address: &str) -> Option<RefusedAddress> {
        refusal(address.parse().unwrap())
    }

    #[test]
    fn metadata_services_are_refused_in_every_form() {
        for address in [
            "169.254.169.254",
            "169.254.169.253",
            "169.254.169.252",
            "169.254.170.2",
            "169.254.170.23",
            "169.254.42.42",
            "169.254.0.23",
            "169.254.10.10",
            "100.100.100.200",
            "100.96.0.96",
            "100.80.80.80",
            "168.63.129.16",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd00:ec2::253",
            "fd00:ec2::23",
            "fd00:ec2::123",
            "fd20:ce::254",
            "fd00:c1::a9fe:a9fe",
            "fd00:42::42",
            "fd00:a9fe:a9fe::1",
            "fd00:100::100:200",
            "fe80::a9fe:a9fe",
            "::ffff:169.254.169.254",
            "::ffff:100.100.100.200",
            "0:0:0:0:0:ffff:a9fe:a9fe",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b::a83f:8110",
            "64:ff9b:1::169.254.169.254",
            "64:ff9b:1:fffe::100.100.100.200",
            // The same behind prefixes of 48, 56 and 64 bits.
            "64:ff9b:1:a9fe:a9:fe00::",
            "64:ff9b:1:ffa9:fe:a9fe::",
            "64:ff9b:1:ffff:a9:fea9:fe00:0",
            "2002:a9fe:a9fe::1",
            "2002:6464:64c8::",
            // Teredo: the server, and the client inverted.
            "2001:0:a9fe:a9fe:8000:63bf:3fff:fdd2",
            "2001:0:4136:e378:8000:63bf:5601:5601",
            "fe80::5efe:169.254.169.254",
            "2001:db8::5efe:169.254.169.254",
            "2001:db8::200:5efe:100.100.100.200",
        ] {
            let rule = of(address);
            // What is on the link is named by the link first.
            let expected = if address.starts_with("fe80::5efe") {
                RefusedAddress::LinkLocal
            } else {
                RefusedAddress::Metadata
            };
            assert_eq!(rule, Some(expected), "{address}");
        }
    }

    #[test]
    fn link_local_unspecified_and_multicast_addresses_are_refused() {
        for (address, rule) in [
            ("169.254.0.1", RefusedAddress::LinkLocal),
            ("169.254.255.255", RefusedAddress::LinkLocal),
            ("fe80::1", RefusedAddress::LinkLocal),
            ("febf::1", RefusedAddress::LinkLocal),
            ("::ffff:169.254.0.1", RefusedAddress::LinkLocal),
            ("64:ff9b::169.254.0.1", RefusedAddress::LinkLocal),
            ("0.0.0.0", RefusedAddress::Unspecified),
            ("0.1.2.3", RefusedAddress::Unspecified),
            ("::", RefusedAddress::Unspecified),
            ("::ffff:0.0.0.0", RefusedAddress::Unspecified),
            ("64:ff9b::", RefusedAddress::Unspecified),
            ("64:ff9b:1::", RefusedAddress::Unspecified),
            ("224.0.0.1", RefusedAddress::Multicast),
            ("239.255.255.255", RefusedAddress::Multicast),
            ("255.255.255.255", RefusedAddress::Multicast),
            ("64:ff9b::255.255.255.255", RefusedAddress::Multicast),
            ("ff02::1", RefusedAddress::Multicast),
            ("ff0e::1", RefusedAddress::Multicast),
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
            "168.63.129.17",
            "203.0.113.7",
            "169.253.255.255",
            "169.255.0.0",
            "fd00::1",
            "fec0::1",
            "2001:db8::1",
            "::ffff:10.0.0.1",
            "64:ff9b::203.0.113.7",
            "64:ff9b:1::203.0.113.7",
            // 10.225.3.4 behind a prefix of 48 bits, which has 225.3.4.0 behind one of 56.
            "64:ff9b:1:ae1:3:400::",
            "2002:cb00:7107::1",
            "2001:db8::5efe:203.0.113.7",
        ] {
            assert_eq!(of(address), None, "{address}");
        }
    }

    proptest! {
        #[test]
        fn an_address_is_refused_by_the_same_rule_in_each_of_its_forms(octets in any::<[u8; 4]>()) {
            let [a, b, c, d] = octets;
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let address = Ipv4Addr::from(octets);
            // The loopback address of IPv6 and the unspecified one are no forms of another.
            prop_assume!(u32::from(address) > 1);
            let rule = refusal(address.into());
            for form in [
                address.to_ipv6_mapped(),
                Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, 0xcb00, 0x7107, 0, 0, !high, !low),
                Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0x5efe, high, low),
            ] {
                prop_assert_eq!(refusal(form.into()), rule, "{}", form);
            }
        }

        #[test]
        fn no_address_makes_the_classification_panic(address in any::<u128>()) {
            let address = Ipv6Addr::from(address);
            if refusal(address.into()).is_none() {
                prop_assert!(!address.is_multicast() && !address.is_unicast_link_local());
            }
        }
    }
}
