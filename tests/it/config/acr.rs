//! What an ACR has of its own: a region in place of a domain, an AccessKey in place of a password.

use registry_intake::{
    config::{
        AcrCredentials, AcrInstance, Config, ConfigWarning, IntegrationConfig, NetworkType,
        RegistryType, Secret, VpcAccess,
    },
    image::RegistryKind,
};

use super::{LEAST, faults, read};

const ENTERPRISE: &str = r#"
[[integrations]]
name = "acr"
type = "acr-enterprise"
region_id = "cn-hangzhou"
instance_id = "cri-fakeinstance01"
"#;

const PERSONAL: &str = r#"
[[integrations]]
name = "acr"
type = "acr-personal"
region_id = "cn-shanghai"
"#;

fn with(document: &str, lines: &str) -> String {
    format!("{document}{lines}\n")
}

fn fields(document: &str) -> Vec<String> {
    let faults = faults(document);
    faults
        .iter()
        .map(|fault| fault.field().to_owned())
        .collect()
}

#[test]
fn region_and_instance_are_enough_for_the_enterprise_edition() {
    let config = read(ENTERPRISE);
    assert_eq!(config.registry(), RegistryKind::AcrEnterprise);
    assert_eq!(
        config.endpoint().authority(),
        "cr.cn-hangzhou.aliyuncs.com:443"
    );
    assert_eq!(
        config.registry_name(),
        "cr.cn-hangzhou.aliyuncs.com:443/cri-fakeinstance01"
    );
    assert!(config.account().is_none());
    assert_eq!(config.warnings(), []);
    let acr = config.acr().unwrap();
    assert_eq!(
        acr.instance,
        Some(AcrInstance::Id("cri-fakeinstance01".to_owned()))
    );
    assert!(matches!(acr.credentials, AcrCredentials::DefaultChain));
    assert_eq!(acr.requests_per_second.get(), 15);
    assert_eq!(acr.vpc_access, VpcAccess::Warn);
    assert_eq!(acr.domain, None);
}

#[test]
fn the_region_alone_is_enough_for_the_personal_edition() {
    let config = read(PERSONAL);
    assert_eq!(config.registry(), RegistryKind::AcrPersonal);
    assert_eq!(
        config.endpoint().authority(),
        "cr.cn-shanghai.aliyuncs.com:443"
    );
    assert_eq!(config.acr().unwrap().instance, None);
}

#[test]
fn the_network_chooses_the_endpoint_and_whether_a_vpc_is_required() {
    let config = read(&with(ENTERPRISE, r#"network = "vpc""#));
    assert_eq!(
        config.endpoint().authority(),
        "cr-vpc.cn-hangzhou.aliyuncs.com:443"
    );
    assert_eq!(config.acr().unwrap().vpc_access, VpcAccess::Require);
    // It is the same registry, over whichever network.
    assert_eq!(config.registry_name(), read(ENTERPRISE).registry_name());
    let warns = read(&with(
        ENTERPRISE,
        "network = \"vpc\"\nvpc_access = \"warn\"",
    ));
    assert_eq!(warns.acr().unwrap().vpc_access, VpcAccess::Warn);
    let requires = read(&with(ENTERPRISE, r#"vpc_access = "require""#));
    assert_eq!(requires.acr().unwrap().vpc_access, VpcAccess::Require);
}

#[test]
fn credentials_are_the_default_chain_or_a_key() {
    let chain = read(&with(ENTERPRISE, r#"credentials = "default""#));
    assert!(matches!(
        chain.acr().unwrap().credentials,
        AcrCredentials::DefaultChain
    ));
    let key = read(&with(
        PERSONAL,
        r#"credentials = { access_key_id = "LTAI", access_key_secret = { env = "S" }, security_token = { env = "T" } }"#,
    ));
    let AcrCredentials::AccessKey {
        id, security_token, ..
    } = &key.acr().unwrap().credentials
    else {
        panic!("{key:?}");
    };
    assert_eq!(id, "LTAI");
    assert!(security_token.is_some());
    assert_eq!(key.warnings(), []);
    let plain = r#"credentials = { access_key_id = "LTAI", access_key_secret = "correct horse" }"#;
    let plain = read(&with(PERSONAL, plain));
    assert_eq!(plain.warnings(), [ConfigWarning::PlainTextPassword]);
    assert!(!format!("{plain:?}").contains("correct horse"));
}

#[test]
fn builder_and_document_make_the_same_integration_and_so_does_a_round_trip() {
    let document = with(
        ENTERPRISE,
        r#"
network = "vpc"
vpc_access = "warn"
requests_per_second = 7
domain = "registry.example.com"
endpoint = "http://127.0.0.1:8080"
credentials = { access_key_id = "LTAI", access_key_secret = { env = "S" } }
"#,
    );
    let read = read(&document);
    let key = AcrCredentials::AccessKey {
        id: "LTAI".to_owned(),
        secret: Secret::env("S"),
        security_token: None,
    };
    let built = IntegrationConfig::builder("acr")
        .registry_type(RegistryType::AcrEnterprise)
        .region_id("cn-hangzhou")
        .network(NetworkType::Vpc)
        .instance(AcrInstance::Id("cri-fakeinstance01".to_owned()))
        .credentials(key)
        .vpc_access(VpcAccess::Warn)
        .requests_per_second(7)
        .domain("registry.example.com")
        .api_endpoint("http://127.0.0.1:8080")
        .build()
        .unwrap();
    assert_eq!(format!("{built:?}"), format!("{read:?}"));
    let again = read.to_builder().build().unwrap();
    assert_eq!(format!("{again:?}"), format!("{read:?}"));
    let personal = super::read(PERSONAL);
    let again = personal.to_builder().build().unwrap();
    assert_eq!(format!("{again:?}"), format!("{personal:?}"));
}

#[test]
fn another_endpoint_is_http_only_on_this_machine() {
    for (endpoint, authority) in [
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://[::1]:8080/", "[::1]:8080"),
        ("http://localhost", "localhost:80"),
        ("https://cr.example.com", "cr.example.com:443"),
        ("https://cr.example.com:8443", "cr.example.com:8443"),
    ] {
        let config = read(&with(PERSONAL, &format!("endpoint = {endpoint:?}")));
        assert_eq!(config.endpoint().authority(), authority);
    }
    for (endpoint, flaw) in [
        ("http://cr.example.com", "is http to another machine"),
        ("http://192.0.2.1", "is http to another machine"),
        ("ftp://127.0.0.1", "is neither http nor https"),
        ("cr.example.com", "is no URL"),
        ("https://u:p@cr.example.com", "has a user name"),
        ("https://cr.example.com/api", "has a path"),
        ("https://cr.example.com?x", "has a path"),
    ] {
        let faults = faults(&with(PERSONAL, &format!("endpoint = {endpoint:?}")));
        assert_eq!(faults.len(), 1, "{endpoint}: {faults:?}");
        assert_eq!(faults[0].field(), "endpoint");
        assert!(faults[0].to_string().contains(flaw), "{}", faults[0]);
    }
}

#[test]
fn every_fault_is_named_and_no_secret_with_it() {
    let document = r#"
[[integrations]]
name = "acr"
type = "acr-enterprise"
region_id = "cn-hangzhou.evil.test/"
instance_id = "cri-1"
instance = "team-a"
requests_per_second = 0
vpc_access = "maybe"
domain = "https://registry.example.com"
credentials = { access_key_id = "with space", access_key_secret = "", secret = "correct horse" }
"#;
    let errors = Config::from_toml(document).unwrap_err();
    let text = errors.to_string();
    for expected in [
        "region_id is \"cn-hangzhou.evil.test/\"",
        "instance stands beside instance_id",
        "requests_per_second is 0; allowed: 1 to 1000",
        "vpc_access is \"maybe\"; allowed: \"require\", \"warn\"",
        "domain has a scheme",
        "credentials.access_key_id has white space or control characters",
        "credentials.access_key_secret is empty",
        "credentials.secret is no known key",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in {text}");
    }
    assert!(!text.contains("correct horse"), "{text}");
    let word = with(PERSONAL, r#"credentials = "correct horse""#);
    let text = Config::from_toml(&word).unwrap_err().to_string();
    assert!(text.contains("credentials is another word than"), "{text}");
    assert!(!text.contains("correct horse"), "{text}");
}

#[test]
fn what_is_required_is_missed() {
    let bare = "[[integrations]]\nname = \"acr\"\ntype = \"acr-enterprise\"\n";
    assert_eq!(fields(bare), ["region_id", "instance_id"]);
    let half = with(PERSONAL, r#"credentials = { access_key_id = "LTAI" }"#);
    assert_eq!(fields(&half), ["credentials.access_key_secret"]);
}

#[test]
fn what_belongs_to_others_is_refused() {
    for line in [
        r#"protocol = "https""#,
        "port = 443",
        r#"ip = "192.0.2.1""#,
        "hybrid = true",
        r#"username = "admin""#,
        r#"password = { env = "P" }"#,
        r#"version = "V2""#,
        r#"session = "auto""#,
    ] {
        let field = line.split(' ').next().unwrap();
        assert_eq!(fields(&with(ENTERPRISE, line)), [field]);
    }
    for line in [
        r#"instance_id = "cri-1""#,
        r#"instance = "a""#,
        r#"vpc_access = "warn""#,
    ] {
        let field = line.split(' ').next().unwrap();
        assert_eq!(fields(&with(PERSONAL, line)), [field]);
    }
    for line in [
        r#"instance_id = "cri-1""#,
        r#"instance = "a""#,
        r#"credentials = "default""#,
        r#"endpoint = "https://a.example.com""#,
        r#"vpc_access = "warn""#,
        "requests_per_second = 5",
    ] {
        let field = line.split(' ').next().unwrap();
        assert_eq!(fields(&with(LEAST, line)), [field]);
    }
}

#[test]
fn a_key_by_builder_is_judged_alike() {
    let error = IntegrationConfig::builder("acr")
        .registry_type(RegistryType::AcrPersonal)
        .region_id("")
        .build()
        .unwrap_err();
    assert_eq!(error.faults()[0].field(), "region_id");
}
