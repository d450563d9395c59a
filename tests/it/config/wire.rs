//! The settings of the way to a registry: further addresses, TLS, proxy and sizes.

use std::collections::BTreeMap;

use registry_intake::config::{
    CaMode, ConfigWarning, NoProxy, Pem, ProxyScheme, Secret, SizeLimits, TlsVersion,
};

use super::{LEAST, faults, read, with};

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n";

/// Field and text of the only fault.
fn fault(line: &str) -> (String, String) {
    let found = faults(&with(line));
    let [fault] = <[_; 1]>::try_from(found).unwrap_or_else(|found| panic!("{line}: {found:?}"));
    (fault.field().to_owned(), fault.to_string())
}

#[test]
fn further_names_have_addresses_of_their_own() {
    let config = read(&with(
        "hosts = { \"Auth.Example.com\" = \"192.0.2.11\", \"blobs.example.com\" = \"2001:db8::1\" }",
    ));
    let expected = BTreeMap::from([
        ("auth.example.com".to_owned(), "192.0.2.11".parse().unwrap()),
        (
            "blobs.example.com".to_owned(),
            "2001:db8::1".parse().unwrap(),
        ),
    ]);
    assert_eq!(config.hosts(), &expected);
    assert_eq!(config.to_builder().build().unwrap().hosts(), &expected);
    assert!(read(LEAST).hosts().is_empty());
}

#[test]
fn every_fault_of_further_names_is_named() {
    for (line, field, said) in [
        ("hosts = [\"192.0.2.1\"]", "hosts", "is of type array"),
        (
            "hosts = { \"a.example.com\" = \"elsewhere\" }",
            "hosts.a.example.com",
            "is no IP address",
        ),
        (
            "hosts = { \"a.example.com\" = \"192.0.2.1:443\" }",
            "hosts.a.example.com",
            "is no IP address",
        ),
        (
            "hosts = { \"a.example.com\" = 7 }",
            "hosts.a.example.com",
            "is of type integer",
        ),
        (
            "hosts = { \"192.0.2.1\" = \"192.0.2.2\" }",
            "hosts.192.0.2.1",
            "is an IP address itself",
        ),
        (
            "hosts = { \"https://a\" = \"192.0.2.2\" }",
            "hosts.https://a",
            "has a scheme",
        ),
        (
            "hosts = { \"a.example.com\" = \"192.0.2.1\", \"A.example.com\" = \"192.0.2.2\" }",
            "hosts.a.example.com",
            "is named twice",
        ),
        (
            "hosts = { \"harbor.example.com\" = \"192.0.2.1\" }",
            "hosts.harbor.example.com",
            "whose address is ip",
        ),
    ] {
        let (found, text) = fault(line);
        assert_eq!(found, field, "{line}");
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn tls_settings_are_read_from_every_form() {
    let config = read(&with(&format!(
        "tls = {{ ca_bundle = \"{CERTIFICATE}\", ca_mode = \"replace\", client_certificate = {{ file = \"tls.crt\" }}, client_key = {{ env = \"KEY\" }}, min_version = \"1.3\", insecure = true }}"
    )));
    let tls = config.tls();
    assert_eq!(
        tls.ca_bundle,
        Some(Pem::new(CERTIFICATE.replace("\\n", "\n")))
    );
    assert_eq!(
        (tls.ca_mode, tls.min_version),
        (CaMode::Replace, TlsVersion::Tls13)
    );
    let identity = tls.client_identity.as_ref().unwrap();
    assert_eq!(identity.certificate, Pem::file("tls.crt"));
    assert_eq!(format!("{:?}", identity.key), "Secret(environment)");
    assert!(tls.insecure);
    assert!(config.warnings().contains(&ConfigWarning::TlsInsecure));
    let again = config.to_builder().build().unwrap();
    assert_eq!(format!("{:?}", again.tls()), format!("{tls:?}"));
    assert_eq!(again.warnings(), config.warnings());

    for (form, pem) in [
        ("\"company.pem\"", Pem::file("company.pem")),
        ("{ file = \"company.pem\" }", Pem::file("company.pem")),
        ("{ env = \"COMPANY_CA\" }", Pem::env("COMPANY_CA")),
    ] {
        let config = read(&with(&format!("tls = {{ ca_bundle = {form} }}")));
        assert_eq!(config.tls().ca_bundle, Some(pem), "{form}");
        assert_eq!(config.tls().ca_mode, CaMode::Add);
        assert!(!config.warnings().contains(&ConfigWarning::TlsInsecure));
    }
    let least = read(LEAST);
    assert!(least.tls().ca_bundle.is_none() && !least.tls().insecure);
    assert_eq!(least.tls().min_version, TlsVersion::Tls12);
}

#[test]
fn every_fault_of_tls_is_named() {
    for (line, field, said) in [
        ("tls = \"none\"", "tls", "is of type string"),
        (
            "tls = { ca_mode = \"replace\" }",
            "tls.ca_bundle",
            "is missing",
        ),
        (
            "tls = { ca_bundle = 7 }",
            "tls.ca_bundle",
            "is of type integer",
        ),
        (
            "tls = { ca_bundle = \"\" }",
            "tls.ca_bundle",
            "names no file",
        ),
        (
            "tls = { ca_bundle = { url = \"x\" } }",
            "tls.ca_bundle",
            "is none of the forms",
        ),
        (
            "tls = { ca_bundle = \"-----BEGIN PRIVATE KEY-----\" }",
            "tls.ca_bundle",
            "holds no certificate",
        ),
        ("tls = { ca_mode = \"both\" }", "tls.ca_mode", "is \"both\""),
        (
            "tls = { min_version = \"1.1\" }",
            "tls.min_version",
            "is \"1.1\"",
        ),
        (
            "tls = { insecure = \"yes\" }",
            "tls.insecure",
            "is of type string",
        ),
        (
            "tls = { client_certificate = \"a.pem\" }",
            "tls.client_key",
            "is missing",
        ),
        (
            "tls = { client_key = { file = \"a.pem\" } }",
            "tls.client_certificate",
            "is missing",
        ),
        (
            "tls = { client_certificate = \"a.pem\", client_key = \"hunter2hunter2\" }",
            "tls.client_key",
            "holds no key in PEM",
        ),
        ("tls = { verify = false }", "tls.verify", "is no known key"),
    ] {
        let (found, text) = fault(line);
        assert_eq!(found, field, "{line}");
        assert!(text.contains(said), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_proxy_is_read_from_a_table_and_from_its_url_alone() {
    let config = read(&with(
        "proxy = { url = \"socks5h://Proxy.Example.com:1081\", username = \"scanner\", password = { env = \"PROXY\" }, no_proxy = [\".internal.example.com\", \"10.0.0.0/8\", \"192.0.2.7\"] }",
    ));
    let proxy = config.proxy().unwrap();
    assert_eq!(proxy.scheme, ProxyScheme::Socks5h);
    assert_eq!(proxy.authority(), "proxy.example.com:1081");
    assert_eq!(proxy.username.as_deref(), Some("scanner"));
    assert_eq!(
        proxy.no_proxy,
        [
            NoProxy::Name("internal.example.com".to_owned()),
            NoProxy::Network("10.0.0.0/8".parse().unwrap()),
            NoProxy::Network("192.0.2.7/32".parse().unwrap()),
        ]
    );
    for (host, is_for) in [
        ("harbor.example.com", true),
        ("internal.example.com", false),
        ("a.internal.example.com", false),
        ("notinternal.example.com", true),
        ("10.1.2.3", false),
        ("::ffff:10.1.2.3", false),
        ("192.0.2.7", false),
        ("192.0.2.8", true),
    ] {
        assert_eq!(proxy.is_for(host), is_for, "{host}");
    }
    let again = config.to_builder().build().unwrap();
    assert_eq!(
        format!("{:?}", again.proxy()),
        format!("{:?}", config.proxy())
    );

    for (url, authority) in [
        ("http://proxy.example.com", "proxy.example.com:80"),
        ("https://proxy.example.com/", "proxy.example.com:443"),
        ("socks5://[2001:db8::1]", "[2001:db8::1]:1080"),
        ("socks5://0x7f.1:9050", "127.0.0.1:9050"),
        ("socks5h://proxy.example.com:80", "proxy.example.com:80"),
    ] {
        let config = read(&with(&format!("proxy = \"{url}\"")));
        assert_eq!(config.proxy().unwrap().authority(), authority, "{url}");
    }
    assert!(read(LEAST).proxy().is_none());
}

#[test]
fn every_fault_of_a_proxy_is_named() {
    for (line, field, said) in [
        ("proxy = 3128", "proxy", "is of type integer"),
        ("proxy = {}", "proxy.url", "is missing"),
        (
            "proxy = \"proxy.example.com:3128\"",
            "proxy.url",
            "has no scheme",
        ),
        (
            "proxy = \"ftp://proxy.example.com\"",
            "proxy.url",
            "has an unknown scheme",
        ),
        (
            "proxy = \"http://u:hunter2hunter2@proxy\"",
            "proxy.url",
            "holds a user name",
        ),
        ("proxy = \"http://proxy/path\"", "proxy.url", "has a path"),
        ("proxy = \"http://\"", "proxy.url", "is no URL"),
        ("proxy = \"http://proxy:99999\"", "proxy.url", "is no URL"),
        ("proxy = \"http://proxy:0\"", "proxy.url", "has port 0"),
        (
            "proxy = { url = \"http://proxy\", username = \"a:b\", password = \"x\" }",
            "proxy.username",
            "has a colon",
        ),
        (
            "proxy = { url = \"http://proxy\", username = \"a\" }",
            "proxy.password",
            "is missing",
        ),
        (
            "proxy = { url = \"http://proxy\", password = \"hunter2hunter2\" }",
            "proxy.username",
            "is missing",
        ),
        (
            "proxy = { url = \"http://proxy\", no_proxy = [\"a b\"] }",
            "proxy.no_proxy[0]",
            "is no host name",
        ),
        (
            "proxy = { url = \"http://proxy\", bypass = [] }",
            "proxy.bypass",
            "is no known key",
        ),
    ] {
        let (found, text) = fault(line);
        assert_eq!(found, field, "{line}");
        assert!(text.contains(said), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn an_address_to_dial_and_a_proxy_exclude_each_other() {
    let both = |ip: &str, proxy: &str| format!("{}\n{proxy}\n", with(ip));
    let ip = "ip = \"192.0.2.10\"";
    let hosts = "hosts = { \"auth.example.com\" = \"192.0.2.11\" }";
    for (line, field) in [(ip, "ip"), (hosts, "hosts.auth.example.com")] {
        for proxy in [
            "proxy = \"http://proxy.example.net:3128\"",
            "proxy = \"socks5h://proxy.example.net\"",
            "proxy = { url = \"http://proxy.example.net\", no_proxy = [\"elsewhere.example.com\"] }",
        ] {
            let found = faults(&both(line, proxy));
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].field(), field);
            let text = found[0].to_string();
            assert!(text.contains("cannot work through a proxy"), "{text}");
            assert!(text.contains("no_proxy"), "{text}");
        }
        let exempt = "proxy = { url = \"http://proxy.example.net\", no_proxy = [\"example.com\"] }";
        read(&both(line, exempt));
    }
    // The proxy's own name is looked up here.
    let own = "hosts = { \"proxy.example.net\" = \"192.0.2.11\" }";
    read(&both(own, "proxy = \"http://proxy.example.net:3128\""));
}

#[test]
fn sizes_have_defaults_and_bounds() {
    assert_eq!(read(LEAST).limits(), SizeLimits::default());
    let config = read(&with(
        "limits = { page = 1048576, manifest = 65536, error_body = 1024 }",
    ));
    let limits = config.limits();
    assert_eq!(
        (limits.page, limits.manifest, limits.error_body),
        (1 << 20, 65536, 1024)
    );
    assert_eq!(config.to_builder().build().unwrap().limits(), limits);
    for (line, field, said) in [
        ("limits = { page = 1023 }", "limits.page", "is 1023"),
        (
            "limits = { manifest = 1073741825 }",
            "limits.manifest",
            "1024 to 1073741824",
        ),
        ("limits = { error_body = -1 }", "limits.error_body", "is -1"),
        (
            "limits = { page = \"64MiB\" }",
            "limits.page",
            "is of type string",
        ),
    ] {
        let (found, text) = fault(line);
        assert_eq!(found, field, "{line}");
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn a_key_or_a_password_in_the_configuration_itself_is_warned_of() {
    let plain = |line: &str| {
        let config = read(&with(line));
        config
            .warnings()
            .contains(&ConfigWarning::PlainTextPassword)
    };
    assert!(plain(
        "proxy = { url = \"http://proxy\", username = \"a\", password = \"b\" }"
    ));
    assert!(!plain(
        "proxy = { url = \"http://proxy\", username = \"a\", password = { env = \"B\" } }"
    ));
    assert!(plain(
        "tls = { client_certificate = \"a.pem\", client_key = \"-----BEGIN PRIVATE KEY-----\" }"
    ));
    assert!(!format!("{:?}", Secret::new("hunter2")).contains("hunter2"));
}
