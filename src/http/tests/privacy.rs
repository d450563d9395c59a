use std::{
    io,
    net::SocketAddr,
    process::Stdio,
    sync::{Arc, Mutex},
};

use tokio::{net::TcpListener, process::Command};
use url::Url;

use super::{
    Account, account, client,
    server::{Server, Then, raw, reply},
};
use crate::error::{ErrorRecord, Step};

const TARGET: &str = "REGISTRY_INTAKE_TEST_TARGET";

/// The test runs itself again in a process whose environment names a proxy for everything.
#[tokio::test]
async fn a_proxy_from_the_environment_is_never_used() {
    if let Ok(target) = std::env::var(TARGET) {
        let url = Url::parse(&target).unwrap();
        let answer = client(&url).0.get(Step::Connect, url).send().await;
        assert_eq!(answer.unwrap().status(), 200);
        return;
    }
    let server = Server::answering(|_| reply(200, "", "[]")).await;
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy_address: SocketAddr = proxy.local_addr().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args([
            "--exact",
            "http::tests::privacy::a_proxy_from_the_environment_is_never_used",
        ])
        .env(TARGET, server.url("/").as_str())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        let value = format!("http://{proxy_address}");
        child.env(name, &value).env(name.to_uppercase(), &value);
    }
    child.env_remove("NO_PROXY").env_remove("no_proxy");
    let ended = tokio::select! {
        ended = child.status() => ended.unwrap(),
        _ = proxy.accept() => panic!("the proxy was asked"),
    };
    assert!(ended.success());
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
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let server = Server::answering(|seen| match seen.path().split('?').next() {
        Some("/cut") => raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[", Then::Close),
        Some("/redirect") => reply(302, "location: http://x.test/?token=hunter2\r\n", ""),
        _ => reply(200, "set-cookie: sid=hunter2\r\n", "[]"),
    })
    .await;
    let (client, _) = client(&server.url("/"));
    let account: Account = account();
    let mut said = format!("{account:?} {client:?}");
    for path in ["/fine", "/cut", "/redirect"] {
        let url = server.url(&format!("{path}?token=hunter2"));
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
    for fact in ["method=GET", "path=\"/fine\"", "status=200", "127.0.0.1"] {
        assert!(said.contains(fact), "{fact} in {said}");
    }
}
