use std::net::IpAddr;

use crate::config::{ConfigErrors, IntegrationConfig, Secret, SpeedLimit};

/// What is to become different about an integration. What the product documents let an operator
/// change is here: domain, port, IP, user, password and speed limit. For anything else remove the
/// integration and add another.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct IntegrationChange {
    domain: Option<String>,
    port: Option<u16>,
    ip: Option<IpAddr>,
    username: Option<String>,
    password: Option<Secret>,
    speed_limit: Option<SpeedLimit>,
}

impl IntegrationChange {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another host name. The registry there is taken for the same one, moved: what the inventory
    /// holds stays, and the next full run proves it anew.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Another port, in the same sense.
    pub const fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Another address to dial.
    pub const fn ip(mut self, ip: IpAddr) -> Self {
        self.ip = Some(ip);
        self
    }

    /// Another account's name.
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// Another password.
    pub fn password(mut self, password: Secret) -> Self {
        self.password = Some(password);
        self
    }

    /// Another speed limit. A wait that is still due scales with it.
    pub const fn speed_limit(mut self, speed_limit: SpeedLimit) -> Self {
        self.speed_limit = Some(speed_limit);
        self
    }

    /// Whether the registry is reached or entered in another way.
    pub(super) const fn reconnects(&self) -> bool {
        self.moves() || self.ip.is_some() || self.username.is_some() || self.password.is_some()
    }

    /// Whether the registry stands under another name.
    pub(super) const fn moves(&self) -> bool {
        self.domain.is_some() || self.port.is_some()
    }

    /// The integration as it is then.
    pub(super) fn apply(self, to: &IntegrationConfig) -> Result<IntegrationConfig, ConfigErrors> {
        let mut builder = to.to_builder();
        if let Some(domain) = self.domain {
            builder = builder.domain(domain);
        }
        if let Some(port) = self.port {
            builder = builder.port(port);
        }
        if let Some(ip) = self.ip {
            builder = builder.ip(ip);
        }
        if let Some(username) = self.username {
            builder = builder.username(username);
        }
        if let Some(password) = self.password {
            builder = builder.password(password);
        }
        if let Some(speed_limit) = self.speed_limit {
            builder = builder.speed_limit(speed_limit);
        }
        builder.build()
    }
}
