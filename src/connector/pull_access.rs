use std::{collections::BTreeMap, net::IpAddr};

use crate::{
    clock::Timestamp,
    config::{IntegrationConfig, Protocol, ProxySettings, SecretValue, TlsSettings},
    image::Location,
    network::EgressPolicy,
};

/// Everything that a puller needs for one location.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PullAccess {
    /// `http` or `https`.
    pub protocol: Protocol,
    /// The registry's domain: `Host`, SNI and the certificate's name.
    pub host: String,
    /// The registry's port.
    pub port: u16,
    /// Dial this address in place of what the domain resolves to.
    pub dial: Option<IpAddr>,
    /// Dial these addresses for these further names, of token services and blob stores. `Host`, SNI and
    /// the certificate's name stay the name.
    pub hosts: BTreeMap<String, IpAddr>,
    /// Whom to trust over TLS, and the certificate to show. Its key is a secret to be resolved.
    pub tls: TlsSettings,
    /// The way to every host that it is for; none where the registry is reached straight.
    pub proxy: Option<ProxySettings>,
    /// Where connections may go, as it holds for the integration: also to what names resolve to, and
    /// where redirects and token services lead.
    pub egress: EgressPolicy,
    /// What to pull.
    pub location: Location,
    /// The right to pull it.
    pub credential: PullCredential,
    /// When the credential ends; none where it does not end by itself.
    pub expires_at: Option<Timestamp>,
    /// Hosts beside [`host`](Self::host) whose token service may be sent the credential: those that the
    /// configuration names, and those of ACR, which are known.
    pub realm_hosts: Vec<String>,
}

impl PullAccess {
    /// Access by dialling what the domain resolves to, with a credential that does not end.
    #[must_use]
    pub fn new(
        protocol: Protocol,
        host: impl Into<String>,
        port: u16,
        location: Location,
        credential: PullCredential,
    ) -> Self {
        Self {
            protocol,
            host: host.into(),
            port,
            dial: None,
            hosts: BTreeMap::new(),
            tls: TlsSettings::default(),
            proxy: None,
            egress: EgressPolicy::new(),
            location,
            credential,
            expires_at: None,
            realm_hosts: Vec::new(),
        }
    }

    /// Access to a configured registry.
    pub(super) fn at(
        config: &IntegrationConfig,
        location: &Location,
        credential: PullCredential,
    ) -> Self {
        let endpoint = config.endpoint();
        let (protocol, port) = (endpoint.protocol(), endpoint.port());
        let mut access = Self::new(
            protocol,
            endpoint.domain(),
            port,
            location.clone(),
            credential,
        );
        access.dial = endpoint.ip();
        access.by_the_way_of(config)
    }

    /// The same, going to whatever host as the integration is configured to.
    pub(super) fn by_the_way_of(mut self, config: &IntegrationConfig) -> Self {
        self.hosts.clone_from(config.hosts());
        self.tls.clone_from(config.tls());
        self.proxy = config.proxy().cloned();
        self.realm_hosts.extend_from_slice(config.realm_hosts());
        self
    }

    /// The same by dialling this address.
    #[must_use]
    pub const fn with_dial(mut self, dial: IpAddr) -> Self {
        self.dial = Some(dial);
        self
    }

    /// The same by dialling this address for a further name.
    #[must_use]
    pub fn with_host(mut self, name: impl Into<String>, address: IpAddr) -> Self {
        self.hosts.insert(name.into(), address);
        self
    }

    /// The same, trusting whom these settings say.
    #[must_use]
    pub fn with_tls(mut self, tls: TlsSettings) -> Self {
        self.tls = tls;
        self
    }

    /// The same through this proxy.
    #[must_use]
    pub fn with_proxy(mut self, proxy: ProxySettings) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// The same, going only where this policy lets connections go.
    #[must_use]
    pub fn with_egress(mut self, egress: EgressPolicy) -> Self {
        self.egress = egress;
        self
    }

    /// The same with a credential that ends then.
    #[must_use]
    pub const fn with_expiry(mut self, expires_at: Timestamp) -> Self {
        self.expires_at = Some(expires_at);
        self
    }

    /// The same, knowing hosts of token services that may be sent the credential.
    #[must_use]
    pub fn with_realm_hosts(mut self, hosts: impl IntoIterator<Item = String>) -> Self {
        self.realm_hosts = hosts.into_iter().collect();
        self
    }

    /// `host/repository@digest`, with the port where it is not the protocol's own.
    #[must_use]
    pub fn reference(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        let port = if self.port == self.protocol.default_port() {
            String::new()
        } else {
            format!(":{}", self.port)
        };
        let Location {
            repository, digest, ..
        } = &self.location;
        format!("{host}{port}/{repository}@{digest}")
    }
}

/// A credential for the registry's distribution API (`/v2/`).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum PullCredential {
    /// User name and password, for the registry or for its token service.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: SecretValue,
    },
    /// A token to be sent as it is.
    Bearer {
        /// The token.
        token: SecretValue,
    },
}
