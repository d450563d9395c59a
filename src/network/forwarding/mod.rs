//! The machine in the cloud that forwards a port to a registry in a data centre.
//!
//! Of a hybrid cloud the integration's `ip` is that machine's, its `port` the listening one, and its
//! `domain` stays the registry's. [`Forwarding::plan`] gives the commands of the product documents for
//! firewalld, iptables and Windows, those for nftables, and what the documents leave out: the firewall's
//! reload, the return path, the acceptance of what is forwarded, and what survives a restart. Each step
//! has its reason, its undo and its check.
//!
//! Firewalls translate addresses within IPv4 or within IPv6; from one to the other leads the port proxy of
//! Windows alone, so that the others refuse it with the reason.
//!
//! The commands are made of two port numbers and an IP address and of nothing else, so that no value can
//! put a command of its own into them.
//!
//! # What was tried
//!
//! The tests run the steps for iptables and nftables in network namespaces, save those that write files
//! of the machine, and list a registry through them. Those for firewalld and Windows are compared as text
//! only.

mod address_family;
mod error;
mod firewalld;
mod iptables;
mod linux;
mod nftables;
mod plan;
mod server_address;
mod windows;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
};

use serde::Serialize;

pub use address_family::AddressFamily;
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
    reached_over: AddressFamily,
    listen: NonZeroU16,
    server: IpAddr,
    port: NonZeroU16,
}

impl Forwarding {
    /// From the listening port to the server's address and port, on a machine that is reached over
    /// IPv4.
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
            reached_over: AddressFamily::Ipv4,
            listen,
            server,
            port,
        })
    }

    /// The same on a machine that is reached over this family, which is that of the integration's `ip`.
    #[must_use]
    pub const fn on_machine_reached_over(self, family: AddressFamily) -> Self {
        Self {
            reached_over: family,
            ..self
        }
    }

    /// The family over which the forwarding machine is reached.
    #[must_use]
    pub const fn reached_over(&self) -> AddressFamily {
        self.reached_over
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
    /// [`ForwardingError::AddressFamily`] where the machine is reached over another family than the
    /// server's, and the system cannot lead from one to the other.
    pub fn plan(&self, system: System) -> Result<Plan, ForwardingError> {
        let is_within_a_family = self.reached_over == self.family_of_server();
        let steps = match system {
            System::Windows => windows::steps(self),
            _ if !is_within_a_family => {
                return Err(ForwardingError::AddressFamily {
                    system,
                    reached_over: self.reached_over,
                    server: self.server,
                });
            }
            System::Firewalld => firewalld::steps(self),
            System::Iptables => iptables::steps(self),
            System::Nftables => nftables::steps(self),
        };
        Ok(Plan { system, steps })
    }

    const fn family_of_server(&self) -> AddressFamily {
        AddressFamily::of(self.server)
    }

    /// The server's address with its port, that of IPv6 in brackets.
    fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.server, self.port.get())
    }
}

/// An address as a pattern of `grep` and `findstr` that matches it alone.
fn as_pattern(address: &str) -> String {
    let letters = address.chars().map(|letter| match letter {
        '.' | '[' | ']' => format!("\\{letter}"),
        other => other.to_string(),
    });
    letters.collect()
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
