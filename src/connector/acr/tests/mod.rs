//! The API over real sockets: what goes onto the wire, and what is made of what comes back.
#![allow(clippy::unwrap_used)]

mod answers;
mod refusals;
mod signing;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use url::Url;

use super::{
    api::{Api, Call},
    connection::Connection,
    signature::{Canonical, payload_hash},
};
use crate::{
    clock::ManualClock,
    config::{AcrCredentials, AcrInstance, IntegrationConfig, RegistryType, Secret},
    connector::ConnectContext,
    error::Step,
    http::{Patience, RequestCount},
};

const ANSWERS: &str =
    include_str!("../../../../tests/recordings/acr/acr-constructed-responses.json");

/// One request as it came.
#[derive(Debug, Clone)]
pub(super) struct Came {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: String,
}

impl Came {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The headers that it says are signed.
    fn signed_headers(&self) -> Vec<(&'static str, String)> {
        let authorization = self.header("authorization");
        let (_, rest) = authorization.split_once("SignedHeaders=").unwrap();
        let (names, _) = rest.split_once(',').unwrap();
        names
            .split(';')
            .map(|name| (&*name.to_owned().leak(), self.header(name).to_owned()))
            .collect()
    }

    /// Read from the bytes that came, by the rules of the signature alone.
    fn with_canonical<T>(&self, then: impl FnOnce(Canonical<'_>) -> T) -> T {
        let (headers, payload_hash) = (self.signed_headers(), payload_hash(self.body.as_bytes()));
        then(Canonical {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &headers,
            payload_hash: &payload_hash,
        })
    }
}

/// A server that answers by a function and keeps what came.
pub(super) struct Loopback {
    pub(super) url: Url,
    pub(super) came: Arc<Mutex<Vec<Came>>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What is answered: status, one more header line, body.
pub(super) struct Reply(u16, &'static str, String);

impl From<(u16, String)> for Reply {
    fn from((status, body): (u16, String)) -> Self {
        Self(status, "", body)
    }
}

impl Loopback {
    pub(super) async fn start<R: Into<Reply>>(
        answer: impl Fn(&Came) -> R + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let came: Arc<Mutex<Vec<Came>>> = Arc::default();
        let answer = move |came: &Came| answer(came).into();
        let (log, answer) = (Arc::clone(&came), Arc::new(answer));
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                tokio::spawn(async move {
                    let _ = serve(stream, &log, &*answer).await;
                });
            }
        });
        Self {
            url: url.parse().unwrap(),
            came,
            accepting,
        }
    }

    pub(super) fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<Came>>,
    answer: &(dyn Fn(&Came) -> Reply + Send + Sync),
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse().unwrap())
            });
            break (head, end + 4 + length.unwrap_or(0_usize));
        }
    };
    while bytes.len() < length {
        stream.read_buf(&mut bytes).await?;
    }
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap(), first.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let came = Came {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect(),
        body: String::from_utf8(bytes[head.len() + 4..].to_vec()).unwrap(),
    };
    log.lock().unwrap().push(came.clone());
    let Reply(status, header, body) = answer(&came);
    let answer = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json;charset=utf-8\r\n{header}\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

pub(super) fn clock_at(wall: &str) -> ManualClock {
    ManualClock::jumping_at(wall.parse().unwrap())
}

fn clock() -> ManualClock {
    clock_at("2026-01-02T03:04:05Z")
}

fn config(server: &Loopback, registry_type: RegistryType) -> IntegrationConfig {
    let builder = IntegrationConfig::builder("acr")
        .registry_type(registry_type)
        .region_id("cn-hangzhou")
        .api_endpoint(server.url.as_str())
        .connect_timeout(Duration::from_millis(300))
        .read_timeout(Duration::from_millis(300))
        .credentials(AcrCredentials::AccessKey {
            id: "testid".to_owned(),
            secret: Secret::new("testsecret"),
            security_token: None,
        });
    let builder = match registry_type {
        RegistryType::AcrEnterprise => {
            builder.instance(AcrInstance::Id("cri-fakeinstance01".to_owned()))
        }
        _ => builder,
    };
    builder.build().unwrap()
}

fn api(server: &Loopback, clock: &ManualClock, patience: Patience) -> Api {
    let context = ConnectContext::with_clock(Arc::new(clock.clone()));
    let config = config(server, RegistryType::AcrEnterprise);
    let connection = Arc::new(Connection::new(&config, &context).unwrap());
    Api::new(&connection, &RequestCount::new(), patience)
}

fn call() -> Call<'static> {
    Call::rpc("ListInstance", Step::Credentials).with("PageNo", "1")
}

/// The constructed body of a call, of whichever edition it is.
fn constructed(came: &Came) -> (u16, String) {
    let answers: Value = serde_json::from_str(ANSWERS).unwrap();
    let action = came.header("x-acs-action");
    let edition = match came.header("x-acs-version") {
        "2018-12-01" => "enterprise_2018_12_01",
        _ => "personal_2016_06_07",
    };
    (200, answers[edition][action]["body"].to_string())
}
