use std::fmt;

use ipnet::IpNet;
use url::{Host, Url};

use super::{
    ConfigProblem, ProxyScheme, Secret,
    choice::Choice,
    endpoint::{host_text, parse_host},
    fault::Faults,
    read::TableReader,
    tree::Value,
};

const ADDRESS: &str = "http://HOST[:PORT], https://HOST[:PORT], socks5://HOST[:PORT] or socks5h://HOST[:PORT], without user and path";
const EXEMPTION: &str =
    "a host name, which stands for the names below it too, an IP address or a network";
const USERNAME: &str = "a user name without colon and control characters";

/// The proxy through which an integration reaches its registry.
///
/// A proxy looks names up itself, save one of `socks5`, which is told the address that this machine
/// found.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProxySettings {
    /// How it is spoken to.
    pub scheme: ProxyScheme,
    /// Its name or address, in the same form as [`Endpoint::domain`](super::Endpoint::domain).
    pub host: String,
    /// Its port. By default 80, 443 or 1080.
    pub port: u16,
    /// The user name that it asks for.
    pub username: Option<String>,
    /// The password that goes with it.
    pub password: Option<Secret>,
    /// Who is reached without it.
    pub no_proxy: Vec<NoProxy>,
}

/// Who is reached without a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoProxy {
    /// A host, and all whose names end in its name.
    Name(String),
    /// The addresses of a network, where a URL states them. No name is looked up for it.
    Network(IpNet),
}

impl NoProxy {
    /// Whether the host is meant.
    #[must_use]
    pub fn holds(&self, host: &str) -> bool {
        match self {
            Self::Name(name) => {
                host == name
                    || host
                        .strip_suffix(name.as_str())
                        .is_some_and(|rest| rest.ends_with('.'))
            }
            Self::Network(network) => host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| network.contains(&address.to_canonical())),
        }
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        if let Ok(network) = text.parse() {
            return Ok(Self::Network(network));
        }
        match parse_host(text.strip_prefix('.').unwrap_or(text))? {
            Host::Ipv4(address) => Ok(Self::Network(IpNet::from(std::net::IpAddr::V4(address)))),
            Host::Ipv6(address) => Ok(Self::Network(IpNet::from(
                std::net::IpAddr::V6(address).to_canonical(),
            ))),
            Host::Domain(name) => Ok(Self::Name(name)),
        }
    }
}

impl fmt::Display for NoProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Network(network) => network.fmt(f),
        }
    }
}

impl ProxySettings {
    /// Whether the host, without brackets, is reached through the proxy.
    #[must_use]
    pub fn is_for(&self, host: &str) -> bool {
        !self.no_proxy.iter().any(|exemption| exemption.holds(host))
    }

    /// `host:port`, an IPv6 address in brackets.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// What stands in the configuration for [`ProxySettings`], before it is judged.
#[derive(Debug, Clone, Default)]
pub(super) struct ProxyDraft {
    pub(super) url: Option<String>,
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) password_is_plain: bool,
    pub(super) no_proxy: Vec<String>,
}

impl ProxyDraft {
    /// A table, or the address alone.
    pub(super) fn read(reader: &mut TableReader<'_>) -> Option<Self> {
        let entries = match reader.take("proxy")? {
            Value::String(url) => {
                return Some(Self {
                    url: Some(url),
                    ..Self::default()
                });
            }
            Value::Table(entries) => entries,
            other => return reader.wrong_type("proxy", &other, "a table, or the proxy's URL"),
        };
        let mut draft = Self::default();
        reader.inner(entries, "proxy.", |table| {
            let (password, is_plain) = table.secret("password").unzip();
            draft = Self {
                url: table.string("url"),
                username: table.string("username"),
                password,
                password_is_plain: is_plain.unwrap_or_default(),
                no_proxy: table.strings("no_proxy").unwrap_or_default(),
            };
        });
        Some(draft)
    }

    pub(super) fn of(settings: &ProxySettings, is_plain: bool) -> Self {
        Self {
            url: Some(format!("{}://{}", settings.scheme, settings.authority())),
            username: settings.username.clone(),
            password: settings.password.clone(),
            password_is_plain: is_plain && settings.password.is_some(),
            no_proxy: settings.no_proxy.iter().map(NoProxy::to_string).collect(),
        }
    }

    pub(super) fn settings(self, faults: &mut Faults) -> Option<ProxySettings> {
        let address = faults
            .required("proxy.url", self.url.as_deref(), ADDRESS)
            .map(address);
        if let Some(Err(flaw)) = address {
            faults.judge("proxy.url", Some(flaw), ADDRESS);
        }
        if let Some(username) = &self.username {
            faults.judge(
                "proxy.username",
                super::validate::username_flaw(username),
                USERNAME,
            );
        }
        match (&self.username, &self.password) {
            (None, Some(_)) => {
                faults.required::<()>("proxy.username", None, USERNAME);
            }
            (Some(_), None) => {
                faults.required::<()>("proxy.password", None, Secret::FORMS);
            }
            (_, Some(password)) => {
                faults.judge("proxy.password", password.flaw(), Secret::FORMS);
            }
            (None, None) => {}
        }
        let mut no_proxy = Vec::with_capacity(self.no_proxy.len());
        for (index, text) in self.no_proxy.iter().enumerate() {
            match NoProxy::parse(text) {
                Ok(exemption) => no_proxy.push(exemption),
                Err(flaw) => {
                    let problem = ConfigProblem::Malformed { flaw };
                    faults.push(format!("proxy.no_proxy[{index}]"), problem, EXEMPTION);
                }
            }
        }
        let (scheme, host, port) = address?.ok()?;
        Some(ProxySettings {
            scheme,
            host,
            port,
            username: self.username,
            password: self.password,
            no_proxy,
        })
    }
}

/// Scheme, host and port of a proxy's URL, read as one of http: the URL crate takes the hosts of schemes
/// that it does not know as they stand.
fn address(text: &str) -> Result<(ProxyScheme, String, u16), &'static str> {
    let (scheme, rest) = text.split_once("://").ok_or("has no scheme")?;
    let scheme = ProxyScheme::from_word(scheme).ok_or("has an unknown scheme")?;
    if rest.contains('@') {
        return Err("holds a user name; it and the password have keys of their own");
    }
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#', '\\']) {
        return Err("has a path");
    }
    let url = Url::parse(&format!("http://{authority}/")).map_err(|_| "is no URL")?;
    let host = parse_host(url.host_str().ok_or("has no host")?)?;
    let states_a_port = authority
        .rsplit(']')
        .next()
        .is_some_and(|tail| tail.contains(':'));
    let port = if states_a_port {
        url.port_or_known_default().filter(|port| *port != 0)
    } else {
        Some(scheme.default_port())
    };
    Ok((scheme, host_text(&host), port.ok_or("has port 0")?))
}

impl ProxyScheme {
    /// The port that is dialled unless another is configured.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Socks5 | Self::Socks5h => 1080,
        }
    }

    /// Whether names are looked up on this machine, so that the egress guard sees their addresses.
    #[must_use]
    pub const fn resolves_here(self) -> bool {
        matches!(self, Self::Socks5)
    }
}
