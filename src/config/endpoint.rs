use std::net::{IpAddr, Ipv6Addr};

use url::{Host, Url};

use super::Protocol;

/// Where the registry is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    protocol: Protocol,
    host: Host<String>,
    domain: String,
    port: u16,
    ip: Option<IpAddr>,
    origin: Url,
}

impl Endpoint {
    /// Nothing if the URL crate finds no origin in what it normalised itself.
    pub(super) fn new(
        protocol: Protocol,
        host: Host<String>,
        port: u16,
        ip: Option<IpAddr>,
    ) -> Option<Self> {
        let domain = host_text(&host);
        let origin = Url::parse(&format!("{protocol}://{host}:{port}/")).ok()?;
        Some(Self {
            protocol,
            host,
            domain,
            port,
            ip,
            origin,
        })
    }

    /// HTTP, or HTTP over TLS.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The registry's name in `Host`, SNI and certificate: lower-case ASCII, without a dot at its
    /// end, or an IP address in its usual form without brackets.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The port, 80 or 443 unless configured.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The address to dial in place of what the domain resolves to.
    #[must_use]
    pub const fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// `domain:port`, an IPv6 address in brackets.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The registry's root, `https://domain/`, with the port where it is not the protocol's own.
    #[must_use]
    pub fn origin(&self) -> Url {
        self.origin.clone()
    }

    /// Whether what is sent stays on this machine: the address dialled is a loopback one, or the
    /// domain is `localhost`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match (self.fixed_address(), &self.host) {
            (Some(address), _) => address.is_loopback(),
            (None, Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            (None, _) => false,
        }
    }

    /// The address that is dialled, where it is known without asking DNS.
    pub(super) fn fixed_address(&self) -> Option<IpAddr> {
        let literal = match self.host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(IpAddr::V4(address)),
            Host::Ipv6(address) => Some(IpAddr::V6(address)),
        };
        self.ip.or(literal).map(|address| address.to_canonical())
    }
}

/// The host without the brackets of an IPv6 address.
pub(super) fn host_text(host: &Host<String>) -> String {
    match host {
        Host::Domain(name) => name.clone(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    }
}

/// A domain name or IP literal, normalised, or what is wrong with it as a phrase.
pub(super) fn parse_host(text: &str) -> Result<Host<String>, &'static str> {
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return Ok(Host::Ipv6(address));
    }
    let flaws: [(&[char], &'static str); 4] = [
        (&['@'], "has a user name"),
        (&['/', '\\', '?', '#'], "has a path"),
        (&['%'], "is percent-encoded"),
        (&['*'], "has a wildcard"),
    ];
    if text.is_empty() {
        return Err("is empty");
    }
    if text.contains("://") {
        return Err("has a scheme");
    }
    if let Some((_, flaw)) = flaws.iter().find(|(letters, _)| text.contains(*letters)) {
        return Err(flaw);
    }
    if !text.starts_with('[') && text.contains(':') {
        return Err("has a port");
    }
    match Host::parse(text.strip_suffix('.').unwrap_or(text)) {
        Ok(Host::Domain(name)) if is_host_name(&name) => Ok(Host::Domain(name)),
        Ok(address @ (Host::Ipv4(_) | Host::Ipv6(_))) => Ok(address),
        _ => Err("is no host name"),
    }
}

fn is_host_name(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
}
