//! What operators rely on in a configuration: each documented key, every fault at once, and no
//! password in any text.

mod acr;
mod quay;
mod schedule;
mod secrecy;
mod selection;
mod session;
mod wire;

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use registry_intake::{
    config::{
        Config, ConfigDraft, ConfigErrors, ConfigFault, ConfigProblem, ConfigWarning,
        IntegrationConfig, IntegrationDraft, NetworkType, Protocol, RegistryType, RegistryVersion,
        RequiredRole, Secret, SessionUse, SpeedLimit,
    },
    error::{ErrorCode, ErrorRecord, Language},
    image::RegistryKind,
};

const FULL: &str = r#"
[[integrations]]
name = "harbor-prod"
type = "harbor"
version = "V2"
protocol = "https"
network = "public"
region_id = "cn-hangzhou"
domain = "harbor.example.com"
port = 8443
ip = "192.0.2.10"
hybrid = false
speed_limit = 7
username = "admin"
password = { env = "HARBOR_PASSWORD" }
required_role = "admin"
requests_in_flight = 8
timeouts = { connect = 5, read = 0.25 }
realm_hosts = ["Auth.example.com"]
include_proxy_caches = true
session = "never"
"#;

const LEAST: &str = r#"
[[integrations]]
name = "harbor"
type = "harbor"
version = "V2"
domain = "harbor.example.com"
username = "admin"
password = { file = "/run/secrets/harbor" }
"#;

fn read(document: &str) -> IntegrationConfig {
    let config = Config::from_toml(document).unwrap_or_else(|errors| panic!("{errors}"));
    let [integration] = <[_; 1]>::try_from(config.integrations).unwrap();
    integration
}

/// An embedder's own document, with our parts in it.
#[derive(Debug, serde::Deserialize)]
struct Embedder {
    #[serde(default)]
    registries: Vec<IntegrationDraft>,
    intake: Option<ConfigDraft>,
}

fn one(json: &str) -> Result<IntegrationConfig, ConfigErrors> {
    let draft: IntegrationDraft = serde_json::from_str(json).unwrap();
    draft.validate()
}

fn many(json: &str) -> Result<Config, ConfigErrors> {
    let draft: ConfigDraft = serde_json::from_str(json).unwrap();
    draft.validate()
}

fn faults(document: &str) -> Vec<ConfigFault> {
    Config::from_toml(document).unwrap_err().faults().to_vec()
}

/// The least document with one more line, or with the line of the same key replaced.
fn with(line: &str) -> String {
    let (key, _) = line.split_once(" =").unwrap();
    let kept = LEAST
        .lines()
        .filter(|old| !old.starts_with(&format!("{key} =")));
    kept.chain([line]).collect::<Vec<_>>().join("\n")
}

fn without(key: &str) -> String {
    let kept = LEAST
        .lines()
        .filter(|old| !old.starts_with(&format!("{key} =")));
    kept.collect::<Vec<_>>().join("\n")
}

fn full_by_builder() -> Result<IntegrationConfig, ConfigErrors> {
    IntegrationConfig::builder("harbor-prod")
        .registry_type(RegistryType::Harbor)
        .version(RegistryVersion::V2)
        .protocol(Protocol::Https)
        .network(NetworkType::Public)
        .region_id("cn-hangzhou")
        .domain("harbor.example.com")
        .port(8443)
        .ip(IpAddr::from([192, 0, 2, 10]))
        .hybrid(false)
        .speed_limit(SpeedLimit::PerHour(NonZeroU32::new(7).unwrap()))
        .username("admin")
        .password(Secret::env("HARBOR_PASSWORD"))
        .required_role(RequiredRole::Admin)
        .requests_in_flight(8)
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_millis(250))
        .realm_hosts(["Auth.example.com"])
        .include_proxy_caches(true)
        .session(SessionUse::Never)
        .build()
}

#[test]
fn each_documented_key_is_read() {
    let config = read(FULL);
    assert_eq!(config.name(), "harbor-prod");
    assert_eq!(config.registry_type(), RegistryType::Harbor);
    assert_eq!(config.version(), Some(RegistryVersion::V2));
    assert_eq!(config.registry(), RegistryKind::HarborV2);
    assert_eq!(config.endpoint().protocol(), Protocol::Https);
    assert_eq!(config.network(), NetworkType::Public);
    assert_eq!(config.region_id(), Some("cn-hangzhou"));
    assert_eq!(config.endpoint().domain(), "harbor.example.com");
    assert_eq!(config.endpoint().port(), 8443);
    assert_eq!(config.endpoint().ip(), Some([192, 0, 2, 10].into()));
    assert!(!config.is_hybrid());
    assert_eq!(config.speed_limit().per_hour(), NonZeroU32::new(7));
    let account = config.account().unwrap();
    assert_eq!(account.username, "admin");
    assert_eq!(format!("{:?}", account.password), "Secret(environment)");
    assert_eq!(config.required_role(), RequiredRole::Admin);
    assert_eq!(config.requests_in_flight().get(), 8);
    assert_eq!(config.timeouts().connect, Duration::from_secs(5));
    assert_eq!(config.timeouts().read, Duration::from_millis(250));
    assert_eq!(config.realm_hosts(), ["auth.example.com"]);
    assert!(config.include_proxy_caches());
    assert_eq!(config.session(), SessionUse::Never);
    assert_eq!(config.warnings(), []);
}

#[test]
fn what_is_left_out_has_its_documented_default() {
    let config = read(LEAST);
    assert_eq!(config.endpoint().authority(), "harbor.example.com:443");
    assert_eq!(config.endpoint().ip(), None);
    assert_eq!(config.network(), NetworkType::Public);
    assert_eq!(config.region_id(), None);
    assert!(!config.is_hybrid());
    assert_eq!(config.speed_limit().per_hour(), NonZeroU32::new(10));
    assert_eq!(config.required_role(), RequiredRole::Admin);
    assert_eq!(config.requests_in_flight().get(), 4);
    assert_eq!(config.timeouts().connect, Duration::from_secs(10));
    assert_eq!(config.timeouts().read, Duration::from_secs(30));
    assert_eq!(config.realm_hosts(), [""; 0]);
    assert!(!config.include_proxy_caches());
    assert_eq!(config.session(), SessionUse::Auto);

    let http = read(&with(r#"protocol = "http""#));
    assert_eq!(http.endpoint().authority(), "harbor.example.com:80");
    let version_1 = read(&LEAST.replace("V2", "V1"));
    assert_eq!(version_1.requests_in_flight().get(), 2);
}

#[test]
fn type_and_version_choose_the_registry() {
    for (registry_type, version, kind) in [
        ("harbor", Some("V1"), RegistryKind::HarborV1),
        ("harbor", Some("V2"), RegistryKind::HarborV2),
        ("quay", Some("V1"), RegistryKind::Quay),
        ("quay", Some("V2"), RegistryKind::Quay),
    ] {
        let mut document = without("version").replace("\"harbor\"", "\"x\"");
        document = document.replace("type = \"x\"", &format!("type = {registry_type:?}"));
        if let Some(version) = version {
            document.push_str(&format!("\nversion = {version:?}"));
        }
        if registry_type == "quay" {
            document.push_str(
                "\n[[integrations.namespaces]]\norganization = \"a\"\nauth_token = \"b\"",
            );
        }
        let config = read(&document);
        assert_eq!(config.registry(), kind);
        assert_eq!(config.version().map(RegistryVersion::as_str), version);
    }
}

#[test]
fn builder_toml_and_json_make_the_same_integration() {
    let built = full_by_builder().unwrap();
    let json = serde_json::json!({
        "name": "harbor-prod", "type": "harbor", "version": "V2", "protocol": "https",
        "network": "public", "region_id": "cn-hangzhou", "domain": "harbor.example.com",
        "port": 8443, "ip": "192.0.2.10", "hybrid": false, "speed_limit": 7,
        "username": "admin", "password": {"env": "HARBOR_PASSWORD"}, "required_role": "admin",
        "requests_in_flight": 8, "timeouts": {"connect": 5, "read": 0.25},
        "realm_hosts": ["Auth.example.com"], "include_proxy_caches": true,
        "session": "never",
    });
    let from_json = one(&json.to_string()).unwrap();
    let from_document = many(&serde_json::json!({ "integrations": [json] }).to_string()).unwrap();
    let by_serde: ConfigDraft = toml::from_str(FULL).unwrap();
    let by_serde = by_serde.validate().unwrap();
    let registries = FULL.replace("integrations", "registries");
    let embedded: Embedder = toml::from_str(&registries).unwrap();
    let collected: ConfigDraft = embedded.registries.into_iter().collect();
    let collected = collected.validate().unwrap();

    let expected = format!("{built:?}");
    assert_eq!(format!("{:?}", read(FULL)), expected);
    assert_eq!(format!("{from_json:?}"), expected);
    assert_eq!(format!("{:?}", from_document.integrations[0]), expected);
    assert_eq!(format!("{:?}", by_serde.integrations[0]), expected);
    assert_eq!(format!("{:?}", collected.integrations[0]), expected);
}

#[test]
fn builder_and_reader_find_the_same_faults() {
    let built = IntegrationConfig::builder("x")
        .registry_type(RegistryType::Quay)
        .domain("https://quay.example.com")
        .port(0)
        .hybrid(true)
        .username("a:b")
        .password(Secret::env("$TOKEN"))
        .requests_in_flight(65)
        .connect_timeout(Duration::ZERO)
        .realm_hosts(["ok.example.com", "a/b"])
        .build()
        .unwrap_err();
    let draft: IntegrationDraft = toml::from_str(
        r#"
        name = "x"
        type = "quay"
        domain = "https://quay.example.com"
        port = 0
        hybrid = true
        username = "a:b"
        password = { env = "$TOKEN" }
        requests_in_flight = 65
        timeouts.connect = 0
        realm_hosts = ["ok.example.com", "a/b"]
        "#,
    )
    .unwrap();
    assert_eq!(draft.validate().unwrap_err(), built);
    let fields: Vec<_> = built.faults().iter().map(ConfigFault::field).collect();
    assert_eq!(
        fields,
        [
            "version",
            "domain",
            "port",
            "ip",
            "username",
            "password",
            "namespaces",
            "requests_in_flight",
            "timeouts.connect",
            "realm_hosts[1]",
        ]
    );
}

#[test]
fn every_fault_of_every_integration_is_told_with_field_and_remedy() {
    let errors = Config::from_toml(
        r#"
        colour = "blue"

        [[integrations]]
        name = "first"
        type = "harbour"
        version = 2
        domain = "harbor.example.com:8443"
        port = 70000
        speed_limit = 0
        username = "admin"
        pasword = "correct horse"

        [[integrations]]
        type = "acr-personal"
        version = "V1"
        region_id = "cn-hangzhou"
        credentials = { access_key_id = "LTAI", access_key_secret = { file = 5 } }

        [[integrations]]
        name = "first"
        type = "harbor"
        version = "V2"
        domain = "other.example.com"
        username = "admin"
        password = { env = "PASSWORD" }
        timeouts = { conect = 5 }
        "#,
    )
    .unwrap_err();
    let text = errors.to_string();
    let keys = "name, type, version, protocol, network, region_id, domain, port, ip, hosts, hybrid, \
                speed_limit, username, required_role, requests_in_flight, realm_hosts, \
                include_proxy_caches, session, instance_id, instance, credentials, endpoint, \
                vpc_access, requests_per_second, account_id, schedule, timezone, incremental_every_hours, password, selection, namespaces, timeouts, limits, tls, proxy";
    let forms = r#"{ env = "NAME" }, { file = "PATH" }, or a string that is not empty"#;
    let host = "a host name or IP address alone, without scheme, user, port and path";
    let lines = [
        "the configuration cannot be used".into(),
        "colour is no known key; allowed: integrations".into(),
        r#"integration "first": type is "harbour"; allowed: "harbor", "quay", "acr-enterprise", "acr-personal""#.into(),
        r#"integration "first": version is of type integer; allowed: "V1", "V2""#.into(),
        r#"integration "first": speed_limit is 0; allowed: images per hour, a whole number from 1 to 4294967295, or "unlimited""#.into(),
        format!(r#"integration "first": pasword is no known key (perhaps password is meant); allowed: {keys}"#),
        format!(r#"integration "first": domain has a port; allowed: {host}"#),
        r#"integration "first": port is 70000; allowed: 1 to 65535"#.into(),
        format!(r#"integration "first": password is missing; allowed: {forms}"#),
        format!(r#"integration number 2: credentials.access_key_secret is a table of another form; allowed: {forms}"#),
        r#"integration number 2: name is missing; allowed: 1 to 128 characters without control characters"#.into(),
        r#"integration number 2: version does not apply to type acr-personal; allowed: nothing for this type"#.into(),
        r#"integration "first": name is the same as that of integration number 1; allowed: a name of its own"#.into(),
        r#"integration "first": timeouts.conect is no known key (perhaps connect is meant); allowed: connect, read"#.into(),
    ];
    assert_eq!(text.lines().map(str::trim).collect::<Vec<_>>(), lines);
    let positions: Vec<_> = errors.faults().iter().map(ConfigFault::position).collect();
    assert_eq!(positions[0], None);
    assert_eq!(positions[1], Some(1));
    assert_eq!(positions[8], Some(2));
    assert_eq!(positions[12], Some(3));

    let record = ErrorRecord::from(&errors);
    assert_eq!(record.code, ErrorCode::ConfigInvalid);
    assert_eq!(record.message, text);
}

#[test]
fn each_required_key_is_missed_by_its_name_and_once() {
    for key in ["name", "type", "version", "domain", "username", "password"] {
        let faults = faults(&without(key));
        let [fault] = faults.as_slice() else {
            panic!("{key}: {faults:?}");
        };
        assert_eq!(fault.field(), key);
        assert_eq!(fault.problem(), &ConfigProblem::Missing);
    }
    let hybrid = faults(&with("hybrid = true"));
    assert_eq!(hybrid.len(), 1);
    assert_eq!(hybrid[0].field(), "ip");
    assert_eq!(hybrid[0].problem(), &ConfigProblem::Missing);
}

#[test]
fn each_value_out_of_bounds_is_a_fault_of_its_field() {
    let long = format!("name = \"{}\"", "n".repeat(129));
    for line in [
        r#"name = """#,
        r#"name = " ""#,
        r#"name = "a\u0007b""#,
        &long,
        "name = 5",
        r#"type = "Harbor""#,
        r#"version = "V3""#,
        r#"protocol = "ftp""#,
        r#"network = "private""#,
        r#"region_id = """#,
        r#"region_id = "cn hangzhou""#,
        r#"domain = """#,
        r#"domain = "http://harbor.example.com""#,
        "port = 0",
        "port = 65536",
        "port = -1",
        "port = 443.0",
        r#"port = "443""#,
        r#"ip = "192.0.2.256""#,
        r#"ip = "192.0.2.10:443""#,
        "ip = 3221225994",
        r#"hybrid = "true""#,
        "speed_limit = 0",
        "speed_limit = -10",
        "speed_limit = 4294967296",
        "speed_limit = 2.5",
        r#"speed_limit = "fast""#,
        r#"username = """#,
        r#"username = "a:b""#,
        r#"username = "a\nb""#,
        r#"password = """#,
        "password = 12345678",
        r#"password = { env = "" }"#,
        r#"password = { env = "$PASSWORD" }"#,
        r#"password = { file = "" }"#,
        r#"password = { env = "A", file = "b" }"#,
        r#"password = { vault = "a" }"#,
        "password = {}",
        r#"required_role = "owner""#,
        "requests_in_flight = 0",
        "requests_in_flight = 65",
        "realm_hosts = \"auth.example.com\"",
        "realm_hosts = [5]",
        "include_proxy_caches = 1",
        r#"session = "sometimes""#,
        "timeouts = 5",
    ] {
        let faults = faults(&with(line));
        let [fault] = faults.as_slice() else {
            panic!("{line}: {faults:?}");
        };
        assert!(line.starts_with(&format!("{} =", fault.field())), "{fault}");
        assert!(!fault.allowed().is_empty());
    }
    for seconds in ["0", "-1", "0.0001", "3600.5", "nan", "inf", "true"] {
        let faults = faults(&with(&format!("timeouts = {{ read = {seconds} }}")));
        assert_eq!(faults.len(), 1, "{seconds}");
        assert_eq!(faults[0].field(), "timeouts.read");
    }
    read(&with("speed_limit = 4294967295"));
    read(&with("requests_in_flight = 64"));
    read(&with("timeouts = { connect = 0.001, read = 3600 }"));
    let unlimited = read(&with(r#"speed_limit = "unlimited""#));
    assert_eq!(unlimited.speed_limit(), SpeedLimit::Unlimited);
}

#[test]
fn the_document_itself_must_have_the_right_shape() {
    let only = |document: &str| {
        let faults = faults(document);
        assert_eq!(faults.len(), 1, "{faults:?}");
        faults[0].to_string()
    };
    let allowed = "allowed: an array of tables, [[integrations]]";
    assert_eq!(only(""), format!("integrations is missing; {allowed}"));
    assert_eq!(
        only("integrations = 5"),
        format!("integrations is of type integer; {allowed}")
    );
    assert_eq!(
        only("integrations = [5]"),
        "integration number 1: entry is of type integer; allowed: a table"
    );
    let array = many("[]").unwrap_err();
    assert!(array.to_string().contains("document is of type array"));
    assert_eq!(
        only("integrations = []"),
        format!("integrations is empty; {allowed}")
    );
}

#[test]
fn json_knows_null_as_absent_and_a_repeated_key_as_a_fault() {
    let read = |rest: &str| {
        one(&format!(
            r#"{{"name": "a", "type": "harbor", "version": "V2", "domain": "a.example.com", "username": "u",
                "password": {{"env": "A"}}, {rest}}}"#
        ))
    };
    assert_eq!(read(r#""port": null"#).unwrap().endpoint().port(), 443);
    let error = read(r#""port": 1, "port": 2"#).unwrap_err().to_string();
    assert!(error.contains("port stands here more than once"), "{error}");
}

#[test]
fn a_syntax_error_names_line_and_column_and_nothing_of_the_line() {
    for (document, line, column) in [
        ("[[integrations]]\npassword = \"correct horse\nx = 1", 2, 26),
        (
            "[[integrations]]\nname = \"ü\" password = \"correct horse\"",
            2,
            12,
        ),
        ("[[integrations]]\npassword = correct horse", 2, 12),
        ("a = 1\na = \"correct horse\"", 2, 1),
    ] {
        let errors = Config::from_toml(document).unwrap_err();
        let [fault] = errors.faults() else {
            panic!("{errors}");
        };
        assert_eq!(fault.problem(), &ConfigProblem::Syntax { line, column });
        let text = format!("{errors} {errors:?}");
        assert!(text.contains(&format!("line {line}, column {column}")));
        assert!(!text.contains("horse"), "{text}");
    }
}

#[test]
fn warnings_are_data_with_a_code_and_a_message() {
    let warned = |line: &str, warning: ConfigWarning| {
        let config = read(&with(line));
        assert!(!warning.message(Language::English).is_empty());
        config.warnings().contains(&warning)
    };
    let private = ConfigWarning::PublicNetworkWithPrivateIp;
    for (line, warning, expected) in [
        (
            r#"speed_limit = "unlimited""#,
            ConfigWarning::UnlimitedSpeed,
            true,
        ),
        ("speed_limit = 100000", ConfigWarning::UnlimitedSpeed, false),
        (
            r#"protocol = "http""#,
            ConfigWarning::CredentialsOverHttp,
            true,
        ),
        (
            r#"protocol = "https""#,
            ConfigWarning::CredentialsOverHttp,
            false,
        ),
        (r#"ip = "10.0.0.1""#, private, true),
        (r#"ip = "100.64.0.1""#, private, true),
        (r#"ip = "100.128.0.1""#, private, false),
        (r#"ip = "fd00::1""#, private, true),
        (r#"ip = "::ffff:192.168.0.1""#, private, true),
        (r#"ip = "192.0.2.10""#, private, false),
        (r#"ip = "127.0.0.1""#, private, false),
        (r#"domain = "192.168.0.1""#, private, true),
        (r#"port = 443"#, ConfigWarning::RegionMissing, true),
        (
            r#"region_id = "cn-hangzhou""#,
            ConfigWarning::RegionMissing,
            false,
        ),
        (
            r#"required_role = "list""#,
            ConfigWarning::ListRoleMaySeeAPart,
            true,
        ),
        (
            r#"required_role = "admin""#,
            ConfigWarning::ListRoleMaySeeAPart,
            false,
        ),
        (
            r#"password = "correct horse""#,
            ConfigWarning::PlainTextPassword,
            true,
        ),
        (
            r#"password = { env = "A" }"#,
            ConfigWarning::PlainTextPassword,
            false,
        ),
    ] {
        assert_eq!(
            warned(line, warning),
            expected,
            "{line}: {}",
            warning.code()
        );
    }
    let over_vpc = with("ip = \"10.0.0.1\"\nnetwork = \"vpc\"");
    assert!(!read(&over_vpc).warnings().contains(&private));
    let here = with("ip = \"127.0.0.1\"\nprotocol = \"http\"");
    let here = read(&here);
    assert!(
        here.warnings()
            .contains(&ConfigWarning::CredentialsOverHttp)
    );
    let built = full_by_builder().unwrap();
    assert_eq!(built.warnings(), []);
}
