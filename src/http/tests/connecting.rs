//! What a connection tells of itself while it is made.

use std::{future::ready, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;
use url::Url;

use super::{
    client, phase,
    server::{Server, reply},
    settings,
    tls::{Authority, ask, serve, silent_in_handshake, trusting},
    with_clock,
};
use crate::{
    clock::{ManualClock, Timestamp},
    error::{
        ErrorRecord, IntegrationError, Language, NetworkPhase, SourceAddresses, Step, TlsFault,
    },
    http::{
        ConnectionSettings, HttpClient, Patience, Phases, RequestCount, observed, resolve::Lookup,
    },
};

const SECOND: Duration = Duration::from_secs(1);

/// A client by whose clock the name takes two seconds and the handshake three, and its server.
async fn slow() -> (HttpClient, Server, Url) {
    let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
    let authority = Authority::new();
    let acceptor = TlsAcceptor::from(Arc::new(authority.certify("harbor.test", |_| {})));
    let handshakes = clock.clone();
    let server = Server::over(
        move |stream: TcpStream| {
            let (acceptor, clock) = (acceptor.clone(), handshakes.clone());
            async move {
                // Once the client has begun to speak.
                stream.peek(&mut [0]).await?;
                clock.advance(3 * SECOND);
                acceptor.accept(stream).await
            }
        },
        |_| ready(reply(200, "", "[]")),
    )
    .await;
    let address = SocketAddr::new(server.address.ip(), 0);
    let lookups = clock.clone();
    let origin = Url::parse(&format!("https://harbor.test:{}", server.address.port())).unwrap();
    let settings = ConnectionSettings {
        tls: trusting(vec![authority.pem]),
        lookup: Lookup::new(move |_| {
            let clock = lookups.clone();
            Box::pin(async move {
                clock.advance(2 * SECOND);
                Ok(vec![address])
            })
        }),
        ..settings(&origin)
    };
    (with_clock(settings, &clock), server, origin)
}

#[tokio::test]
async fn name_connection_and_handshake_are_measured_apart_on_the_requests_own_connection() {
    let (client, server, origin) = slow().await;
    let asked = || observed(client.get(Step::Registry, origin.clone()).send());
    let whole = Phases {
        dns: Some(2 * SECOND),
        connect: Some(Duration::ZERO),
        tls: Some(3 * SECOND),
    };
    let (answer, phases) = asked().await;
    assert_eq!(answer.unwrap().status(), 200);
    assert_eq!(phases, Some(whole));
    // The same connection serves the next request, so there is nothing to measure.
    let (answer, phases) = asked().await;
    assert_eq!((answer.unwrap().status(), phases), (200, None));
    client.forget_connections();
    let (answer, phases) = asked().await;
    assert_eq!((answer.unwrap().status(), phases), (200, Some(whole)));
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn without_name_and_tls_the_connection_alone_is_measured() {
    let server = Server::answering(|_| reply(200, "", "[]")).await;
    let (client, _) = client(&server.url("/"));
    let request = client.get(Step::Registry, server.url("/"));
    let (answer, phases) = observed(request.send()).await;
    answer.unwrap();
    let connected = Phases {
        dns: None,
        connect: Some(Duration::ZERO),
        tls: None,
    };
    assert_eq!(phases, Some(connected));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_took_its_time_and_nothing_else_began() {
    let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
    let lookups = clock.clone();
    let origin = Url::parse("http://harbor.test").unwrap();
    let settings = ConnectionSettings {
        lookup: Lookup::new(move |_| {
            let clock = lookups.clone();
            Box::pin(async move {
                clock.advance(2 * SECOND);
                Err(io::ErrorKind::NotFound.into())
            })
        }),
        ..settings(&origin)
    };
    let client = with_clock(settings, &clock);
    let request = client.get(Step::Registry, origin).patience(Patience::Probe);
    let (outcome, phases) = observed(request.send()).await;
    assert_eq!(phase(outcome), NetworkPhase::Dns);
    let looked_up = Phases {
        dns: Some(2 * SECOND),
        connect: None,
        tls: None,
    };
    assert_eq!(phases, Some(looked_up));
}

#[tokio::test]
async fn a_refused_certificate_says_whose_it_is_and_who_issued_it() {
    let authority = Authority::new();
    let (server, _) = serve(authority.certify("quay.example.com", |_| {})).await;
    for (trusted, expected) in [
        (vec![authority.pem.clone()], TlsFault::WrongName),
        (vec![Authority::new().pem], TlsFault::UntrustedIssuer),
        (Vec::new(), TlsFault::UntrustedIssuer),
    ] {
        let outcome = ask(server.address, trusted, &RequestCount::new()).await;
        let error = outcome.unwrap_err();
        let IntegrationError::TlsVerificationFailed {
            fault, certificate, ..
        } = &error
        else {
            panic!("{error:?}");
        };
        assert_eq!(*fault, expected);
        let certificate = certificate.as_ref().unwrap();
        assert_eq!(certificate.names, ["quay.example.com"]);
        assert_eq!(certificate.issuer, "CN=A company's own authority");
        for language in Language::ALL {
            let told = error.message(*language);
            assert!(told.contains("quay.example.com"), "{told}");
            assert!(told.contains("A company's own authority"), "{told}");
        }
    }
}

/// An address at which everybody waits in a full queue.
async fn full() -> (TcpSocketGuard, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    let patience = Duration::from_millis(200);
    while let Ok(Ok(stream)) = tokio::time::timeout(patience, TcpStream::connect(address)).await {
        queued.push(stream);
    }
    ((listener, queued), address)
}

type TcpSocketGuard = (tokio::net::TcpListener, Vec<TcpStream>);

#[tokio::test]
async fn a_connection_that_times_out_says_which_port_was_tried_and_who_must_be_let_in() {
    let (_guard, address) = full().await;
    let url = Url::parse(&format!("http://{address}")).unwrap();
    let networks = vec![
        "203.0.113.0/24".parse().unwrap(),
        "198.51.100.7/32".parse().unwrap(),
    ];
    let of_region = SourceAddresses::new(Some("cn-hangzhou".to_owned()), false, networks);
    let of_none = SourceAddresses::new(None, false, Vec::new());
    for (sources, told) in [
        (of_region, "203.0.113.0/24, 198.51.100.7"),
        (of_none, "region_id"),
    ] {
        let settings = ConnectionSettings {
            connect_timeout: Duration::from_millis(200),
            sources: Some(sources.clone()),
            ..settings(&url)
        };
        let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
        let client = with_clock(settings, &clock);
        let request = client.get(Step::Connect, url.clone());
        let error = request.patience(Patience::Probe).send().await.unwrap_err();
        let IntegrationError::NetworkConnectError {
            phase: NetworkPhase::ConnectTimeout,
            sources: Some(found),
            ..
        } = &error
        else {
            panic!("{error:?}");
        };
        assert_eq!(**found, sources);
        for language in Language::ALL {
            let remedy = error.remedy(*language);
            assert!(remedy.contains(told), "{remedy}");
            assert!(remedy.contains(&address.port().to_string()), "{remedy}");
        }
        assert!(ErrorRecord::from(&error).remedy.contains(told));
    }
}

#[tokio::test]
async fn a_handshake_that_hangs_asks_nobody_to_let_addresses_in() {
    let server = silent_in_handshake().await;
    let origin = Url::parse(&format!("https://{}", server.address)).unwrap();
    let settings = ConnectionSettings {
        connect_timeout: Duration::from_millis(200),
        sources: Some(SourceAddresses::new(None, false, Vec::new())),
        ..settings(&origin)
    };
    let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
    let client = with_clock(settings, &clock);
    let request = client.get(Step::Tls, origin).patience(Patience::Probe);
    let (outcome, phases) = observed(request.send()).await;
    let Err(IntegrationError::NetworkConnectError { phase, sources, .. }) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(phase, NetworkPhase::HandshakeTimeout);
    assert!(sources.is_none());
    assert!(phases.unwrap().tls.is_some());
}
