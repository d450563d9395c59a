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
    let is_bracketed = text.starts_with('[') && text.ends_with(']');
    let flaws = [
        (text.is_empty(), "is empty"),
        (text.contains("://"), "has a scheme"),
        (text.contains('@'), "has a user name"),
        (text.contains(['/', '\\', '?', '#']), "has a path"),
        (text.contains(':') && !is_bracketed, "has a port"),
        // The URL crate would decode it.
        (text.contains('%'), "is percent-encoded"),
    ];
    if let Some((_, flaw)) = flaws.iter().find(|(applies, _)| *applies) {
        return Err(flaw);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn endpoint(protocol: Protocol, host: &str, port: u16) -> Endpoint {
        Endpoint::new(protocol, parse_host(host).unwrap(), port, None).unwrap()
    }

    #[test]
    fn a_host_is_normalised() {
        for (given, domain) in [
            ("Harbor.Example.COM", "harbor.example.com"),
            ("harbor.example.com.", "harbor.example.com"),
            ("harbor_core", "harbor_core"),
            ("münchen.example", "xn--mnchen-3ya.example"),
            ("192.0.2.10", "192.0.2.10"),
            ("0xc0.0.2.10", "192.0.2.10"),
            ("2001:DB8::0:1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
        ] {
            let host = parse_host(given).unwrap();
            assert_eq!(host_text(&host), domain, "{given}");
        }
    }

    #[test]
    fn what_is_more_or_less_than_a_host_is_refused_by_its_flaw() {
        let long = "a".repeat(64);
        for (given, flaw) in [
            ("", "is empty"),
            ("https://harbor.example.com", "has a scheme"),
            ("admin@harbor.example.com", "has a user name"),
            ("harbor.example.com/", "has a path"),
            ("harbor.example.com?x", "has a path"),
            ("harbor.example.com:443", "has a port"),
            ("[2001:db8::1]:443", "has a port"),
            ("harbor%2eexample.com", "is percent-encoded"),
            ("harbor example.com", "is no host name"),
            ("*.example.com", "is no host name"),
            ("harbor;id.example.com", "is no host name"),
            ("harbor..example.com", "is no host name"),
            ("harbor\r\nX: y", "has a port"),
            ("harbor\n", "is no host name"),
            (".", "is no host name"),
            ("[2001:db8::1", "has a port"),
            ("1.2.3.4.5", "is no host name"),
            (&long, "is no host name"),
        ] {
            assert_eq!(parse_host(given), Err(flaw), "{given:?}");
        }
    }

    #[test]
    fn the_authority_always_has_the_port_and_the_origin_only_an_unusual_one() {
        let usual = endpoint(Protocol::Https, "harbor.example.com", 443);
        assert_eq!(usual.authority(), "harbor.example.com:443");
        assert_eq!(usual.origin().as_str(), "https://harbor.example.com/");

        let literal = endpoint(Protocol::Http, "2001:db8::1", 8080);
        assert_eq!(literal.domain(), "2001:db8::1");
        assert_eq!(literal.authority(), "[2001:db8::1]:8080");
        assert_eq!(literal.origin().as_str(), "http://[2001:db8::1]:8080/");
    }

    #[test]
    fn loopback_is_judged_by_the_address_that_is_dialled() {
        let is_loopback = |host: &str, ip: Option<&str>| {
            let ip = ip.map(|ip| ip.parse().unwrap());
            Endpoint::new(Protocol::Http, parse_host(host).unwrap(), 80, ip)
                .unwrap()
                .is_loopback()
        };
        assert!(is_loopback("127.0.0.1", None));
        assert!(is_loopback("::1", None));
        assert!(is_loopback("::ffff:127.0.0.1", None));
        assert!(is_loopback("localhost", None));
        assert!(is_loopback("harbor.localhost", None));
        assert!(is_loopback("harbor.example.com", Some("127.0.0.1")));
        assert!(!is_loopback("localhost", Some("192.0.2.10")));
        assert!(!is_loopback("localhost.example.com", None));
        assert!(!is_loopback("192.0.2.10", None));
    }
}
