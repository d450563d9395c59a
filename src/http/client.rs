use std::{collections::HashMap, fmt, net::IpAddr, num::NonZeroUsize, sync::Arc, time::Duration};

use reqwest::Method;
use url::{Host, Url};

use super::{
    material::Unusable,
    origin::{Origin, authority},
    pacing::Pacing,
    proxy::is_for,
    request::RequestBuilder,
    resolve::Lookup,
    transport::{Transport, read_timeout},
};
use crate::{
    clock::Clock,
    config::{
        IntegrationConfig, NetworkType, ProxyScheme, ProxySettings, SizeLimits, Timeouts,
        TlsSettings,
    },
    error::{
        BoxError, ErrorContext, IntegrationError, SourceAddresses, Step, Unsupported, Violation,
    },
    image::RegistryKind,
    network::{
        EgressPolicy,
        address_pools::{AddressPools, source_addresses},
    },
};

/// How many read time-outs the body of an answer may take.
pub(super) const BODY_TIMEOUTS: u32 = 10;

/// What a connector tells the HTTP layer about its registry.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionSettings {
    /// The kind, which errors name.
    pub(crate) registry: RegistryKind,
    /// Scheme, domain and port.
    pub(crate) origin: Url,
    /// The address to dial in place of what the domain resolves to.
    pub(crate) dial: Option<IpAddr>,
    /// The same for further names.
    pub(crate) hosts: Vec<(String, IpAddr)>,
    /// The most requests at a time.
    pub(crate) requests_in_flight: NonZeroUsize,
    /// For name, connection and handshake together.
    pub(crate) connect_timeout: Duration,
    /// For each wait for more of an answer. The body may take ten of them in all.
    pub(crate) read_timeout: Duration,
    /// Further hosts, `host` or `host:port`, whose token realms may receive credentials.
    pub(crate) realm_hosts: Vec<String>,
    /// Where the embedder lets connections go.
    pub(crate) egress: EgressPolicy,
    /// Who tells the addresses of names.
    pub(crate) lookup: Lookup,
    /// What must be let in for connections to stand, where that is known.
    pub(crate) sources: Option<SourceAddresses>,
    /// The one address that is dialled although the guard refuses it to registries.
    pub(crate) admitted: Option<IpAddr>,
    /// Whom to trust, and what to show.
    pub(crate) tls: TlsSettings,
    /// The way there; straight where there is none.
    pub(crate) proxy: Option<ProxySettings>,
    /// How much of an answer is read.
    pub(crate) limits: SizeLimits,
}

impl ConnectionSettings {
    /// The defaults, for an origin that no integration stands for.
    pub(crate) fn to(registry: RegistryKind, origin: Url) -> Self {
        let timeouts = Timeouts::default();
        Self {
            registry,
            origin,
            dial: None,
            hosts: Vec::new(),
            requests_in_flight: NonZeroUsize::MIN,
            connect_timeout: timeouts.connect,
            read_timeout: timeouts.read,
            realm_hosts: Vec::new(),
            egress: EgressPolicy::new(),
            lookup: Lookup::by_the_system(),
            sources: None,
            admitted: None,
            tls: TlsSettings::default(),
            proxy: None,
            limits: SizeLimits::default(),
        }
    }

    /// What an integration is configured to, where its embedder lets it go and from where that is, if
    /// not from the documented addresses.
    pub(crate) fn of(
        config: &IntegrationConfig,
        egress: &EgressPolicy,
        pools: Option<&AddressPools>,
    ) -> Self {
        let endpoint = config.endpoint();
        let egress = egress.clone();
        let networks = config.region_id().and_then(|region| match pools {
            Some(pools) => pools.required(region, config.network()).ok(),
            None => source_addresses(region, config.network()),
        });
        let sources = SourceAddresses::new(
            config.region_id().map(str::to_owned),
            config.network() == NetworkType::Vpc,
            networks.map_or_else(Vec::new, |set| set.smallest().as_slice().to_vec()),
        );
        Self {
            dial: endpoint.ip(),
            hosts: config.hosts().clone().into_iter().collect(),
            requests_in_flight: config.requests_in_flight(),
            connect_timeout: config.timeouts().connect,
            read_timeout: config.timeouts().read,
            realm_hosts: config.realm_hosts().to_vec(),
            sources: Some(sources),
            egress: match config.network() {
                NetworkType::Public => egress,
                NetworkType::Vpc => egress.within_vpc(),
            },
            tls: config.tls().clone(),
            proxy: config.proxy().cloned(),
            limits: config.limits(),
            ..Self::to(config.registry(), endpoint.origin())
        }
    }

    /// Names that are not looked up, and the addresses that are dialled for them.
    pub(super) fn overrides(&self) -> impl Iterator<Item = (String, IpAddr)> {
        let domain = self.origin.domain().map(str::to_owned);
        domain
            .zip(self.dial)
            .into_iter()
            .chain(self.hosts.iter().cloned())
    }
}

/// The HTTP client of one connector. Clones share connections, pacing and clock.
#[derive(Clone)]
pub(crate) struct HttpClient {
    shared: Arc<Shared>,
}

struct Shared {
    registry: RegistryKind,
    origin: Origin,
    authority: String,
    overrides: HashMap<String, IpAddr>,
    egress: EgressPolicy,
    admitted: Option<IpAddr>,
    pacing: Pacing,
    transport: Transport,
    proxy: Option<ProxySettings>,
    limits: SizeLimits,
    sources: Option<SourceAddresses>,
    body_timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl HttpClient {
    /// A client for the registry at `settings.origin`. Connects to nothing yet.
    ///
    /// # Errors
    ///
    /// `ConfigInvalid` where the origin is none or the certificates cannot be read,
    /// `NotSupported` for https in a build without TLS.
    pub(crate) fn new(
        settings: ConnectionSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, IntegrationError> {
        let authority = authority(&settings.origin);
        let context = || {
            Box::new(ErrorContext::new(
                settings.registry,
                &authority,
                Step::Config,
            ))
        };
        let invalid = |field, source: BoxError| IntegrationError::ConfigInvalid {
            context: context(),
            field,
            source,
        };
        let origin = Origin::new(settings.origin.clone(), settings.realm_hosts.clone());
        if !origin.may_receive_credentials(origin.url()) {
            return Err(invalid("domain", Box::new(NoOrigin)));
        }
        let needs_tls = origin.url().scheme() == "https"
            || !settings.tls.is_default()
            || settings
                .proxy
                .as_ref()
                .is_some_and(|proxy| proxy.scheme == ProxyScheme::Https);
        if needs_tls && !cfg!(feature = "rustls") {
            return Err(IntegrationError::NotSupported {
                context: context(),
                what: Unsupported::Tls,
            });
        }
        let literal = match origin.url().host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        };
        if literal.is_some() && settings.dial.is_some_and(|dial| Some(dial) != literal) {
            return Err(invalid("ip", Box::new(TwoAddresses)));
        }
        let transport = Transport::new(settings.clone(), Arc::clone(&clock))
            .map_err(|Unusable { field, source }| invalid(field, source))?;
        Ok(Self {
            shared: Arc::new(Shared {
                registry: settings.registry,
                origin,
                authority,
                body_timeout: read_timeout(&settings).saturating_mul(BODY_TIMEOUTS),
                overrides: settings.overrides().collect(),
                egress: settings.egress,
                admitted: settings.admitted,
                pacing: Pacing::new(settings.requests_in_flight),
                transport,
                proxy: settings.proxy,
                limits: settings.limits,
                sources: settings.sources,
                clock,
            }),
        })
    }

    /// Whether all that a connection needs is there: certificates, keys, the proxy's password. Connects
    /// to nothing.
    ///
    /// # Errors
    ///
    /// `ConfigInvalid` with the field that cannot be used.
    pub(crate) async fn ready(&self) -> Result<(), IntegrationError> {
        self.transport().await.map(drop)
    }

    /// `domain:port` of the registry, as errors name it.
    pub(crate) fn authority(&self) -> &str {
        &self.shared.authority
    }

    /// Scheme, domain and port of the registry.
    pub(crate) fn origin(&self) -> &Url {
        self.shared.origin.url()
    }

    /// The clock by which the client waits and measures.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// The context of an error that no answer belongs to.
    pub(crate) fn context(&self, step: Step) -> ErrorContext {
        ErrorContext::new(self.shared.registry, self.authority(), step)
    }

    /// A GET of `url` for the sake of `step`.
    pub(crate) fn get(&self, step: Step, url: Url) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::GET, step, url)
    }

    /// A HEAD of `url` for the sake of `step`.
    pub(crate) fn head(&self, step: Step, url: Url) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::HEAD, step, url)
    }

    /// A POST to `url` for the sake of `step`. It is sent once and never repeated.
    pub(crate) fn post(&self, step: Step, url: Url) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::POST, step, url)
    }

    /// A PUT to `url` for the sake of `step`.
    pub(crate) fn put(&self, step: Step, url: Url) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::PUT, step, url)
    }

    /// Whether a request with credentials may go to `url`. No other request is ever sent.
    pub(crate) fn may_receive_credentials(&self, url: &Url) -> bool {
        self.shared.origin.may_receive_credentials(url)
    }

    /// The host and port of `url`, where it may not receive credentials.
    pub(crate) fn foreign_host(&self, url: &Url) -> Option<String> {
        (!self.may_receive_credentials(url)).then(|| authority(url))
    }

    pub(super) async fn transport(&self) -> Result<reqwest::Client, IntegrationError> {
        let transport = self.shared.transport.client().await;
        transport.map_err(|Unusable { field, source }| self.unusable(field, source))
    }

    fn unusable(&self, field: &'static str, source: BoxError) -> IntegrationError {
        IntegrationError::ConfigInvalid {
            context: Box::new(self.context(Step::Config)),
            field,
            source,
        }
    }

    /// Whether the request goes to a proxy.
    pub(super) fn goes_by_proxy(&self, url: &Url) -> bool {
        let proxy = self.shared.proxy.as_ref();
        proxy.is_some_and(|proxy| is_for(proxy, url))
    }

    /// The proxy lets nobody through by the account that is configured, or by none.
    pub(super) fn refused_by_proxy(&self) -> IntegrationError {
        self.unusable("proxy.username", Box::new(RefusedByProxy))
    }

    /// How much of an answer is read.
    pub(super) fn limits(&self) -> SizeLimits {
        self.shared.limits
    }

    /// Begins without a connection, so that the next request shows whether one comes to stand. Requests
    /// in flight keep theirs.
    pub(crate) fn forget_connections(&self) {
        self.shared.transport.forget_connections();
    }

    /// What must be let in for connections to stand, where that is known. Behind a proxy it is the
    /// proxy's own address.
    pub(super) fn sources(&self) -> Option<&SourceAddresses> {
        let is_straight = self.shared.proxy.is_none();
        self.shared.sources.as_ref().filter(|_| is_straight)
    }

    /// How long the body of an answer may take after its head, however steadily it comes.
    pub(super) fn body_timeout(&self) -> Duration {
        self.shared.body_timeout
    }

    pub(super) fn pacing(&self) -> &Pacing {
        &self.shared.pacing
    }

    /// The context of a request for `url`: its host, and its path without the query.
    pub(super) fn context_of(&self, step: Step, url: &Url) -> ErrorContext {
        ErrorContext::new(self.shared.registry, authority(url), step)
            .with_subject(super::answer::bounded(url.path()))
    }

    /// Where connections may go.
    pub(crate) fn egress(&self) -> &EgressPolicy {
        &self.shared.egress
    }

    /// Refuses to lead anybody to where this client would not go.
    pub(crate) fn guard_access(&self, origin: &Url) -> Result<(), IntegrationError> {
        self.guard_address(Step::Pull, origin)?;
        self.guard_proxy(origin)
    }

    /// Refuses what must not be asked, before anything is dialled.
    pub(super) fn guard(&self, step: Step, url: &Url) -> Result<(), IntegrationError> {
        let context = || Box::new(self.context_of(step, url));
        self.guard_address(step, url)?;
        if !self.may_receive_credentials(url) {
            let is_downgrade = url.scheme() == "http" && self.origin().scheme() == "https";
            return Err(IntegrationError::ProtocolViolation {
                context: context(),
                violation: if is_downgrade {
                    Violation::Downgrade
                } else {
                    Violation::ForeignHost
                },
                source: None,
            });
        }
        if url.scheme() == "https" && !cfg!(feature = "rustls") {
            return Err(IntegrationError::NotSupported {
                context: context(),
                what: Unsupported::Tls,
            });
        }
        self.guard_proxy(url)
    }

    /// Refuses an address that is not dialled, where it is known without a look-up.
    pub(super) fn guard_address(&self, step: Step, url: &Url) -> Result<(), IntegrationError> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(name)) => self.shared.overrides.get(name).copied(),
            None => None,
        };
        let address = address.filter(|address| Some(*address) != self.shared.admitted);
        match address.and_then(|address| Some((address, self.shared.egress.refusal(address)?))) {
            Some((address, rule)) => Err(IntegrationError::AddressRefused {
                context: Box::new(self.context_of(step, url)),
                address,
                rule,
            }),
            None => Ok(()),
        }
    }
}

impl HttpClient {
    /// Refuses a proxy at an address that is not dialled, and one that would dial for a policy that
    /// must see every address. What a name of a proxy leads to is judged when it is dialled.
    fn guard_proxy(&self, url: &Url) -> Result<(), IntegrationError> {
        let Shared { proxy, egress, .. } = &*self.shared;
        let Some(proxy) = proxy.as_ref().filter(|proxy| is_for(proxy, url)) else {
            return Ok(());
        };
        let address: Option<IpAddr> = proxy.host.parse().ok();
        if let Some((address, rule)) = address.and_then(|ip| Some((ip, egress.refusal(ip)?))) {
            let context = ErrorContext::new(self.shared.registry, proxy.authority(), Step::Connect);
            return Err(IntegrationError::AddressRefused {
                context: Box::new(context.with_subject("proxy")),
                address,
                rule,
            });
        }
        if url.domain().is_some() && !proxy.scheme.resolves_here() && egress.must_see_addresses() {
            return Err(self.unusable("proxy", Box::new(UnseenBehindProxy)));
        }
        Ok(())
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("authority", &self.shared.authority)
            .finish_non_exhaustive()
    }
}

/// The origin is not the http or https address of a host.
#[derive(Debug, thiserror::Error)]
#[error("not an http or https origin without user name and password")]
struct NoOrigin;

/// The proxy asks for another account.
#[derive(Debug, thiserror::Error)]
#[error("the proxy refuses the user name and password, or asks for them (HTTP 407)")]
struct RefusedByProxy;

/// The proxy looks names up, and the policy must see what they lead to.
#[derive(Debug, thiserror::Error)]
#[error(
    "the egress policy must see every address, and the proxy looks names up itself: use a socks5 proxy, or a policy that trusts proxies"
)]
struct UnseenBehindProxy;

/// The domain is an address, and the address to dial is another.
#[derive(Debug, thiserror::Error)]
#[error("the domain is itself an address, and another one")]
struct TwoAddresses;
