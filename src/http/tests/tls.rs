use std::{
    future::ready,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::PrivateKeyDer},
    server::TlsStream,
};
use url::Url;

use super::{
    account,
    server::{Reply, Resettable, Seen, Server, Then, raw, reply},
    settings, with_clock,
};
use crate::{
    clock::{Clock, ManualClock, Timestamp},
    config::{Pem, TlsSettings},
    error::{IntegrationError, NetworkPhase, Step, TlsFault},
    http::{Answer, ConnectionSettings, Patience, RequestCount},
};

impl Resettable for TlsStream<TcpStream> {
    fn reset(&self) {
        self.get_ref().0.reset();
    }
}

pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(super) pem: String,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "A company's own authority");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    pub(super) fn certify(
        &self,
        name: &str,
        change: impl Fn(&mut CertificateParams),
    ) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap()
    }
}

/// A TLS server and the names that its clients asked for.
pub(super) async fn serve(config: ServerConfig) -> (Server, Arc<Mutex<Vec<String>>>) {
    serve_with(config, || {}, |_| reply(200, "", "[]")).await
}

/// The same with something that happens in each handshake, and other answers.
async fn serve_with(
    config: ServerConfig,
    handshake: impl Fn() + Clone + Send + Sync + 'static,
    answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
) -> (Server, Arc<Mutex<Vec<String>>>) {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let names = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&names);
    let server = Server::over(
        move |stream| {
            let (acceptor, asked) = (acceptor.clone(), Arc::clone(&asked));
            let handshake = handshake.clone();
            async move {
                handshake();
                let stream = acceptor.accept(stream).await?;
                let name = stream.get_ref().1.server_name().unwrap_or_default();
                asked.lock().unwrap().push(name.to_owned());
                io::Result::Ok(stream)
            }
        },
        move |seen| ready(answer(&seen)),
    )
    .await;
    (server, names)
}

pub(super) fn trusting(authorities: Vec<String>) -> TlsSettings {
    TlsSettings {
        ca_bundle: (!authorities.is_empty()).then(|| Pem::new(authorities.concat())),
        ..TlsSettings::default()
    }
}

pub(super) async fn ask(
    address: SocketAddr,
    trusted: Vec<String>,
    count: &RequestCount,
) -> Result<Answer, IntegrationError> {
    let origin = Url::parse(&format!("https://harbor.example.com:{}", address.port())).unwrap();
    let settings = ConnectionSettings {
        dial: Some(address.ip()),
        tls: trusting(trusted),
        ..settings(&origin)
    };
    let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
    let client = with_clock(settings, &clock);
    client.get(Step::Tls, origin).counted(count).send().await
}

async fn fault(address: SocketAddr, trusted: Vec<String>) -> TlsFault {
    let count = RequestCount::new();
    let outcome = ask(address, trusted, &count).await;
    assert_eq!(count.get(), 0);
    match outcome {
        Err(IntegrationError::TlsVerificationFailed { fault, source, .. }) => {
            assert!(source.is_some());
            fault
        }
        other => panic!("no TLS fault: {other:?}"),
    }
}

#[tokio::test]
async fn an_own_authority_is_accepted_and_name_and_host_stay_the_domain() {
    let authority = Authority::new();
    let (server, names) = serve(authority.certify("harbor.example.com", |_| {})).await;
    let count = RequestCount::new();
    let answer = ask(server.address, vec![authority.pem], &count).await;
    assert_eq!((answer.unwrap().status(), count.get()), (200, 1));
    assert_eq!(*names.lock().unwrap(), ["harbor.example.com"]);
    let host = format!("harbor.example.com:{}", server.address.port());
    assert_eq!(server.seen()[0].header("host"), Some(&*host));
}

#[tokio::test]
async fn a_slow_handshake_does_not_make_a_lock_out_a_verdict() {
    let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
    let slow = Duration::from_secs(5);
    let authority = Authority::new();
    let handshakes = clock.clone();
    let (server, _) = serve_with(
        authority.certify("localhost", |_| {}),
        move || handshakes.advance(slow),
        |seen| reply(if seen.before == 0 { 401 } else { 200 }, "", "[]"),
    )
    .await;
    let origin = Url::parse(&format!("https://localhost:{}", server.address.port())).unwrap();
    let settings = ConnectionSettings {
        dial: Some(server.address.ip()),
        tls: trusting(vec![authority.pem]),
        ..settings(&origin)
    };
    let client = with_clock(settings, &clock);
    let request = client.get(Step::Listing, origin).account(&account());
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(server.seen().len(), 2);
    assert!(clock.monotonic() >= slow);
}

#[tokio::test]
async fn an_unknown_authority_is_an_untrusted_issuer() {
    let (server, _) = serve(Authority::new().certify("harbor.example.com", |_| {})).await;
    assert_eq!(
        fault(server.address, vec![Authority::new().pem]).await,
        TlsFault::UntrustedIssuer
    );
    assert_eq!(
        fault(server.address, Vec::new()).await,
        TlsFault::UntrustedIssuer
    );
}

#[tokio::test]
async fn a_self_signed_certificate_is_an_untrusted_issuer() {
    for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["harbor.example.com".to_owned()]).unwrap();
        params.is_ca = is_ca;
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                vec![params.self_signed(&key).unwrap().der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let (server, _) = serve(config).await;
        assert_eq!(
            fault(server.address, Vec::new()).await,
            TlsFault::UntrustedIssuer
        );
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_a_wrong_name() {
    let authority = Authority::new();
    let (server, _) = serve(authority.certify("quay.example.com", |_| {})).await;
    assert_eq!(
        fault(server.address, vec![authority.pem]).await,
        TlsFault::WrongName
    );
}

#[tokio::test]
async fn a_certificate_outside_its_validity_is_expired() {
    let authority = Authority::new();
    for (from, to) in [(2001, 2002), (2801, 2802)] {
        let config = authority.certify("harbor.example.com", |params| {
            params.not_before = date_time_ymd(from, 1, 1);
            params.not_after = date_time_ymd(to, 1, 1);
        });
        let (server, _) = serve(config).await;
        assert_eq!(
            fault(server.address, vec![authority.pem.clone()]).await,
            TlsFault::Expired
        );
    }
}

#[tokio::test]
async fn a_server_without_tls_fails_the_handshake() {
    let server = Server::over(
        |mut stream: TcpStream| async {
            use tokio::io::AsyncWriteExt;
            stream
                .write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n")
                .await?;
            Ok(stream)
        },
        |_| async { raw("", Then::Hang) },
    )
    .await;
    assert_eq!(fault(server.address, Vec::new()).await, TlsFault::Handshake);
}

#[tokio::test]
async fn a_connection_cut_in_the_handshake_is_interrupted() {
    let server = Server::over(
        |stream: TcpStream| async {
            drop(stream);
            Err::<TcpStream, _>(io::ErrorKind::Other.into())
        },
        |_| async { raw("", Then::Hang) },
    )
    .await;
    let outcome = ask(server.address, Vec::new(), &RequestCount::new()).await;
    assert_eq!(super::phase(outcome), NetworkPhase::Interrupted);
}

/// A server that takes connections and never answers a handshake.
pub(super) async fn silent_in_handshake() -> Server {
    Server::over(
        |stream: TcpStream| async {
            let held: io::Result<TcpStream> = std::future::pending().await;
            drop(stream);
            held
        },
        |_| async { raw("", Then::Hang) },
    )
    .await
}

#[tokio::test]
async fn a_handshake_without_an_answer_times_out_as_one() {
    let server = silent_in_handshake().await;
    let origin = Url::parse(&format!("https://{}", server.address)).unwrap();
    let settings = ConnectionSettings {
        connect_timeout: Duration::from_millis(200),
        ..settings(&origin)
    };
    let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
    let client = with_clock(settings, &clock);
    let request = client.get(Step::Tls, origin).patience(Patience::Probe);
    assert_eq!(
        super::phase(request.send().await),
        NetworkPhase::HandshakeTimeout
    );
}

#[test]
fn a_certificate_that_is_none_is_a_fault_of_the_configuration() {
    let origin = Url::parse("https://harbor.example.com").unwrap();
    let settings = ConnectionSettings {
        tls: trusting(vec!["no certificate".to_owned()]),
        ..settings(&origin)
    };
    let clock = crate::clock::SystemClock::shared();
    let error = crate::http::HttpClient::new(settings, clock).unwrap_err();
    assert!(matches!(error, IntegrationError::ConfigInvalid { .. }));
}
