use url::Url;

use super::{
    account, client,
    server::{Server, reply},
    settings, with_clock,
};
use crate::{
    clock::{ManualClock, SystemClock, Timestamp},
    error::{ErrorCode, IntegrationError, RefusedAddress, Step, Violation},
    http::{ConnectionSettings, HttpClient, RequestCount},
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
