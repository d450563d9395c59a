//! The machine in the cloud that forwards a port to a registry in a data centre.
//!
//! Of a hybrid cloud the integration's `ip` is that machine's, its `port` the listening one, and its
//! `domain` stays the registry's. [`Forwarding::plan`] gives the commands of the product documents for
//! firewalld, iptables and Windows, those for nftables, and what the documents leave out: the firewall's
//! reload, the return path, the acceptance of what is forwarded, and what survives a restart. Each step
//! has its reason, its undo and its check.
//!
//! The commands are made of two port numbers and an IP address and of nothing else, so that no value can
//! put a command of its own into them.
//!
//! # What was tried
//!
//! The tests run the steps for iptables and nftables in network namespaces, save those that write files
//! of the machine, and list a registry through them. Those for firewalld and Windows are compared as text
//! only.

mod error;
mod firewalld;
mod iptables;
mod linux;
mod nftables;
mod plan;
mod server_address;
mod windows;

use std::{fmt, net::IpAddr, num::NonZeroU16};

use serde::Serialize;

pub use error::ForwardingError;
pub use plan::{Effect, Plan, Step, StepKind};
pub use server_address::ServerAddress;

/// A port that is forwarded: where the machine listens, and where the registry's server is.
///
/// ```
/// use std::num::NonZeroU16;
/// use registry_intake::network::forwarding::{Forwarding, System};
///
/// let port = NonZeroU16::new(443).unwrap();
/// let forwarding = Forwarding::new(port, "192.168.0.2".parse()?, port)?;
/// let plan = forwarding.plan(System::Firewalld)?;
/// assert_eq!(
///     plan.steps()[0].run,
///     ["firewall-cmd --permanent --add-forward-port=port=443:proto=tcp:toaddr=192.168.0.2:toport=443"]
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Forwarding {
    listen: NonZeroU16,
    server: IpAddr,
    port: NonZeroU16,
}

impl Forwarding {
    /// From the listening port to the server's address and port.
    ///
    /// # Errors
    /// [`ForwardingError::Refused`] for an address that is never dialled either, see
    /// [`refusal`](super::refusal), and [`ForwardingError::Loopback`].
    pub fn new(
        listen: NonZeroU16,
        server: IpAddr,
        port: NonZeroU16,
    ) -> Result<Self, ForwardingError> {
        let server = server.to_canonical();
        if let Some(rule) = super::refusal(server) {
            return Err(ForwardingError::Refused { server, rule });
        }
        if server.is_loopback() {
            return Err(ForwardingError::Loopback { server });
        }
        Ok(Self {
            listen,
            server,
            port,
        })
    }

    /// The port on which the forwarding machine listens.
    #[must_use]
    pub const fn listen(&self) -> NonZeroU16 {
        self.listen
    }

    /// The address of the registry's server.
    #[must_use]
    pub const fn server(&self) -> IpAddr {
        self.server
    }

    /// The port of the registry's server.
    #[must_use]
    pub const fn port(&self) -> NonZeroU16 {
        self.port
    }

    /// The commands for this system.
    ///
    /// # Errors
    /// [`ForwardingError::AddressFamily`] where the server's address is of IPv6 and the system cannot
    /// lead to it from IPv4.
    pub fn plan(&self, system: System) -> Result<Plan, ForwardingError> {
        let steps = match (system, self.server) {
            (System::Windows, _) => windows::steps(self),
            (System::Firewalld, IpAddr::V4(server)) => firewalld::steps(self, server),
            (System::Iptables, IpAddr::V4(server)) => iptables::steps(self, server),
            (System::Nftables, IpAddr::V4(server)) => nftables::steps(self, server),
            (system, server @ IpAddr::V6(_)) => {
                return Err(ForwardingError::AddressFamily { system, server });
            }
        };
        Ok(Plan { system, steps })
    }
}

/// What forwards on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum System {
    /// firewalld, as on CentOS and Red Hat since 7.
    Firewalld,
    /// iptables.
    Iptables,
    /// nftables, by its own command `nft`.
    Nftables,
    /// The port proxy of Windows, by `netsh`.
    Windows,
}

impl System {
    /// All systems.
    pub const ALL: [Self; 4] = [
        Self::Firewalld,
        Self::Iptables,
        Self::Nftables,
        Self::Windows,
    ];

    /// The word that stands for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firewalld => "firewalld",
            Self::Iptables => "iptables",
            Self::Nftables => "nftables",
            Self::Windows => "windows",
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
