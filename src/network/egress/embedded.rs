use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Every address that a connection to `address` may end at: itself, and each IPv4 address that a
/// translator or tunnel would read in it. A mapped one is the IPv4 address itself.
pub(super) fn faces(address: IpAddr) -> impl Iterator<Item = IpAddr> {
    let address = address.to_canonical();
    let embedded = match address {
        IpAddr::V4(_) => Vec::new(),
        IpAddr::V6(address) => embedded(address),
    };
    std::iter::once(address).chain(embedded.into_iter().map(IpAddr::V4))
}

/// The IPv4 addresses in an IPv6 one, by the forms of RFC 4291 (compatible), 2765 (translated),
/// 3056 (6to4), 4380 (Teredo), 5214 (ISATAP), 6052 (NAT64) and 8215 (NAT64 of a network's own).
fn embedded(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let octets = address.octets();
    let at = |places: [usize; 4]| Ipv4Addr::from(places.map(|place| octets[place]));
    let last = at([12, 13, 14, 15]);
    let mut found = Vec::new();
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => {}
        [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            found.push(last)
        }
        [0x64, 0xff9b, 1, ..] => found.extend(own_prefix(&octets)),
        [0x2002, ..] => found.push(at([2, 3, 4, 5])),
        // The server, and the client with every bit inverted.
        [0x2001, 0, ..] => found.extend([
            at([4, 5, 6, 7]),
            Ipv4Addr::from(last.octets().map(|octet| !octet)),
        ]),
        _ => {}
    }
    if matches!(octets[8..12], [0 | 2, 0, 0x5e, 0xfe]) {
        found.push(last);
    }
    found
}

/// How a translator may read an address of `64:ff9b:1::/48`, whose network chooses how long its
/// prefix is: RFC 6052 puts the address behind it, around octet 8. What no host can have is a piece
/// of something else read as an address, unless every reading is.
fn own_prefix(octets: &[u8; 16]) -> Vec<Ipv4Addr> {
    const READINGS: [[usize; 4]; 4] = [
        [6, 7, 9, 10],
        [7, 9, 10, 11],
        [9, 10, 11, 12],
        [12, 13, 14, 15],
    ];
    let readings = READINGS.map(|places| Ipv4Addr::from(places.map(|place| octets[place])));
    let hosts: Vec<_> = readings
        .into_iter()
        .filter(|reading| (1..=223).contains(&reading.octets()[0]))
        .collect();
    if hosts.is_empty() {
        return vec![Ipv4Addr::UNSPECIFIED];
    }
    hosts
}
