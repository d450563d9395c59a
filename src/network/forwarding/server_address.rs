use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU16,
    str::FromStr,
};

use super::ForwardingError;

/// A registry's server as `ADDRESS` or `ADDRESS:PORT`, an IPv6 address with a port in brackets.
///
/// Only an IP address is taken, since firewalls keep what a name resolved to once. Nothing around it is
/// passed over: no white space, no zone, no sign, no leading zero.
///
/// ```
/// use registry_intake::network::forwarding::ServerAddress;
///
/// let server: ServerAddress = "192.168.0.2:8443".parse()?;
/// assert_eq!(server.port.unwrap().get(), 8443);
/// assert!("192.168.0.2; reboot".parse::<ServerAddress>().is_err());
/// # Ok::<(), registry_intake::network::forwarding::ForwardingError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ServerAddress {
    /// The address. One of IPv4 that is mapped into IPv6 stands as itself.
    pub address: IpAddr,
    /// The port, where one is given.
    pub port: Option<NonZeroU16>,
}

impl FromStr for ServerAddress {
    type Err = ForwardingError;

    fn from_str(text: &str) -> Result<Self, ForwardingError> {
        parse(text).ok_or_else(|| ForwardingError::Malformed {
            found: text.chars().take(64).collect(),
        })
    }
}

fn parse(text: &str) -> Option<ServerAddress> {
    let (address, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        let address: Ipv6Addr = address.parse().ok()?;
        let port = match rest {
            "" => None,
            rest => Some(rest.strip_prefix(':')?),
        };
        (IpAddr::V6(address), port)
    } else if let Ok(address) = text.parse::<IpAddr>() {
        (address, None)
    } else {
        let (address, port) = text.split_once(':')?;
        (IpAddr::V4(address.parse().ok()?), Some(port))
    };
    let port = match port {
        None => None,
        Some(digits) => Some(parse_port(digits)?),
    };
    Some(ServerAddress {
        address: address.to_canonical(),
        port,
    })
}

/// Decimal digits alone; the standard library would take a sign too.
fn parse_port(digits: &str) -> Option<NonZeroU16> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    is_plain.then(|| digits.parse().ok())?
}
