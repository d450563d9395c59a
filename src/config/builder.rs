use std::{net::IpAddr, time::Duration};

use super::{
    AcrCredentials, AcrInstance, CaMode, ConfigErrors, ConfigWarning, IntegrationConfig,
    NetworkType, Pem, Protocol, RegistryType, RegistryVersion, RequiredRole, Secret, SessionUse,
    SpeedLimit, TlsVersion, VpcAccess,
    acr::{AcrDraft, CredentialsDraft},
    fault::Faults,
    limits::LimitsDraft,
    namespace::NamespaceDraft,
    proxy::ProxyDraft,
    tls::TlsDraft,
    validate::has_sessions,
};
use crate::{schedule::Schedule, selection::Selection};

/// Collects what an operator fills in. Nothing is judged before [`build`](Self::build), and then
/// everything at once.
#[derive(Debug, Clone, Default)]
pub struct IntegrationConfigBuilder {
    pub(super) name: Option<String>,
    pub(super) registry_type: Option<RegistryType>,
    pub(super) version: Option<RegistryVersion>,
    pub(super) protocol: Option<Protocol>,
    pub(super) network: Option<NetworkType>,
    pub(super) region_id: Option<String>,
    pub(super) domain: Option<String>,
    pub(super) port: Option<i128>,
    pub(super) ip: Option<IpAddr>,
    pub(super) hosts: Vec<(String, IpAddr)>,
    pub(super) hybrid: Option<bool>,
    pub(super) speed_limit: Option<SpeedLimit>,
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) password_is_plain: bool,
    pub(super) namespaces: Vec<NamespaceDraft>,
    pub(super) required_role: Option<RequiredRole>,
    pub(super) requests_in_flight: Option<i128>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) read_timeout: Option<Duration>,
    pub(super) limits: LimitsDraft,
    pub(super) tls: TlsDraft,
    pub(super) proxy: Option<ProxyDraft>,
    pub(super) realm_hosts: Option<Vec<String>>,
    pub(super) include_proxy_caches: Option<bool>,
    pub(super) session: Option<SessionUse>,
    pub(super) schedule: Option<Schedule>,
    pub(super) selection: Option<Selection>,
    pub(super) acr: AcrDraft,
}

impl IntegrationConfigBuilder {
    pub(super) fn named(name: String) -> Self {
        Self {
            name: Some(name),
            ..Self::default()
        }
    }

    pub(super) fn of(config: &IntegrationConfig) -> Self {
        let (endpoint, account) = (&config.endpoint, config.account.as_ref());
        let has_plain_secret = config.warnings.contains(&ConfigWarning::PlainTextPassword);
        // Region and network say where an ACR is.
        let is_elsewhere = config.acr.is_none();
        let namespaces = config.namespaces.iter().map(|namespace| NamespaceDraft {
            organization: Some(namespace.organization.clone()),
            auth_token: Some(namespace.auth_token.clone()),
            token_is_plain: has_plain_secret,
        });
        Self {
            name: Some(config.name.clone()),
            registry_type: Some(config.registry_type),
            version: config.version,
            protocol: is_elsewhere.then(|| endpoint.protocol()),
            network: Some(config.network),
            region_id: config.region_id.clone(),
            domain: match &config.acr {
                Some(acr) => acr.domain.clone(),
                None => Some(endpoint.domain().to_owned()),
            },
            port: is_elsewhere.then(|| endpoint.port().into()),
            ip: endpoint.ip(),
            hosts: config.hosts.clone().into_iter().collect(),
            hybrid: is_elsewhere.then_some(config.hybrid),
            speed_limit: Some(config.speed_limit),
            username: account.map(|account| account.username.clone()),
            password: account.map(|account| account.password.clone()),
            password_is_plain: has_plain_secret && account.is_some(),
            namespaces: namespaces.collect(),
            required_role: Some(config.required_role),
            requests_in_flight: i128::try_from(config.requests_in_flight.get()).ok(),
            connect_timeout: Some(config.timeouts.connect),
            read_timeout: Some(config.timeouts.read),
            limits: LimitsDraft::of(&config.limits),
            tls: TlsDraft::of(&config.tls, has_plain_secret),
            proxy: config
                .proxy
                .as_ref()
                .map(|proxy| ProxyDraft::of(proxy, has_plain_secret)),
            realm_hosts: Some(config.realm_hosts.clone()),
            include_proxy_caches: Some(config.include_proxy_caches),
            session: has_sessions(config.registry_type, config.version).then_some(config.session),
            schedule: Some(config.schedule.clone()),
            selection: Some(config.selection.clone()),
            acr: config
                .acr
                .as_ref()
                .map_or_else(AcrDraft::default, |acr| AcrDraft::of(acr, has_plain_secret)),
        }
    }

    /// Another name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The product that the registry is. Required.
    #[must_use]
    pub const fn registry_type(mut self, registry_type: RegistryType) -> Self {
        self.registry_type = Some(registry_type);
        self
    }

    /// The registry's version. Required for Harbor and Quay, a fault for ACR.
    #[must_use]
    pub const fn version(mut self, version: RegistryVersion) -> Self {
        self.version = Some(version);
        self
    }

    /// The communication type. By default [`Protocol::Https`].
    #[must_use]
    pub const fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// The network over which the registry is reached. By default [`NetworkType::Public`].
    #[must_use]
    pub const fn network(mut self, network: NetworkType) -> Self {
        self.network = Some(network);
        self
    }

    /// The region in which the registry lies. Required for ACR.
    #[must_use]
    pub fn region_id(mut self, region_id: impl Into<String>) -> Self {
        self.region_id = Some(region_id.into());
        self
    }

    /// The registry's host name, or its IP address. Required, save for ACR.
    #[must_use]
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// The registry's port. By default 80 or 443, by protocol.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port.into());
        self
    }

    /// The address to dial in place of what the domain resolves to. Required for a hybrid cloud.
    #[must_use]
    pub const fn ip(mut self, ip: IpAddr) -> Self {
        self.ip = Some(ip);
        self
    }

    /// The address to dial for a further name, such as that of a token service on another host. May be
    /// called for several names; `Host`, SNI and the certificate's name stay the name.
    #[must_use]
    pub fn host(mut self, name: impl Into<String>, address: IpAddr) -> Self {
        self.hosts.push((name.into(), address));
        self
    }

    /// Whether a machine in the cloud forwards the traffic to a data centre. By default not.
    #[must_use]
    pub const fn hybrid(mut self, hybrid: bool) -> Self {
        self.hybrid = Some(hybrid);
        self
    }

    /// How many images may be ingested. By default 10 per hour.
    #[must_use]
    pub const fn speed_limit(mut self, speed_limit: SpeedLimit) -> Self {
        self.speed_limit = Some(speed_limit);
        self
    }

    /// An organisation of a Quay, and the token by which it is listed. At least one is required
    /// for Quay, none is allowed elsewhere.
    #[must_use]
    pub fn namespace(mut self, organization: impl Into<String>, auth_token: Secret) -> Self {
        self.namespaces.push(NamespaceDraft {
            organization: Some(organization.into()),
            auth_token: Some(auth_token),
            token_is_plain: false,
        });
        self
    }

    /// The account's name. Required, save for Quay and ACR.
    #[must_use]
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// Where the account's password comes from. Required with a user name.
    #[must_use]
    pub fn password(mut self, password: Secret) -> Self {
        self.password = Some(password);
        self.password_is_plain = false;
        self
    }

    /// What the account must be allowed to do. By default [`RequiredRole::Admin`].
    #[must_use]
    pub const fn required_role(mut self, required_role: RequiredRole) -> Self {
        self.required_role = Some(required_role);
        self
    }

    /// How many requests may be in flight at once. By default 4, and 2 for a Quay without
    /// [`SessionUse::Always`].
    #[must_use]
    pub const fn requests_in_flight(mut self, requests: usize) -> Self {
        self.requests_in_flight = Some(requests as i128);
        self
    }

    /// How long to wait until a connection stands. By default 10 seconds.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = Some(timeout);
        self
    }

    /// How long to wait for the next piece of an answer, whose body may take ten times as long in
    /// all. By default 30 seconds.
    #[must_use]
    pub const fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = Some(timeout);
        self
    }

    /// How much is read of a page, or of any other answer that is no manifest and no error, in bytes after
    /// decompression. By default 64 MiB.
    #[must_use]
    pub const fn page_limit(mut self, bytes: usize) -> Self {
        self.limits.page = Some(bytes as i128);
        self
    }

    /// How much is read of a manifest, in bytes after decompression. By default 8 MiB.
    #[must_use]
    pub const fn manifest_limit(mut self, bytes: usize) -> Self {
        self.limits.manifest = Some(bytes as i128);
        self
    }

    /// How much is read of an answer that tells of an error, in bytes after decompression. By default
    /// 64 KiB.
    #[must_use]
    pub const fn error_body_limit(mut self, bytes: usize) -> Self {
        self.limits.error_body = Some(bytes as i128);
        self
    }

    /// Authorities to trust, beside those of the operating system or in their place.
    #[must_use]
    pub fn ca_bundle(mut self, bundle: Pem, mode: CaMode) -> Self {
        (self.tls.ca_bundle, self.tls.ca_mode) = (Some(bundle), Some(mode));
        self
    }

    /// The certificate to show where a server asks for one, and its key in PEM.
    #[must_use]
    pub fn client_identity(mut self, certificate: Pem, key: Secret) -> Self {
        (self.tls.client_certificate, self.tls.client_key) = (Some(certificate), Some(key));
        self.tls.key_is_plain = false;
        self
    }

    /// The oldest version of TLS to speak. By default 1.2.
    #[must_use]
    pub const fn min_tls_version(mut self, version: TlsVersion) -> Self {
        self.tls.min_version = Some(version);
        self
    }

    /// Whether any certificate is taken, whoever shows it: every report then warns. By default not.
    #[must_use]
    pub const fn insecure(mut self, insecure: bool) -> Self {
        self.tls.insecure = Some(insecure);
        self
    }

    /// The proxy to the registry, `SCHEME://HOST[:PORT]`. By default none, whatever the environment
    /// says.
    #[must_use]
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy.get_or_insert_default().url = Some(url.into());
        self
    }

    /// The account that the proxy asks for.
    #[must_use]
    pub fn proxy_account(mut self, username: impl Into<String>, password: Secret) -> Self {
        let proxy = self.proxy.get_or_insert_default();
        (proxy.username, proxy.password) = (Some(username.into()), Some(password));
        proxy.password_is_plain = false;
        self
    }

    /// Hosts, addresses and networks that are reached without the proxy.
    #[must_use]
    pub fn no_proxy<S: Into<String>>(mut self, hosts: impl IntoIterator<Item = S>) -> Self {
        self.proxy.get_or_insert_default().no_proxy = hosts.into_iter().map(Into::into).collect();
        self
    }

    /// Further hosts whose token services may be sent the credentials. By default none.
    #[must_use]
    pub fn realm_hosts<S: Into<String>>(mut self, hosts: impl IntoIterator<Item = S>) -> Self {
        self.realm_hosts = Some(hosts.into_iter().map(Into::into).collect());
        self
    }

    /// Whether projects that cache another registry are listed too. By default not.
    #[must_use]
    pub const fn include_proxy_caches(mut self, include: bool) -> Self {
        self.include_proxy_caches = Some(include);
        self
    }

    /// Whether listings sign in. By default [`SessionUse::Auto`]; for Quay and Harbor 2.x alone.
    #[must_use]
    pub const fn session(mut self, session: SessionUse) -> Self {
        self.session = Some(session);
        self
    }

    /// When the registry is synced by itself. By default daily in the early morning of
    /// [`Schedule::zone_of_region`], which is also the time zone of a schedule that names none.
    #[must_use]
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = Some(schedule);
        self
    }

    /// Which images are for ingestion. By default those of [`Selection::default`].
    #[must_use]
    pub fn selection(mut self, selection: Selection) -> Self {
        self.selection = Some(selection);
        self
    }

    /// The instance of an ACR Enterprise. Required there, a fault elsewhere.
    #[must_use]
    pub fn instance(mut self, instance: AcrInstance) -> Self {
        (self.acr.instance_id, self.acr.instance) = match instance {
            AcrInstance::Id(id) => (Some(id), None),
            AcrInstance::Name(name) => (None, Some(name)),
        };
        self
    }

    /// Whose rights are used with ACR. By default [`AcrCredentials::DefaultChain`].
    #[must_use]
    pub fn credentials(mut self, credentials: AcrCredentials) -> Self {
        self.acr.credentials = Some(match credentials {
            AcrCredentials::DefaultChain => CredentialsDraft::Default,
            AcrCredentials::AccessKey {
                id,
                secret,
                security_token,
            } => CredentialsDraft::AccessKey {
                id: Some(id),
                secret: Some(secret),
                security_token,
                is_plain: false,
            },
        });
        self
    }

    /// The endpoint of ACR's API, a URL without path, in place of that of region and network. Plain
    /// http is for this machine alone.
    #[must_use]
    pub fn api_endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.acr.endpoint = Some(endpoint.into());
        self
    }

    /// What it means that an instance of ACR Enterprise has no access over a VPC configured. By default
    /// [`VpcAccess::Require`] over a VPC, else [`VpcAccess::Warn`].
    #[must_use]
    pub const fn vpc_access(mut self, vpc_access: VpcAccess) -> Self {
        self.acr.vpc_access = Some(vpc_access);
        self
    }

    /// How many requests an account of Alibaba Cloud may send in any second. By default 15.
    #[must_use]
    pub const fn requests_per_second(mut self, requests: u32) -> Self {
        self.acr.requests_per_second = Some(requests as i128);
        self
    }

    /// The account of an ACR by its own id, by which AccessKeys of several users share its rate.
    #[must_use]
    pub fn account_id(mut self, id: impl Into<String>) -> Self {
        self.acr.account_id = Some(id.into());
        self
    }

    /// Validates the whole.
    ///
    /// # Errors
    /// [`ConfigErrors`] with every fault.
    pub fn build(self) -> Result<IntegrationConfig, ConfigErrors> {
        let faults = Faults::of(self.name.as_deref(), None);
        self.check(faults)
    }
}
