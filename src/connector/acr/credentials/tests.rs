#![allow(clippy::unwrap_used)]

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use secrecy::ExposeSecret;
use serde_json::json;
use url::Url;

use super::{AccessKey, Chain, KeyError, Keys, Source, environment::Environment};
use crate::{
    clock::{Clock, ManualClock, Timestamp},
    connector::acr::tests::{Came, Loopback, clock_at},
    error::{ErrorCode, IntegrationError},
    image::RegistryKind,
};

const START: &str = "2026-01-02T03:04:05Z";

fn clock() -> ManualClock {
    clock_at(START)
}

fn chain(clock: &ManualClock, server: &Url, variables: &[(&str, &str)]) -> Chain {
    let variables: HashMap<_, _> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let environment = Environment::Given(variables);
    let registry = RegistryKind::AcrEnterprise;
    let mut chain = Chain::new(environment, server.clone(), registry, &clock);
    chain.sts = Some(server.clone());
    chain
}

/// A key as metadata tell it, which ends in an hour.
fn temporary(id: &str, ends: &str) -> String {
    json!({
        "Code": "Success", "AccessKeyId": id, "AccessKeySecret": "hidden",
        "SecurityToken": "token", "Expiration": ends, "LastUpdated": START,
    })
    .to_string()
}

/// A cloud: metadata, the token service, and a credentials URI.
fn cloud(came: &Came) -> (u16, String) {
    const ENDS: &str = "2026-01-02T04:04:05Z";
    let token = came.header("x-aliyun-ecs-metadata-token");
    match (came.method.as_str(), came.path.as_str()) {
        ("PUT", "/latest/api/token") => (200, "metadata-token".to_owned()),
        (_, path) if path.starts_with("/latest/") && token != "metadata-token" => {
            (403, String::new())
        }
        ("GET", "/latest/meta-data/ram/security-credentials/") => (200, "node-role\n".to_owned()),
        ("GET", "/latest/meta-data/ram/security-credentials/node-role") => {
            (200, temporary("STS.node", ENDS))
        }
        ("GET", "/credentials") => (200, temporary("STS.uri", ENDS)),
        ("POST", "/") if came.body.contains("AssumeRoleWithOIDC") => {
            assert!(
                came.body.contains("OIDCToken=jwt.of.service.account"),
                "{}",
                came.body
            );
            assert_eq!(came.query, "", "a token in an address");
            let key = json!({"Credentials": {
                "AccessKeyId": "STS.oidc", "AccessKeySecret": "hidden",
                "SecurityToken": "token", "Expiration": ENDS,
            }});
            (200, key.to_string())
        }
        ("POST", "/") if came.header("x-acs-action") == "AssumeRole" => {
            let by = came.header("authorization").to_owned();
            let by = by
                .split_once("Credential=")
                .unwrap()
                .1
                .split(',')
                .next()
                .unwrap();
            let key = json!({"Credentials": {
                "AccessKeyId": format!("STS.by.{by}"), "AccessKeySecret": "hidden",
                "SecurityToken": "token", "Expiration": ENDS,
            }});
            (200, key.to_string())
        }
        _ => (404, String::new()),
    }
}

async fn found(variables: &[(&str, &str)]) -> Result<AccessKey, KeyError> {
    let server = Loopback::start(cloud).await;
    let uri = format!("{}credentials", server.url);
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| {
            (
                *name,
                if *value == "URI" {
                    uri.as_str()
                } else {
                    *value
                },
            )
        })
        .collect();
    chain(&clock(), &server.url, &variables).find().await
}

async fn id_of(variables: &[(&str, &str)]) -> String {
    found(variables).await.unwrap().id
}

fn file(text: &str) -> (tempfile::NamedTempFile, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let path = file.path().display().to_string();
    (file, path)
}

const CLI: &str = r#"{ "current": "ak", "profiles": [
    { "name": "ak", "mode": "AK", "access_key_id": "LTAI.cli", "access_key_secret": "hidden" },
    { "name": "sts", "mode": "StsToken", "access_key_id": "STS.cli", "access_key_secret": "hidden",
      "sts_token": "token" },
    { "name": "node", "mode": "EcsRamRole", "ram_role_name": "node-role" },
    { "name": "role", "mode": "RamRoleArn", "access_key_id": "LTAI.base",
      "access_key_secret": "hidden", "ram_role_arn": "acs:ram::1:role/r" },
    { "name": "chained", "mode": "ChainableRamRoleArn", "source_profile": "ak",
      "ram_role_arn": "acs:ram::1:role/r" },
    { "name": "loop", "mode": "ChainableRamRoleArn", "source_profile": "loop",
      "ram_role_arn": "acs:ram::1:role/r" },
    { "name": "browser", "mode": "CloudSSO" }
] }"#;

const INI: &str = "
[default]
type = access_key
access_key_id = LTAI.ini
access_key_secret = hidden ; kept as it is
[off]
enable = false
access_key_id = LTAI.off
access_key_secret = hidden
[node]
type=ecs_ram_role
role_name=node-role
[role]
type = ram_role_arn
access_key_id = LTAI.base
access_key_secret = hidden
role_arn = acs:ram::1:role/r
[rsa]
type = rsa_key_pair
";

#[tokio::test]
async fn the_places_are_gone_through_in_the_order_of_the_vendors_sdk() {
    let (_kept, token) = file("jwt.of.service.account\n");
    let (_kept, cli) = file(CLI);
    let (_kept, ini) = file(INI);
    let mut variables = vec![
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAI.env"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "hidden"),
        ("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1:role/pod"),
        (
            "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
            "acs:ram::1:oidc-provider/p",
        ),
        ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", token.as_str()),
        ("ALIBABA_CLOUD_CONFIG_FILE", cli.as_str()),
        ("ALIBABA_CLOUD_CREDENTIALS_FILE", ini.as_str()),
        ("ALIBABA_CLOUD_CREDENTIALS_URI", "URI"),
    ];
    assert_eq!(id_of(&variables).await, "LTAI.env");
    // Half of a key is none.
    variables.remove(1);
    assert_eq!(id_of(&variables).await, "STS.oidc");
    variables.retain(|(name, _)| *name != "ALIBABA_CLOUD_ROLE_ARN");
    assert_eq!(id_of(&variables).await, "LTAI.cli");
    variables.push(("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true"));
    assert_eq!(id_of(&variables).await, "LTAI.ini");
    variables.push(("ALIBABA_CLOUD_PROFILE", "off"));
    assert_eq!(id_of(&variables).await, "STS.node");
    variables.push(("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true"));
    assert_eq!(id_of(&variables).await, "STS.uri");
    variables.retain(|(name, _)| *name != "ALIBABA_CLOUD_CREDENTIALS_URI");
    let error = found(&variables).await.unwrap_err();
    assert!(matches!(error, KeyError::NoneFound(_)), "{error}");
}

#[tokio::test]
async fn each_mode_of_a_profile_leads_to_its_key() {
    let (_kept, cli) = file(CLI);
    for (profile, id) in [
        ("ak", "LTAI.cli"),
        ("sts", "STS.cli"),
        ("node", "STS.node"),
        ("role", "STS.by.LTAI.base"),
        ("chained", "STS.by.LTAI.cli"),
    ] {
        let variables = [
            ("ALIBABA_CLOUD_CONFIG_FILE", cli.as_str()),
            ("ALIBABA_CLOUD_PROFILE", profile),
        ];
        assert_eq!(id_of(&variables).await, id, "{profile}");
    }
    let (_kept, ini) = file(INI);
    for (profile, id) in [
        ("default", "LTAI.ini"),
        ("node", "STS.node"),
        ("role", "STS.by.LTAI.base"),
    ] {
        let variables = [
            ("ALIBABA_CLOUD_CREDENTIALS_FILE", ini.as_str()),
            ("ALIBABA_CLOUD_PROFILE", profile),
        ];
        assert_eq!(id_of(&variables).await, id, "{profile}");
    }
}

#[tokio::test]
async fn what_a_profile_cannot_do_is_told_and_nobody_elses_secret_with_it() {
    let (_kept, cli) = file(CLI);
    let (_kept, ini) = file(INI);
    for (variable, path, profile, told) in [
        ("ALIBABA_CLOUD_CONFIG_FILE", &cli, "browser", "CloudSSO"),
        (
            "ALIBABA_CLOUD_CONFIG_FILE",
            &cli,
            "loop",
            "lead to one another",
        ),
        (
            "ALIBABA_CLOUD_CONFIG_FILE",
            &cli,
            "nobody",
            "has no profile",
        ),
        (
            "ALIBABA_CLOUD_CREDENTIALS_FILE",
            &ini,
            "rsa",
            "rsa_key_pair",
        ),
    ] {
        let variables = [
            (variable, path.as_str()),
            ("ALIBABA_CLOUD_PROFILE", profile),
            ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true"),
        ];
        let error = found(&variables).await.unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
        assert!(!error.contains("hidden"), "{error}");
    }
}

#[tokio::test]
async fn the_chain_keeps_to_the_place_that_gave_the_first_key() {
    let server = Loopback::start(cloud).await;
    let (kept, cli) = file(CLI);
    let variables = [("ALIBABA_CLOUD_CONFIG_FILE", cli.as_str())];
    let chain = chain(&clock(), &server.url, &variables);
    assert_eq!(chain.find().await.unwrap().id, "LTAI.cli");
    drop(kept);
    let error = chain.find().await.unwrap_err();
    assert!(
        matches!(error, KeyError::Unreadable { .. }),
        "{error}: the machine's role is another"
    );
}

#[tokio::test]
async fn the_first_version_of_the_metadata_serves_unless_it_is_switched_off() {
    let first_version = |came: &Came| match came.method.as_str() {
        "PUT" => (404, String::new()),
        _ if came.path.ends_with("/node-role") => {
            (200, temporary("STS.v1", "2026-01-02T04:04:05Z"))
        }
        _ => (200, "node-role".to_owned()),
    };
    let server = Loopback::start(first_version).await;
    let found = chain(&clock(), &server.url, &[]).find().await.unwrap();
    assert_eq!(found.id, "STS.v1");
    let off = [("ALIBABA_CLOUD_IMDSV1_DISABLED", "true")];
    assert!(chain(&clock(), &server.url, &off).find().await.is_err());
}

/// A chain whose metadata number their keys, each good for an hour from when it is asked for.
async fn numbered(clock: &ManualClock) -> (Arc<Keys>, Arc<AtomicU32>, Loopback) {
    let (count, time) = (Arc::new(AtomicU32::new(0)), clock.clone());
    let counted = Arc::clone(&count);
    let server = Loopback::start(move |came| match came.path.as_str() {
        "/latest/api/token" => (200, "metadata-token".to_owned()),
        path if path.ends_with("/node-role") => {
            let number = counted.fetch_add(1, Ordering::SeqCst);
            if number == 2 {
                return (500, String::new());
            }
            let ends = time.now().saturating_add(Duration::from_hours(1));
            (200, temporary(&format!("STS.{number}"), &ends.to_string()))
        }
        _ => (200, "node-role".to_owned()),
    })
    .await;
    let chain = chain(clock, &server.url, &[]);
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let source = Source::Chain(Box::new(chain));
    let keys = Keys::of(
        source,
        RegistryKind::AcrEnterprise,
        "cr.example.com:443",
        &clock,
    );
    (Arc::new(keys), count, server)
}

#[tokio::test]
async fn a_temporary_key_is_renewed_before_it_ends_and_used_while_that_fails() {
    let clock = clock();
    let (keys, asked, _server) = numbered(&clock).await;
    assert_eq!(keys.current().await.unwrap().id, "STS.0");
    clock.advance(Duration::from_mins(44));
    assert_eq!(keys.current().await.unwrap().id, "STS.0");
    clock.advance(Duration::from_mins(2));
    assert_eq!(keys.current().await.unwrap().id, "STS.1");
    // The next renewal fails, and the key that is still good goes on.
    clock.advance(Duration::from_mins(46));
    assert_eq!(keys.current().await.unwrap().id, "STS.1");
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    assert_eq!(keys.current().await.unwrap().id, "STS.1");
    assert_eq!(asked.load(Ordering::SeqCst), 3, "asked again at once");
    clock.advance(Duration::from_mins(1));
    assert_eq!(keys.current().await.unwrap().id, "STS.3");
}

#[tokio::test]
async fn one_task_at_a_time_looks_for_a_key() {
    let clock = clock();
    let (keys, asked, _server) = numbered(&clock).await;
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let keys = Arc::clone(&keys);
            tokio::spawn(async move { keys.current().await.unwrap().id.clone() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), "STS.0");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_key_that_the_server_calls_ended_is_replaced() {
    let clock = clock();
    let (keys, _, _server) = numbered(&clock).await;
    let first = keys.current().await.unwrap();
    let second = keys.after(&first).await.unwrap();
    assert_eq!(second.id, "STS.1");
    // Another task that was refused with the first one is given the same.
    assert_eq!(keys.after(&first).await.unwrap().id, "STS.1");
    assert_eq!(second.secret.expose_secret(), "hidden");
    assert!(!format!("{second:?}").contains("hidden"));
}

#[tokio::test]
async fn nothing_found_is_a_fault_of_the_configuration() {
    let server = Loopback::start(|_| (404, String::new())).await;
    let clock: Arc<dyn Clock> = Arc::new(clock());
    let manual = clock_at(START);
    let off = [("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "1")];
    let source = Source::Chain(Box::new(chain(&manual, &server.url, &off)));
    let keys = Keys::of(
        source,
        RegistryKind::AcrPersonal,
        "cr.example.com:443",
        &clock,
    );
    let error = keys.current().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ConfigInvalid);
    let IntegrationError::ConfigInvalid { field, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(field, "credentials");
    let _: Timestamp = START.parse().unwrap();
}

/// By an address that the guard refuses to registries and that leads to this machine, since the
/// metadata service itself may be there where the tests run.
#[tokio::test]
async fn the_admitted_address_is_dialled_for_its_client_alone() {
    use std::net::{IpAddr, Ipv4Addr};

    use crate::{
        error::Step,
        http::{ConnectionSettings, HttpClient, Patience},
    };

    let server = Loopback::start(|_| (200, "{}".to_owned())).await;
    let clock: Arc<dyn Clock> = Arc::new(clock());
    let settings = |admitted: Option<IpAddr>, origin: &Url| ConnectionSettings {
        connect_timeout: Duration::from_millis(300),
        read_timeout: Duration::from_millis(300),
        admitted,
        ..ConnectionSettings::to(RegistryKind::AcrEnterprise, origin.clone())
    };
    let ask = async |settings: ConnectionSettings, origin: &Url| {
        let client = HttpClient::new(settings, Arc::clone(&clock)).unwrap();
        let asked = client.get(Step::Config, origin.clone());
        let answer = asked.patience(Patience::Probe).send().await;
        answer
            .map(|answer| answer.status())
            .map_err(|error| error.code())
    };
    let refused = Err(ErrorCode::AddressRefused);
    let admitted = Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let mut origin = server.url.clone();
    origin.set_ip_host(Ipv4Addr::UNSPECIFIED.into()).unwrap();
    assert_eq!(ask(settings(None, &origin), &origin).await, refused);
    assert_eq!(ask(settings(admitted, &origin), &origin).await, Ok(200));
    for other in ["http://169.254.169.254", "http://100.100.100.200"] {
        let other: Url = other.parse().unwrap();
        assert_eq!(ask(settings(admitted, &other), &other).await, refused);
    }
    // The chain admits the address that it asks, and asks no other.
    let chain = Chain::of_this_process(RegistryKind::AcrEnterprise, &clock);
    let asked = chain.metadata.host_str().map(str::to_owned);
    assert_eq!(asked, Some(super::metadata::METADATA.to_string()));
}

#[tokio::test]
async fn a_key_that_lives_but_seconds_is_never_used_beyond_its_end() {
    let clock = clock();
    let (count, time) = (Arc::new(AtomicU32::new(0)), clock.clone());
    let counted = Arc::clone(&count);
    let server = Loopback::start(move |came| match came.path.as_str() {
        "/latest/api/token" => (200, "metadata-token".to_owned()),
        path if path.ends_with("/node-role") => {
            let number = counted.fetch_add(1, Ordering::SeqCst);
            let ends = time.now().saturating_add(Duration::from_secs(8));
            (200, temporary(&format!("STS.{number}"), &ends.to_string()))
        }
        _ => (200, "node-role".to_owned()),
    })
    .await;
    let source = Source::Chain(Box::new(chain(&clock, &server.url, &[])));
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let keys = Keys::of(
        source,
        RegistryKind::AcrEnterprise,
        "cr.example.com:443",
        &shared,
    );
    for _ in 0..40 {
        let key = keys.current().await.unwrap();
        assert!(key.ends.unwrap() > clock.now());
        clock.advance(Duration::from_secs(1));
    }
    assert!((5..=8).contains(&count.load(Ordering::SeqCst)), "{count:?}");
}
