//! Serves recordings of real servers over loopback.

pub(crate) mod recording;
pub(crate) mod wire;

use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use serde_json::json;
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

use self::recording::{Exchange, Recording, basic};

/// Headers of the recorded connection, not of its answer.
const OF_THE_CONNECTION: &[&str] = &["connection", "content-length", "date", "transfer-encoding"];

/// Answers every request as it was answered when it was recorded.
///
/// A request is known by its method, its path and query (percent-encoding and the order of
/// parameters do not matter, nor whether the first page is asked for by number) and the user name of its Basic credentials. What was recorded more
/// than once is answered in that order, the last answer for ever. Anything else gets 599 and is
/// kept in [`unmatched`](Self::unmatched).
pub(crate) struct ReplayServer {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    answers: HashMap<Key, Vec<Exchange>>,
    requests: usize,
    unmatched: Vec<String>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    method: String,
    path: String,
    parameters: Vec<String>,
    account: Option<String>,
}

impl Key {
    fn new(method: &str, path: &str, query: &str, account: Option<String>) -> Self {
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let mut parameters: Vec<_> = query
            .split('&')
            .map(decode)
            .filter(|parameter| !parameter.is_empty() && parameter != "page=1")
            .collect();
        parameters.sort();
        Self {
            method: method.to_owned(),
            path: decode(path),
            parameters,
            account,
        }
    }
}

impl ReplayServer {
    /// Serves these files of one folder of `tests/recordings`.
    pub(crate) async fn start(folder: &str, files: &[&str]) -> Self {
        let recordings = files.iter().map(|name| Recording::read(folder, name));
        Self::of(recordings.flat_map(|recording| recording.exchanges)).await
    }

    /// Serves these exchanges.
    pub(crate) async fn of(exchanges: impl IntoIterator<Item = Exchange>) -> Self {
        let mut shared = Shared::default();
        for exchange in exchanges {
            let (path, query) = exchange.request.path_and_query();
            let account = exchange.request.account();
            let key = Key::new(&exchange.request.method, path, query, account);
            shared.answers.entry(key).or_default().push(exchange);
        }
        for answers in shared.answers.values_mut() {
            answers.reverse();
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Mutex::new(shared));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            accepting,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests came, unmatched ones included.
    pub(crate) fn requests(&self) -> usize {
        self.shared.lock().unwrap().requests
    }

    /// The requests that no recording knows, each as `METHOD TARGET as ACCOUNT`.
    pub(crate) fn unmatched(&self) -> Vec<String> {
        self.shared.lock().unwrap().unmatched.clone()
    }
}

impl Drop for ReplayServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Mutex<Shared>>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let answer = answer(&mut shared.lock().unwrap(), &request);
                async { Ok::<_, Infallible>(answer) }
            });
            // An error is the client's, who sees it too.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn answer(shared: &mut Shared, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    shared.requests += 1;
    let account = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| basic(value.to_str().ok()?))
        .map(|(name, _)| name);
    let uri = request.uri();
    let key = Key::new(
        request.method().as_str(),
        uri.path(),
        uri.query().unwrap_or_default(),
        account.clone(),
    );
    let Some(answers) = shared.answers.get_mut(&key) else {
        let account = account.unwrap_or_else(|| "nobody".to_owned());
        let missed = format!("{} {uri} as {account}", request.method());
        let body = json!({ "unmatched": missed }).to_string();
        shared.unmatched.push(missed);
        return Response::builder()
            .status(599)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::from(body))
            .unwrap();
    };
    let exchange = match answers.as_slice() {
        [last] => last.clone(),
        _ => answers.pop().unwrap(),
    };
    let mut response = Response::builder().status(exchange.response.status);
    for (name, value) in exchange.response.headers() {
        if !OF_THE_CONNECTION.contains(&name.to_ascii_lowercase().as_str()) {
            response = response.header(name, value);
        }
    }
    let body = exchange.response.body().to_owned();
    response.body(Full::from(body)).unwrap()
}
