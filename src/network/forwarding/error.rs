use std::net::IpAddr;

use super::System;
use crate::error::RefusedAddress;

/// Why no commands are given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardingError {
    /// The text is no address of a server.
    #[error(
        "{found:?} is no server: give an IP address, or ADDRESS:PORT, an IPv6 address then in brackets"
    )]
    Malformed {
        /// The text, cut to its beginning.
        found: String,
    },
    /// The server's address is of IPv6, and the listening side of IPv4, as the product takes a
    /// registry's IP. A firewall rewrites addresses within a family only.
    #[error(
        "{system} cannot forward to {server}: the forwarding machine is reached over IPv4, and address translation does not lead from IPv4 to IPv6; use a server address of IPv4, or a machine with Windows, whose port proxy does"
    )]
    AddressFamily {
        /// The system that cannot.
        system: System,
        /// The server.
        server: IpAddr,
    },
    /// No traffic of others is ever led to such an address: a cloud's metadata service would hand them
    /// this machine's credentials.
    #[error("{server} is never forwarded to: it is a {rule} address")]
    Refused {
        /// The server.
        server: IpAddr,
        /// What it is.
        rule: RefusedAddress,
    },
    /// The server is the forwarding machine itself.
    #[error(
        "{server} is the forwarding machine itself: a firewall does not forward to loopback, and the registry can listen on that port"
    )]
    Loopback {
        /// The server.
        server: IpAddr,
    },
}
