use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use url::Url;

use super::{
    account, client, phase,
    server::{Server, Then, raw, reply},
    settings, with_clock,
};
use crate::{
    clock::{Clock, ManualClock, Timestamp},
    error::{IntegrationError, NetworkPhase, Step},
    http::{ConnectionSettings, Patience, RequestCount},
};

const SHORT: Duration = Duration::from_millis(200);

fn impatient_to_connect(origin: &Url) -> ConnectionSettings {
    ConnectionSettings {
        connect_timeout: SHORT,
        ..settings(origin)
    }
}

fn impatient(origin: &Url) -> ConnectionSettings {
    ConnectionSettings {
        read_timeout: SHORT,
        ..impatient_to_connect(origin)
    }
}

async fn probed(settings: ConnectionSettings, url: Url) -> NetworkPhase {
    let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
    let client = with_clock(settings, &clock);
    let request = client.get(Step::Connect, url).patience(Patience::Probe);
    phase(request.send().await)
}

async fn unused_port() -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap()
}

#[tokio::test]
async fn a_closed_port_is_refused_and_counts_no_request() {
    let url = unused_port().await;
    let (client, clock) = client(&url);
    let count = RequestCount::new();
    let probe = client.get(Step::Connect, url.clone()).counted(&count);
    let outcome = probe.patience(Patience::Probe).send().await;
    assert_eq!(phase(outcome), NetworkPhase::Refused);
    assert_eq!(clock.monotonic(), Duration::ZERO);
    let run = client.get(Step::Connect, url).counted(&count);
    assert_eq!(phase(run.send().await), NetworkPhase::Refused);
    assert!(clock.monotonic() >= Duration::from_millis(750));
    assert_eq!(count.get(), 0);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_a_dns_failure() {
    // A label of 64 characters: no resolver asks anybody for it.
    let url = Url::parse(&format!("http://{}.example/", "a".repeat(64))).unwrap();
    assert_eq!(probed(settings(&url), url).await, NetworkPhase::Dns);
}

#[tokio::test]
async fn a_listener_that_accepts_nobody_times_out_in_connecting() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(SHORT, TcpStream::connect(address)).await {
        queued.push(stream);
    }
    let url = Url::parse(&format!("http://{address}")).unwrap();
    assert_eq!(
        probed(impatient_to_connect(&url), url).await,
        NetworkPhase::ConnectTimeout
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_times_out_in_answering() {
    let server = Server::answering(|_| raw("", Then::Hang)).await;
    let url = server.url("/");
    assert_eq!(
        probed(impatient(&url), url).await,
        NetworkPhase::ResponseTimeout
    );
}

#[tokio::test]
async fn a_server_that_stops_in_mid_body_times_out_in_answering() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[1,";
    let server = Server::answering(move |_| raw(half, Then::Hang)).await;
    let url = server.url("/");
    assert_eq!(
        probed(impatient(&url), url).await,
        NetworkPhase::ResponseTimeout
    );
}

#[tokio::test]
async fn a_body_that_drips_may_take_ten_read_time_outs_and_no_more() {
    let server = Server::answering(|seen| match seen.path() {
        "/slow" => raw(
            "HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\n",
            Then::Drip(30),
        ),
        _ => raw(
            "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n",
            Then::Drip(1_000_000),
        ),
    })
    .await;
    let settings = ConnectionSettings {
        connect_timeout: Duration::from_millis(80),
        read_timeout: Duration::from_millis(100),
        ..settings(&server.url("/"))
    };
    let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
    let client = with_clock(settings, &clock);
    let get = |path| client.get(Step::Listing, server.url(path));
    let slow = get("/slow").send().await.unwrap();
    assert_eq!(slow.body().len(), 30);
    let endless = get("/endless").patience(Patience::Probe).send();
    let endless = tokio::time::timeout(Duration::from_secs(20), endless).await;
    assert_eq!(phase(endless.unwrap()), NetworkPhase::ResponseTimeout);
}

#[tokio::test]
async fn a_connection_cut_before_the_answer_is_whole_is_interrupted() {
    for (bytes, then) in [
        ("", Then::Close),
        ("", Then::Reset),
        ("HTTP/1.1 200 OK\r\ncontent-le", Then::Close),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[1,",
            Then::Close,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[1,",
            Then::Reset,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n[1,\r\n",
            Then::Close,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n[1,\r\n",
            Then::Reset,
        ),
    ] {
        let server = Server::answering(move |_| raw(bytes, then)).await;
        let url = server.url("/");
        assert_eq!(
            probed(settings(&url), url).await,
            NetworkPhase::Interrupted,
            "{bytes:?} {then:?}"
        );
    }
}

#[tokio::test]
async fn a_run_asks_three_times_before_it_gives_up_and_counts_each() {
    let server = Server::answering(|_| raw("", Then::Reset)).await;
    let (client, clock) = client(&server.url("/"));
    let count = RequestCount::new();
    let request = client.get(Step::Listing, server.url("/")).counted(&count);
    assert_eq!(phase(request.send().await), NetworkPhase::Interrupted);
    assert_eq!((server.seen().len(), count.get()), (3, 3));
    let waited = clock.monotonic();
    assert!(waited >= Duration::from_millis(750) && waited <= Duration::from_millis(1500));
}

#[tokio::test]
async fn what_was_sent_with_unproven_credentials_is_not_sent_again() {
    for (bytes, then) in [
        ("", Then::Hang),
        ("", Then::Reset),
        ("HTTP/1.1 401 X\r\ncontent-length: 9\r\n\r\n{", Then::Hang),
    ] {
        let server = Server::answering(move |seen| match seen.path() {
            "/proof" => reply(200, "", "[]"),
            _ => raw(bytes, then),
        })
        .await;
        let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
        let client = with_clock(impatient(&server.url("/")), &clock);
        let account = account();
        let get = |path| {
            client
                .get(Step::Listing, server.url(path))
                .account(&account)
        };
        phase(get("/").send().await);
        assert_eq!(server.seen().len(), 1);
        assert!(get("/proof").send().await.is_ok());
        phase(get("/").send().await);
        assert_eq!(server.seen().len(), 5);
    }
}

#[tokio::test]
async fn unproven_credentials_that_found_no_connection_are_sent_again() {
    let url = unused_port().await;
    let (client, clock) = client(&url);
    let request = client.get(Step::Connect, url).account(&account());
    assert_eq!(phase(request.send().await), NetworkPhase::Refused);
    assert!(clock.monotonic() >= Duration::from_millis(750));
}

#[tokio::test]
async fn a_run_survives_a_cut_connection() {
    let server = Server::answering(|seen| match seen.before {
        0 => raw(
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[1,",
            Then::Reset,
        ),
        _ => reply(200, "", "[1, 2, 3]"),
    })
    .await;
    let (client, _) = client(&server.url("/"));
    let answer = client.get(Step::Listing, server.url("/")).send().await;
    assert_eq!(answer.unwrap().json::<Vec<u8>>().unwrap(), [1, 2, 3]);
}

#[tokio::test]
async fn what_answers_without_speaking_http_is_no_registry() {
    let server = Server::answering(|_| raw("SSH-2.0-OpenSSH_9.6\r\n", Then::Close)).await;
    let (client, _) = client(&server.url("/"));
    let outcome = client.get(Step::Registry, server.url("/")).send().await;
    let error = outcome.unwrap_err();
    assert!(matches!(error, IntegrationError::RegistryTypeError { .. }));
    assert_eq!(server.seen().len(), 1);
}
