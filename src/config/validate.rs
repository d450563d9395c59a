use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::{IpAddr, Ipv4Addr},
    num::NonZeroUsize,
    ops::RangeInclusive,
    time::Duration,
};

use ipnet::Ipv4Net;
use url::Host;

use super::{
    Account, ConfigErrors, ConfigProblem, ConfigWarning, Endpoint, IntegrationConfig,
    IntegrationConfigBuilder, Namespace, NetworkType, Protocol, ProxySettings, RegistryType,
    RegistryVersion, RequiredRole, Secret, SessionUse, SpeedLimit, Timeouts, acr,
    choice::Choice,
    endpoint::{host_text, parse_host},
    fault::Faults,
    namespace::NamespaceDraft,
};
use crate::selection::Selection;

const NAME: &str = "1 to 128 characters without control characters";
const REGION: &str = "a region id such as \"cn-hangzhou\"";
pub(super) const HOST: &str =
    "a host name or IP address alone, without scheme, user, port and path";
const IP: &str = "an IP address; required where hybrid = true";
const HOSTS: &str = "other host names than the domain, each once";
const USERNAME: &str = "a user name without colon and control characters";
const DEFAULT_IN_FLIGHT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);
/// Each request with a token costs a Quay a slow hash, and a Harbor 1.x two requests to its own
/// registry for each tag, so more at once only wait for each other.
const FEW_IN_FLIGHT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);
const NAMESPACES: &str =
    "at least one [[integrations.namespaces]] with organization and auth_token";
const ORGANIZATION: &str = "the name of an organization, each once";
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_hours(1);

impl IntegrationConfigBuilder {
    /// Validates the whole, where a reader has already found `faults` in the same integration.
    pub(super) fn check(self, mut faults: Faults) -> Result<IntegrationConfig, ConfigErrors> {
        let config = self.validated(&mut faults);
        faults.into_result(config)
    }

    /// Nothing where a required part is missing or faulty, after all parts were looked at.
    fn validated(self, faults: &mut Faults) -> Option<IntegrationConfig> {
        let name = required_text(faults, "name", self.name, name_flaw, NAME);
        let registry_type = faults.required("type", self.registry_type, RegistryType::allowed());
        check_version(faults, registry_type, self.version);
        check_session(faults, registry_type, self.version, self.session);
        check_selection(faults, registry_type, self.selection.as_ref());
        let protocol = self.protocol.unwrap_or_default();
        let network = self.network.unwrap_or_default();
        let hybrid = self.hybrid.unwrap_or_default();
        let acr_type = registry_type.filter(|one| one.is_acr());
        let mut acr = None;
        let endpoint = if let Some(registry_type) = acr_type {
            let given = [
                ("protocol", self.protocol.is_some()),
                ("port", self.port.is_some()),
                ("ip", self.ip.is_some()),
                ("hybrid", hybrid),
                ("username", self.username.is_some()),
                ("password", self.password.is_some()),
            ];
            acr::refuse_addresses(faults, registry_type, given);
            let endpoint = acr::endpoint(faults, &self.acr, self.region_id.as_deref(), network);
            let domain = self.domain.as_deref();
            acr = self
                .acr
                .clone()
                .settings(faults, registry_type, network, domain);
            endpoint
        } else {
            if let Some(registry_type) = registry_type {
                self.acr.refuse(faults, registry_type);
            }
            if let Some(region) = &self.region_id {
                faults.judge("region_id", region_flaw(region), REGION);
            }
            endpoint(faults, protocol, self.domain, self.port, self.ip)
        };
        let domain = acr_type
            .map_or(endpoint.as_ref(), |_| None)
            .map(Endpoint::domain);
        let hosts = hosts(faults, self.hosts, domain);
        if hybrid && acr_type.is_none() {
            faults.required("ip", self.ip, IP);
        }
        let is_quay = registry_type == Some(RegistryType::Quay);
        let signs_in = self.session == Some(SessionUse::Always);
        let account = if acr_type.is_some() {
            None
        } else {
            account(faults, self.username, self.password, !is_quay || signs_in)
        };
        let token_is_plain = self.namespaces.iter().any(|draft| draft.token_is_plain)
            || acr_type.is_some() && self.acr.is_plain();
        let namespaces = namespaces(faults, registry_type, self.namespaces);
        let is_harbor = registry_type == Some(RegistryType::Harbor);
        let is_harbor_v1 = is_harbor && self.version == Some(RegistryVersion::V1);
        let is_costly = is_harbor_v1 || (is_quay && !signs_in);
        let requests_in_flight = requests_in_flight(faults, self.requests_in_flight, is_costly);
        let default = Timeouts::default();
        let timeouts = Timeouts {
            connect: timeout(
                faults,
                "timeouts.connect",
                self.connect_timeout,
                default.connect,
            ),
            read: timeout(faults, "timeouts.read", self.read_timeout, default.read),
        };
        let limits = self.limits.limits(faults);
        let secret_is_plain = self.password_is_plain
            || token_is_plain
            || self.tls.key_is_plain
            || self
                .proxy
                .as_ref()
                .is_some_and(|proxy| proxy.password_is_plain);
        let tls = self.tls.settings(faults);
        let has_proxy = self.proxy.is_some();
        let proxy = self.proxy.and_then(|proxy| proxy.settings(faults));
        if let Some(proxy) = &proxy {
            let own = self.ip.and(endpoint.as_ref()).map(Endpoint::domain);
            refuse_overrides(faults, proxy, own, &hosts);
        }
        let realm_hosts = self
            .realm_hosts
            .iter()
            .flatten()
            .enumerate()
            .filter_map(|(index, name)| check_host(faults, &format!("realm_hosts[{index}]"), name))
            // As URLs have it, by which it is compared: an IPv6 address in brackets.
            .map(|host| host.to_string())
            .collect();

        let schedule = self.schedule.unwrap_or_default();
        let schedule = schedule.or_in_zone_of_region(self.region_id.as_deref());

        let mut config = IntegrationConfig {
            name: name?,
            registry_type: registry_type?,
            version: self.version,
            endpoint: endpoint?,
            hosts,
            network,
            region_id: self.region_id,
            hybrid,
            speed_limit: self.speed_limit.unwrap_or_default(),
            account,
            namespaces,
            required_role: self.required_role.unwrap_or_default(),
            requests_in_flight: requests_in_flight?,
            timeouts,
            limits,
            tls,
            proxy: if has_proxy { Some(proxy?) } else { None },
            realm_hosts,
            include_proxy_caches: self.include_proxy_caches.unwrap_or_default(),
            session: self.session.unwrap_or_default(),
            schedule,
            selection: self.selection.unwrap_or_default(),
            acr: if acr_type.is_some() { Some(acr?) } else { None },
            warnings: Vec::new(),
        };
        config.warnings = warnings(&config, secret_is_plain);
        Some(config)
    }
}

fn required_text(
    faults: &mut Faults,
    field: &'static str,
    text: Option<String>,
    flaw: fn(&str) -> Option<&'static str>,
    allowed: &'static str,
) -> Option<String> {
    let text = faults.required(field, text, allowed)?;
    faults.judge(field, flaw(&text), allowed).then_some(text)
}

fn endpoint(
    faults: &mut Faults,
    protocol: Protocol,
    domain: Option<String>,
    port: Option<i128>,
    ip: Option<IpAddr>,
) -> Option<Endpoint> {
    let host = faults
        .required("domain", domain, HOST)
        .and_then(|domain| check_host(faults, "domain", &domain));
    let port = match port {
        Some(port) => in_range(faults, "port", port, 1..=u16::MAX),
        None => Some(protocol.default_port()),
    };
    let endpoint = Endpoint::new(protocol, host?, port?, ip);
    let flaw = endpoint.is_none().then_some("is no host name");
    faults.judge("domain", flaw, HOST);
    endpoint
}

/// What is dialled for further names. Those of an ACR are all further ones: it has no `ip`.
fn hosts(
    faults: &mut Faults,
    given: Vec<(String, IpAddr)>,
    domain: Option<&str>,
) -> BTreeMap<String, IpAddr> {
    let mut hosts = BTreeMap::new();
    for (name, address) in given {
        let beginning: String = name.chars().take(64).collect();
        let field = format!("hosts.{beginning}");
        let Some(host) = check_host(faults, &field, &name) else {
            continue;
        };
        let text = host_text(&host);
        let flaw = if !matches!(host, Host::Domain(_)) {
            Some("is an IP address itself")
        } else if domain == Some(text.as_str()) {
            Some("is the domain, whose address is ip")
        } else {
            None
        };
        if !faults.judge(&field, flaw, HOSTS) {
            continue;
        }
        match hosts.entry(text) {
            Entry::Vacant(place) => {
                place.insert(address);
            }
            Entry::Occupied(_) => {
                faults.judge(&field, Some("is named twice"), HOSTS);
            }
        }
    }
    hosts
}

/// A proxy dials what it finds itself, so that an address to dial is of no effect for whom it is for.
fn refuse_overrides(
    faults: &mut Faults,
    proxy: &ProxySettings,
    own: Option<&str>,
    hosts: &BTreeMap<String, IpAddr>,
) {
    const FLAW: &str = "cannot work through a proxy, which dials what it looks up itself";
    const REMEDY: &str = "hosts that proxy.no_proxy names; else let the proxy's own name server tell the address, or leave proxy out";
    if own.is_some_and(|domain| proxy.is_for(domain)) {
        faults.judge("ip", Some(FLAW), REMEDY);
    }
    for name in hosts.keys() {
        if *name != proxy.host && proxy.is_for(name) {
            faults.judge(format!("hosts.{name}"), Some(FLAW), REMEDY);
        }
    }
}

/// None where the account is optional and not given, or faulty.
fn account(
    faults: &mut Faults,
    username: Option<String>,
    password: Option<Secret>,
    is_required: bool,
) -> Option<Account> {
    if !is_required && username.is_none() && password.is_none() {
        return None;
    }
    let username = required_text(faults, "username", username, username_flaw, USERNAME);
    let password = faults.required("password", password, Secret::FORMS);
    if let Some(password) = &password {
        faults.judge("password", password.flaw(), Secret::FORMS);
    }
    Some(Account {
        username: username?,
        password: password?,
    })
}

fn namespaces(
    faults: &mut Faults,
    registry_type: Option<RegistryType>,
    drafts: Vec<NamespaceDraft>,
) -> Vec<Namespace> {
    match registry_type {
        Some(RegistryType::Quay) if drafts.is_empty() => {
            faults.required::<()>("namespaces", None, NAMESPACES);
        }
        Some(other) if other != RegistryType::Quay && !drafts.is_empty() => {
            let registry_type = other;
            let problem = ConfigProblem::NotApplicable { registry_type };
            faults.push("namespaces", problem, "nothing for this type");
        }
        _ => {}
    }
    let mut namespaces: Vec<Namespace> = Vec::with_capacity(drafts.len());
    for (index, draft) in drafts.into_iter().enumerate() {
        let field = |key| format!("namespaces[{index}].{key}");
        let (name, token) = (field("organization"), field("auth_token"));
        let organization = faults
            .required(&name, draft.organization, ORGANIZATION)
            .filter(|text| faults.judge(&name, organization_flaw(text), ORGANIZATION));
        let auth_token = faults.required(&token, draft.auth_token, Secret::FORMS);
        if let Some(auth_token) = &auth_token {
            faults.judge(&token, auth_token.flaw(), Secret::FORMS);
        }
        let (Some(organization), Some(auth_token)) = (organization, auth_token) else {
            continue;
        };
        if namespaces
            .iter()
            .any(|other| other.organization == organization)
        {
            let flaw = "is named twice";
            faults.push(name, ConfigProblem::Malformed { flaw }, ORGANIZATION);
        }
        namespaces.push(Namespace {
            organization,
            auth_token,
        });
    }
    namespaces
}

fn requests_in_flight(
    faults: &mut Faults,
    requests: Option<i128>,
    is_costly: bool,
) -> Option<NonZeroUsize> {
    let Some(requests) = requests else {
        return Some(if is_costly {
            FEW_IN_FLIGHT
        } else {
            DEFAULT_IN_FLIGHT
        });
    };
    let range = 1..=IntegrationConfig::MAX_REQUESTS_IN_FLIGHT;
    NonZeroUsize::new(in_range(faults, "requests_in_flight", requests, range)?)
}

fn timeout(
    faults: &mut Faults,
    field: &'static str,
    timeout: Option<Duration>,
    default: Duration,
) -> Duration {
    let timeout = timeout.unwrap_or(default);
    if !TIMEOUT.contains(&timeout) {
        let found = format!("{timeout:?}");
        let problem = ConfigProblem::NotAllowed { found };
        faults.push(field, problem, Timeouts::ALLOWED);
    }
    timeout
}

fn check_version(
    faults: &mut Faults,
    registry_type: Option<RegistryType>,
    version: Option<RegistryVersion>,
) {
    match registry_type {
        Some(RegistryType::Harbor | RegistryType::Quay) => {
            faults.required("version", version, RegistryVersion::allowed());
        }
        Some(registry_type) if version.is_some() => {
            let problem = ConfigProblem::NotApplicable { registry_type };
            faults.push("version", problem, "nothing for this type");
        }
        _ => {}
    }
}

/// Neither ACR nor Harbor 1.x has sessions that list.
fn check_session(
    faults: &mut Faults,
    registry_type: Option<RegistryType>,
    version: Option<RegistryVersion>,
    session: Option<SessionUse>,
) {
    if let (Some(registry_type), Some(_)) = (registry_type, session)
        && !has_sessions(registry_type, version)
    {
        let problem = ConfigProblem::NotApplicable { registry_type };
        faults.push("session", problem, "nothing for this type and version");
    }
}

pub(super) fn has_sessions(registry_type: RegistryType, version: Option<RegistryVersion>) -> bool {
    match registry_type {
        RegistryType::Harbor => version != Some(RegistryVersion::V1),
        RegistryType::Quay => true,
        RegistryType::AcrEnterprise | RegistryType::AcrPersonal => false,
    }
}

/// Only Harbor tells when an image was pulled last.
fn check_selection(
    faults: &mut Faults,
    registry_type: Option<RegistryType>,
    selection: Option<&Selection>,
) {
    let tells = registry_type.is_none_or(|registry_type| registry_type == RegistryType::Harbor);
    let asks = selection.is_some_and(|selection| selection.pulled_within().is_some());
    if let (false, true, Some(registry_type)) = (tells, asks, registry_type) {
        let problem = ConfigProblem::NotApplicable { registry_type };
        let allowed = "nothing for this type";
        faults.push("selection.pulled_within_days", problem, allowed);
    }
}

fn check_host(faults: &mut Faults, field: &str, text: &str) -> Option<Host<String>> {
    let host = parse_host(text);
    faults.judge(field, host.as_ref().err().copied(), HOST);
    host.ok()
}

pub(super) fn in_range<T>(
    faults: &mut Faults,
    field: &'static str,
    number: i128,
    range: RangeInclusive<T>,
) -> Option<T>
where
    T: TryFrom<i128> + PartialOrd + std::fmt::Display,
{
    let inside = T::try_from(number)
        .ok()
        .filter(|number| range.contains(number));
    if inside.is_none() {
        let found = number.to_string();
        let allowed = format!("{} to {}", range.start(), range.end());
        faults.push(field, ConfigProblem::NotAllowed { found }, allowed);
    }
    inside
}

fn name_flaw(name: &str) -> Option<&'static str> {
    if name.trim().is_empty() {
        Some("is empty")
    } else if name.chars().count() > IntegrationConfig::MAX_NAME_LENGTH {
        Some("is too long")
    } else {
        control_flaw(name)
    }
}

pub(super) fn username_flaw(username: &str) -> Option<&'static str> {
    if username.is_empty() {
        Some("is empty")
    } else if username.contains(':') {
        // RFC 7617: what stands behind the first colon would be read as the password.
        Some("has a colon")
    } else {
        control_flaw(username)
    }
}

fn organization_flaw(organization: &str) -> Option<&'static str> {
    if organization.is_empty() {
        Some("is empty")
    } else if organization.contains(|letter: char| letter.is_whitespace() || letter == '/') {
        Some("has white space or a slash")
    } else if organization.contains(['?', '#', '%', '\\']) || matches!(organization, "." | "..") {
        // It would lead to another path than the one of an organisation.
        Some("is no path segment")
    } else {
        control_flaw(organization)
    }
}

fn region_flaw(region: &str) -> Option<&'static str> {
    if region.is_empty() {
        Some("is empty")
    } else if region.contains(char::is_whitespace) {
        Some("has white space")
    } else {
        control_flaw(region)
    }
}

fn control_flaw(text: &str) -> Option<&'static str> {
    text.contains(char::is_control)
        .then_some("has control characters")
}

fn warnings(config: &IntegrationConfig, password_is_plain: bool) -> Vec<ConfigWarning> {
    let endpoint = &config.endpoint;
    // A signed request holds no secret, and plain http is for loopback there.
    let over_http = endpoint.protocol() == Protocol::Http && config.acr.is_none();
    let private_ip =
        config.network == NetworkType::Public && endpoint.fixed_address().is_some_and(is_private);
    [
        (
            config.speed_limit == SpeedLimit::Unlimited,
            ConfigWarning::UnlimitedSpeed,
        ),
        (over_http, ConfigWarning::CredentialsOverHttp),
        (private_ip, ConfigWarning::PublicNetworkWithPrivateIp),
        (config.region_id.is_none(), ConfigWarning::RegionMissing),
        (
            config.required_role == RequiredRole::List,
            ConfigWarning::ListRoleMaySeeAPart,
        ),
        (password_is_plain, ConfigWarning::PlainTextPassword),
        (config.tls.insecure, ConfigWarning::TlsInsecure),
    ]
    .into_iter()
    .filter_map(|(applies, warning)| applies.then_some(warning))
    .collect()
}

/// What the Internet does not route: RFC 1918, the shared space of RFC 6598, and the unique local
/// addresses of RFC 4193.
const PRIVATE_V4: [Ipv4Net; 4] = [
    Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16),
];

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => PRIVATE_V4.iter().any(|range| range.contains(&address)),
        IpAddr::V6(address) => address.is_unique_local(),
    }
}
