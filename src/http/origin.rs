use url::Url;

/// The configured origin, and who beside it may receive the account's credentials.
#[derive(Debug)]
pub(super) struct Origin {
    url: Url,
    realm_hosts: Vec<String>,
}

impl Origin {
    pub(super) const fn new(url: Url, realm_hosts: Vec<String>) -> Self {
        Self { url, realm_hosts }
    }

    pub(super) const fn url(&self) -> &Url {
        &self.url
    }

    /// Whether `url` is the configured origin, or a token realm on the same host or on one of
    /// the realm hosts (`host` or `host:port`), neither of them less protected than the origin.
    pub(super) fn may_receive_credentials(&self, url: &Url) -> bool {
        let plain = url.username().is_empty() && url.password().is_none();
        let protected = match url.scheme() {
            "https" => true,
            "http" => self.url.scheme() == "http",
            _ => false,
        };
        let known = url.host().is_some_and(|host| {
            Some(host) == self.url.host() || self.realm_hosts.iter().any(|realm| names(realm, url))
        });
        plain && protected && known
    }
}

fn names(realm: &str, url: &Url) -> bool {
    let Ok(listed) = Url::parse(&format!("{}://{realm}", url.scheme())) else {
        return false;
    };
    let is_host_alone = listed.username().is_empty()
        && listed.password().is_none()
        && listed.path() == "/"
        && listed.query().is_none()
        && listed.fragment().is_none();
    is_host_alone
        && listed.host() == url.host()
        && (!states_a_port(realm) || listed.port_or_known_default() == url.port_or_known_default())
}

fn states_a_port(realm: &str) -> bool {
    // The colons of a bracketed IPv6 address are no port.
    realm
        .rsplit(']')
        .next()
        .is_some_and(|tail| tail.contains(':'))
}

/// Host and port as errors name them.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn admits(origin: &str, realms: &[&str], url: &str) -> bool {
        let realms = realms.iter().map(|&realm| realm.to_owned()).collect();
        Origin::new(Url::parse(origin).unwrap(), realms)
            .may_receive_credentials(&Url::parse(url).unwrap())
    }

    #[test]
    fn the_origin_and_realms_on_its_host_may_receive_credentials() {
        let origin = "https://harbor.example.com:8443";
        assert!(admits(
            origin,
            &[],
            "https://harbor.example.com:8443/api/v2.0/projects"
        ));
        assert!(admits(
            origin,
            &[],
            "https://HARBOR.example.com/service/token?scope=x"
        ));
        assert!(admits(
            "http://harbor.example.com",
            &[],
            "https://harbor.example.com/token"
        ));
    }

    #[test]
    fn nobody_else_may() {
        let origin = "https://harbor.example.com";
        for url in [
            "http://harbor.example.com/service/token",
            "https://example.com/",
            "https://harbor.example.com.evil.test/",
            "https://evil.test/harbor.example.com",
            "https://harbor.example.com@evil.test/",
            "https://user:secret@harbor.example.com/",
            "https://harbor.example.com./",
            "ftp://harbor.example.com/",
            "data:text/plain,harbor.example.com",
        ] {
            assert!(!admits(origin, &[], url), "{url}");
        }
    }

    #[test]
    fn a_listed_realm_host_may_on_its_port_or_on_all_where_none_is_stated() {
        let origin = "https://registry.example.com";
        assert!(admits(
            origin,
            &["auth.example.com"],
            "https://auth.example.com:5001/token"
        ));
        assert!(admits(
            origin,
            &["auth.example.com:5001"],
            "https://auth.example.com:5001/token"
        ));
        assert!(!admits(
            origin,
            &["auth.example.com:5001"],
            "https://auth.example.com/token"
        ));
        assert!(!admits(
            origin,
            &["auth.example.com"],
            "http://auth.example.com/token"
        ));
        assert!(!admits(
            origin,
            &["auth.example.com"],
            "https://x.auth.example.com/token"
        ));
        assert!(!admits(
            origin,
            &["", "*", "x@auth.example.com", "auth.example.com/y"],
            "https://auth.example.com/"
        ));
        assert!(admits(
            origin,
            &["[2001:db8::1]"],
            "https://[2001:db8::1]:444/"
        ));
        assert!(!admits(
            origin,
            &["[2001:db8::1]:443"],
            "https://[2001:db8::1]:444/"
        ));
    }
}
