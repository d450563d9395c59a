use std::net::IpAddr;

use super::{AddressFamily, System};
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
    /// The server's address is of another family than the one over which the machine is reached, and a
    /// firewall translates addresses within a family only.
    #[error(
        "{system} cannot forward to {server}: the forwarding machine is reached over {reached_over}, and address translation does not lead from {reached_over} to {}; use a server address of {reached_over}, or a machine with Windows, whose port proxy does both",
        AddressFamily::of(*.server)
    )]
    AddressFamily {
        /// The system that cannot.
        system: System,
        /// The family over which the machine is reached.
        reached_over: AddressFamily,
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
