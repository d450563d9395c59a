use std::{collections::BTreeMap, net::IpAddr, num::NonZeroUsize, time::Duration};

use super::{
    Account, AcrInstance, AcrSettings, ConfigWarning, Endpoint, IntegrationConfigBuilder,
    Namespace, NetworkType, Protocol, ProxySettings, RegistryType, RegistryVersion, RequiredRole,
    SessionUse, SizeLimits, SpeedLimit, TlsSettings,
};
use crate::{image::RegistryKind, schedule::Schedule, selection::Selection};

/// One integrated registry as the operator configured it, validated.
///
/// Made by [`builder`](Self::builder), by [`Config::from_toml`](super::Config::from_toml), or from
/// an [`IntegrationDraft`](super::IntegrationDraft), which serde reads from any self-describing
/// format.
#[derive(Debug, Clone)]
pub struct IntegrationConfig {
    pub(super) name: String,
    pub(super) registry_type: RegistryType,
    pub(super) version: Option<RegistryVersion>,
    pub(super) endpoint: Endpoint,
    pub(super) hosts: BTreeMap<String, IpAddr>,
    pub(super) network: NetworkType,
    pub(super) region_id: Option<String>,
    pub(super) hybrid: bool,
    pub(super) speed_limit: SpeedLimit,
    pub(super) account: Option<Account>,
    pub(super) namespaces: Vec<Namespace>,
    pub(super) required_role: RequiredRole,
    pub(super) requests_in_flight: NonZeroUsize,
    pub(super) timeouts: Timeouts,
    pub(super) limits: SizeLimits,
    pub(super) tls: TlsSettings,
    pub(super) proxy: Option<ProxySettings>,
    pub(super) realm_hosts: Vec<String>,
    pub(super) include_proxy_caches: bool,
    pub(super) session: SessionUse,
    pub(super) schedule: Schedule,
    pub(super) selection: Selection,
    pub(super) acr: Option<AcrSettings>,
    pub(super) warnings: Vec<ConfigWarning>,
}

impl IntegrationConfig {
    /// The longest name, in characters.
    pub const MAX_NAME_LENGTH: usize = 128;

    /// The most requests that may be in flight at once.
    pub const MAX_REQUESTS_IN_FLIGHT: usize = 64;

    /// Starts a configuration of this name.
    #[must_use]
    pub fn builder(name: impl Into<String>) -> IntegrationConfigBuilder {
        IntegrationConfigBuilder::named(name.into())
    }

    /// The same integration, to be changed and validated again.
    #[must_use]
    pub fn to_builder(&self) -> IntegrationConfigBuilder {
        IntegrationConfigBuilder::of(self)
    }

    /// The unique name of the integration in the inventory, in logs and in errors.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The registry by product and interface: type and version together.
    #[must_use]
    pub const fn registry(&self) -> RegistryKind {
        match (self.registry_type, self.version) {
            (RegistryType::Harbor, Some(RegistryVersion::V1)) => RegistryKind::HarborV1,
            (RegistryType::Harbor, _) => RegistryKind::HarborV2,
            (RegistryType::Quay, _) => RegistryKind::Quay,
            (RegistryType::AcrEnterprise, _) => RegistryKind::AcrEnterprise,
            (RegistryType::AcrPersonal, _) => RegistryKind::AcrPersonal,
        }
    }

    /// The configured product.
    #[must_use]
    pub const fn registry_type(&self) -> RegistryType {
        self.registry_type
    }

    /// The configured version. Always there for Harbor and Quay, never for ACR.
    #[must_use]
    pub const fn version(&self) -> Option<RegistryVersion> {
        self.version
    }

    /// Where the registry is. For ACR the endpoint of its API, which region and network choose.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The addresses that are dialled for further names than the endpoint's domain, in the same form as
    /// [`Endpoint::domain`].
    #[must_use]
    pub const fn hosts(&self) -> &BTreeMap<String, IpAddr> {
        &self.hosts
    }

    /// What the integration's name stands for in an inventory: host and port, and the instance where
    /// several lie behind one API.
    #[must_use]
    pub fn registry_name(&self) -> String {
        let authority = self.endpoint.authority();
        // The two endpoints of a region lead to the same registries.
        let authority = match authority.strip_prefix("cr-vpc.") {
            Some(rest) if self.acr.is_some() => format!("cr.{rest}"),
            _ => authority,
        };
        match self.acr.as_ref().and_then(|acr| acr.instance.as_ref()) {
            Some(AcrInstance::Id(id)) => format!("{authority}/{id}"),
            Some(AcrInstance::Name(name)) => format!("{authority}/{name}"),
            None => authority,
        }
    }

    /// Whether images of this registry may stand under this host, and port where one is stated. For an
    /// instance of ACR that is configured by its id, any host of its region may be its own.
    pub(crate) fn is_pulled_from(&self, host: &str, port: Option<u16>) -> bool {
        let Some(acr) = &self.acr else {
            let usual = self.endpoint.protocol().default_port();
            let port = port.unwrap_or(usual);
            return self.endpoint.domain() == host && self.endpoint.port() == port;
        };
        if port.is_some_and(|port| port != Protocol::Https.default_port()) {
            return false;
        }
        acr.is_pulled_from(host, self.region_id.as_deref().unwrap_or_default())
    }

    /// What an integration of ACR has of its own; none for other registries.
    #[must_use]
    pub const fn acr(&self) -> Option<&AcrSettings> {
        self.acr.as_ref()
    }

    /// The network over which it is reached.
    #[must_use]
    pub const fn network(&self) -> NetworkType {
        self.network
    }

    /// The region in which it lies.
    #[must_use]
    pub fn region_id(&self) -> Option<&str> {
        self.region_id.as_deref()
    }

    /// Whether a machine in the cloud forwards the traffic to a data centre. The endpoint's `ip`
    /// is then that machine's.
    #[must_use]
    pub const fn is_hybrid(&self) -> bool {
        self.hybrid
    }

    /// How many images may be ingested. By default 10 per hour.
    #[must_use]
    pub const fn speed_limit(&self) -> SpeedLimit {
        self.speed_limit
    }

    /// The user name and password. Always there, save for Quay and ACR.
    #[must_use]
    pub const fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// The organisations of a Quay, at least one; none for other registries.
    #[must_use]
    pub fn namespaces(&self) -> &[Namespace] {
        &self.namespaces
    }

    /// What the account must be allowed to do. By default [`RequiredRole::Admin`].
    #[must_use]
    pub const fn required_role(&self) -> RequiredRole {
        self.required_role
    }

    /// How many requests may be in flight at once, 1 to
    /// [`MAX_REQUESTS_IN_FLIGHT`](Self::MAX_REQUESTS_IN_FLIGHT). By default 4, and 2 for a Harbor 1.x and
    /// for a Quay without [`SessionUse::Always`].
    #[must_use]
    pub const fn requests_in_flight(&self) -> NonZeroUsize {
        self.requests_in_flight
    }

    /// How long to wait for the registry.
    #[must_use]
    pub const fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// How much of an answer is read.
    #[must_use]
    pub const fn limits(&self) -> SizeLimits {
        self.limits
    }

    /// Whom the integration trusts over TLS, and its own certificate.
    #[must_use]
    pub const fn tls(&self) -> &TlsSettings {
        &self.tls
    }

    /// The proxy to the registry; none unless configured.
    #[must_use]
    pub const fn proxy(&self) -> Option<&ProxySettings> {
        self.proxy.as_ref()
    }

    /// Further hosts whose token services may be sent the credentials, in the same form as
    /// [`Endpoint::domain`], save that an IPv6 address has its brackets.
    #[must_use]
    pub fn realm_hosts(&self) -> &[String] {
        &self.realm_hosts
    }

    /// Whether projects that cache another registry are listed too. By default they are not.
    #[must_use]
    pub const fn include_proxy_caches(&self) -> bool {
        self.include_proxy_caches
    }

    /// Whether listings sign in. By default [`SessionUse::Auto`].
    #[must_use]
    pub const fn session(&self) -> SessionUse {
        self.session
    }

    /// When the registry is synced by itself, with its time zone.
    #[must_use]
    pub const fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Which images are for ingestion.
    #[must_use]
    pub const fn selection(&self) -> &Selection {
        &self.selection
    }

    /// What is allowed but should be known.
    #[must_use]
    pub fn warnings(&self) -> &[ConfigWarning] {
        &self.warnings
    }
}

/// How long to wait for a registry. From 1 ms to 1 hour each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Timeouts {
    /// Until the connection stands, TLS included. By default 10 seconds.
    pub connect: Duration,
    /// Between two pieces of an answer, whose body may take ten times as long in all. By default
    /// 30 seconds.
    pub read: Duration,
}

impl Timeouts {
    pub(super) const ALLOWED: &str = "a number of seconds from 0.001 to 3600";
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            read: Duration::from_secs(30),
        }
    }
}
