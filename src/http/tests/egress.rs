use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use url::Url;

use super::{
    account, client,
    server::{Server, reply},
    settings, with_clock,
};
use crate::{
    clock::{ManualClock, SystemClock, Timestamp},
    config::{IntegrationConfig, NetworkType, Protocol, RegistryType, RegistryVersion, Secret},
    error::{ErrorCode, IntegrationError, RefusedAddress, Step, Violation},
    http::{ConnectionSettings, HttpClient, Patience, RequestCount, resolve::Lookup},
    network::EgressPolicy,
};

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn rule(error: IntegrationError) -> RefusedAddress {
    match error {
        IntegrationError::AddressRefused { rule, .. } => rule,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn refused_literals_are_never_dialled_however_they_are_written() {
    for (origin, refused) in [
        ("http://169.254.169.254", RefusedAddress::Metadata),
        ("http://2852039166", RefusedAddress::Metadata),
        ("http://0xa9.0xfe.0xa9.0xfe:8080", RefusedAddress::Metadata),
        ("http://169.254.169.254.", RefusedAddress::Metadata),
        ("http://[::ffff:169.254.169.254]", RefusedAddress::Metadata),
        ("http://[fd00:ec2::254]", RefusedAddress::Metadata),
        ("http://[fe80::1]", RefusedAddress::LinkLocal),
        ("http://0", RefusedAddress::Unspecified),
        ("http://[ff02::1]", RefusedAddress::Multicast),
    ] {
        let (client, _) = client(&url(origin));
        let count = RequestCount::new();
        let request = client.get(Step::Connect, url(origin)).counted(&count);
        assert_eq!(rule(request.send().await.unwrap_err()), refused, "{origin}");
        assert_eq!(count.get(), 0);
    }
}

#[tokio::test]
async fn a_dial_override_to_a_refused_address_is_never_dialled() {
    let settings = ConnectionSettings {
        dial: Some("::ffff:169.254.169.254".parse().unwrap()),
        ..settings(&url("http://harbor.example.com"))
    };
    let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
    let client = with_clock(settings, &clock);
    let request = client.get(Step::Connect, url("http://harbor.example.com/api"));
    assert_eq!(
        rule(request.send().await.unwrap_err()),
        RefusedAddress::Metadata
    );
}

#[tokio::test]
async fn a_dial_override_changes_the_address_and_not_the_host() {
    let server = Server::answering(|_| reply(200, "", "[]")).await;
    let port = server.address.port();
    let origin = url(&format!("http://harbor.example.com:{port}"));
    let settings = ConnectionSettings {
        dial: Some(server.address.ip()),
        ..settings(&origin)
    };
    let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
    let client = with_clock(settings, &clock);
    let answer = client.get(Step::Connect, origin).send().await.unwrap();
    let authority = format!("harbor.example.com:{port}");
    assert_eq!(server.seen()[0].header("host"), Some(&*authority));
    assert_eq!(
        (client.authority(), &answer.context().host),
        (&*authority, &authority)
    );
}

#[test]
fn a_dial_override_beside_a_literal_domain_is_refused_unless_it_says_the_same() {
    let with = |dial: &str| {
        let settings = ConnectionSettings {
            dial: Some(dial.parse().unwrap()),
            ..settings(&url("http://192.0.2.1"))
        };
        HttpClient::new(settings, SystemClock::shared())
    };
    let error = with("192.0.2.2").unwrap_err();
    assert!(matches!(
        error,
        IntegrationError::ConfigInvalid { field: "ip", .. }
    ));
    assert!(with("192.0.2.1").is_ok());
}

#[test]
fn what_is_no_origin_is_a_fault_of_the_configuration() {
    for origin in [
        "ftp://harbor.example.com",
        "http://user@harbor.example.com",
        "data:x",
    ] {
        let outcome = HttpClient::new(settings(&url(origin)), SystemClock::shared());
        assert_eq!(
            outcome.unwrap_err().code(),
            ErrorCode::ConfigInvalid,
            "{origin}"
        );
    }
}

#[tokio::test]
async fn a_request_to_another_host_is_refused_before_it_is_sent() {
    let other = Server::answering(|_| reply(200, "", "[]")).await;
    let (client, _) = client(&url("http://localhost:1"));
    for request in [
        client
            .get(Step::Pull, other.url("/token"))
            .account(&account()),
        client.get(Step::Pull, other.url("/token")),
    ] {
        let error = request.send().await.unwrap_err();
        assert!(matches!(
            error,
            IntegrationError::ProtocolViolation {
                violation: Violation::ForeignHost,
                ..
            }
        ));
    }
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn a_listed_realm_host_is_asked_with_credentials() {
    let realm = Server::answering(|_| reply(200, "", "{}")).await;
    let settings = ConnectionSettings {
        realm_hosts: vec![realm.address.to_string()],
        ..settings(&url("http://harbor.example.com"))
    };
    let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
    let client = with_clock(settings, &clock);
    let request = client.get(Step::Pull, realm.url("/token?service=x"));
    let answer = request.account(&account()).send().await.unwrap();
    assert_eq!(answer.context().host, realm.address.to_string());
    // printf 'admin:Harbor12345' | base64
    assert_eq!(
        realm.seen()[0].header("authorization"),
        Some("Basic YWRtaW46SGFyYm9yMTIzNDU=")
    );
}

fn answering(addresses: &'static [Ipv4Addr]) -> Lookup {
    Lookup::new(move |_| {
        let found = addresses
            .iter()
            .map(|address| SocketAddr::from((*address, 0)));
        let found = found.collect();
        Box::pin(async { Ok(found) })
    })
}

const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

#[tokio::test]
async fn of_an_answer_no_refused_address_is_ever_dialled() {
    let server = Server::answering(|_| reply(200, "", "[]")).await;
    let origin = url(&format!("http://rebound.example:{}", server.address.port()));
    let settings = ConnectionSettings {
        lookup: answering(&[METADATA, Ipv4Addr::LOCALHOST, Ipv4Addr::BROADCAST]),
        ..settings(&origin)
    };
    let client = with_clock(settings, &ManualClock::jumping_at(Timestamp::UNIX_EPOCH));
    let answer = client.get(Step::Connect, origin.clone()).send().await;
    assert_eq!(answer.unwrap().status(), 200);

    let settings = ConnectionSettings {
        lookup: answering(&[METADATA, Ipv4Addr::BROADCAST]),
        ..super::settings(&origin)
    };
    let client = with_clock(settings, &ManualClock::jumping_at(Timestamp::UNIX_EPOCH));
    let count = RequestCount::new();
    let request = client.get(Step::Connect, origin).counted(&count);
    rule(request.send().await.unwrap_err());
    assert_eq!(count.get(), 0);
}

#[tokio::test]
async fn a_name_that_is_rebound_after_the_first_answer_is_refused_at_the_next_connection() {
    let server = Server::answering(|_| reply(200, "connection: close\r\n", "[]")).await;
    let origin = url(&format!("http://rebound.example:{}", server.address.port()));
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let lookup = Lookup::new(move |_| {
        let address = match counted.fetch_add(1, Ordering::SeqCst) {
            0 => Ipv4Addr::LOCALHOST,
            _ => METADATA,
        };
        Box::pin(async move { Ok(vec![SocketAddr::from((address, 0))]) })
    });
    let settings = ConnectionSettings {
        lookup,
        ..settings(&origin)
    };
    let client = with_clock(settings, &ManualClock::jumping_at(Timestamp::UNIX_EPOCH));
    let ask = || {
        client
            .get(Step::Connect, origin.clone())
            .patience(Patience::Probe)
    };
    assert_eq!(ask().send().await.unwrap().status(), 200);
    let refused = rule(ask().send().await.unwrap_err());
    assert_eq!(refused, RefusedAddress::Metadata);
    assert_eq!((asked.load(Ordering::SeqCst), server.seen().len()), (2, 1));
}

#[tokio::test]
async fn a_strict_policy_refuses_this_machine_by_literal_name_and_override() {
    let server = Server::answering(|_| reply(200, "", "[]")).await;
    let port = server.address.port();
    for (origin, dial) in [
        (format!("http://127.0.0.1:{port}"), None),
        (format!("http://[::ffff:127.0.0.1]:{port}"), None),
        (format!("http://localhost:{port}"), None),
        (
            format!("http://harbor.example.com:{port}"),
            Some(server.address.ip()),
        ),
    ] {
        let origin = url(&origin);
        let ask = async |egress: EgressPolicy| {
            let settings = ConnectionSettings {
                dial,
                egress,
                ..settings(&origin)
            };
            let client = with_clock(settings, &ManualClock::jumping_at(Timestamp::UNIX_EPOCH));
            let request = client.get(Step::Connect, origin.clone());
            request.patience(Patience::Probe).send().await
        };
        let error = ask(EgressPolicy::strict()).await.unwrap_err();
        assert_eq!(rule(error), RefusedAddress::Loopback, "{origin}");
        assert!(server.seen().is_empty());
        let denied =
            EgressPolicy::new().deny(["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
        assert_eq!(
            rule(ask(denied).await.unwrap_err()),
            RefusedAddress::Denied,
            "{origin}"
        );
    }
    assert!(server.seen().is_empty());
    let origin = server.url("/");
    let settings = ConnectionSettings {
        egress: EgressPolicy::strict().allow(["127.0.0.0/8".parse().unwrap()]),
        ..settings(&origin)
    };
    let client = with_clock(settings, &ManualClock::jumping_at(Timestamp::UNIX_EPOCH));
    let answer = client.get(Step::Connect, origin).send().await;
    assert_eq!(answer.unwrap().status(), 200);
}

#[test]
fn a_realm_host_is_known_in_every_form_that_a_configuration_takes() {
    let config = IntegrationConfig::builder("harbor")
        .registry_type(RegistryType::Harbor)
        .version(RegistryVersion::V2)
        .network(NetworkType::Public)
        .protocol(Protocol::Https)
        .domain("harbor.example.com")
        .username("admin")
        .password(Secret::new("secret"))
        .realm_hosts(["Auth.example.com", "2001:db8::7", "[2001:db8::8]"])
        .build()
        .unwrap();
    let settings = ConnectionSettings::of(&config, &EgressPolicy::new(), None);
    let client = HttpClient::new(settings, SystemClock::shared()).unwrap();
    for host in ["auth.example.com", "[2001:db8::7]:8443", "[2001:db8::8]"] {
        let realm = url(&format!("https://{host}/service/token"));
        assert!(client.may_receive_credentials(&realm), "{host}");
    }
    assert!(!client.may_receive_credentials(&url("https://[2001:db8::9]/")));
}
