use std::{
    io,
    process::{Output, Stdio},
    sync::{Arc, Mutex},
};

use tokio::{net::TcpListener, process::Command};
use url::Url;

use super::{
    account, client,
    server::{Server, Then, raw, reply},
};
use crate::error::{ErrorRecord, Step};

const TARGET: &str = "REGISTRY_INTAKE_TEST_TARGET";

/// This test binary again, for one test of this file and with an environment that names where
/// the test shall connect: what is global to a process is then its own.
fn process_of_its_own(test: &str, target: &Url) -> Command {
    let mut process = Command::new(std::env::current_exe().unwrap());
    process
        .args(["--exact", &format!("http::tests::privacy::{test}")])
        .env(TARGET, target.as_str())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    process
}

fn target() -> Option<Url> {
    Some(Url::parse(&std::env::var(TARGET).ok()?).unwrap())
}

#[track_caller]
fn assert_passed(output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[tokio::test]
async fn a_proxy_from_the_environment_is_never_used() {
    if let Some(url) = target() {
        let answer = client(&url).0.get(Step::Connect, url).send().await;
        assert_eq!(answer.unwrap().status(), 200);
        return;
    }
    let server = Server::answering(|_| reply(200, "", "[]")).await;
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut process = process_of_its_own(
        "a_proxy_from_the_environment_is_never_used",
        &server.url("/"),
    );
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        let value = format!("http://{}", proxy.local_addr().unwrap());
        process.env(name, &value).env(name.to_uppercase(), &value);
    }
    process.env_remove("NO_PROXY").env_remove("no_proxy");
    tokio::select! {
        output = process.output() => assert_passed(&output.unwrap()),
        _ = proxy.accept() => panic!("the proxy was asked"),
    }
    assert_eq!(server.seen().len(), 1);
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn logs_name_the_request_and_neither_logs_nor_errors_hold_a_secret() {
    if let Some(origin) = target() {
        return keep_secrets(&origin).await;
    }
    let server = Server::answering(|seen| match seen.path().split('?').next() {
        Some("/cut") => raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[", Then::Close),
        Some("/silent") => raw("", Then::Reset),
        Some("/redirect") => reply(302, "location: http://x.test/?token=hunter2\r\n", ""),
        _ => reply(200, "set-cookie: sid=hunter2\r\n", "[]"),
    })
    .await;
    let mut process = process_of_its_own(
        "logs_name_the_request_and_neither_logs_nor_errors_hold_a_secret",
        &server.url("/"),
    );
    assert_passed(&process.output().await.unwrap());
}

async fn keep_secrets(origin: &Url) {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();

    let (client, _) = client(origin);
    let account = account();
    let mut said = format!("{account:?} {client:?}");
    for path in ["/fine", "/cut", "/silent", "/redirect"] {
        let url = origin.join(&format!("{path}?token=hunter2")).unwrap();
        let request = client
            .get(Step::Listing, url)
            .header("X-Token", "hunter2")
            .account(&account);
        said.push_str(&format!("{request:?}"));
        if let Err(error) = request.send().await {
            let record = ErrorRecord::from(&error);
            said.push_str(&format!("{error:?} {error} {record:?}"));
        }
    }
    said.push_str(&String::from_utf8(log.0.lock().unwrap().clone()).unwrap());
    for secret in ["hunter2", "Harbor12345", "YWRtaW46SGFyYm9yMTIzNDU="] {
        assert!(!said.contains(secret), "{said}");
    }
    for fact in [
        "method=GET",
        "path=\"/fine\"",
        "status=200",
        "the connection was cut",
    ] {
        assert!(said.contains(fact), "{fact} in {said}");
    }
}
