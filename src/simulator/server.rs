use std::{
    fmt::Debug,
    future::{pending, poll_fn},
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    Response,
    body::{Body, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use super::{
    exchange::{Answer, Request},
    fault::{self, Action, Faults},
    log::RequestLog,
};
use crate::clock::Clock;

const PORTAL: &str = "<!doctype html><html><head><title>Portal</title></head><body></body></html>";

/// One kind of registry: everything above HTTP. An implementation outside this crate needs the
/// crate `async-trait`.
#[async_trait]
pub trait Handler: Debug + Send + Sync + 'static {
    /// Sees every request before a fault or [`answer`](Self::answer) does. Does nothing unless
    /// written.
    fn before(&self, _request: &Request) {}

    /// The registry's answer.
    async fn answer(&self, request: &Request) -> Answer;

    /// The refusal of what goes beyond the throttle: 429 with `Retry-After: 1` unless written.
    fn throttled(&self) -> Answer {
        Answer::new(429, "text/plain", "Too Many Requests").with("Retry-After", "1")
    }
}

/// A [`Handler`] behind a loopback port, with [`Faults`] and a [`RequestLog`]. Stops, with all its
/// connections, when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    handler: Arc<dyn Handler>,
    clock: Arc<dyn Clock>,
    faults: Faults,
    log: RequestLog,
    throttle: Mutex<Throttle>,
}

/// So many requests in any second that starts with the first of them; the rest are refused.
#[derive(Debug, Default)]
struct Throttle {
    per_second: Option<u32>,
    since: Duration,
    passed: u32,
}

impl Server {
    /// Listens on 127.0.0.1, within a tokio runtime; port 0 takes a free one. Delays and the throttle
    /// go by the clock.
    ///
    /// # Errors
    /// Where the port cannot be listened on.
    pub async fn start(
        port: u16,
        clock: Arc<dyn Clock>,
        handler: Arc<dyn Handler>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            handler,
            clock,
            faults: Faults::default(),
            log: RequestLog::default(),
            throttle: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What goes wrong.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// What was asked.
    #[must_use]
    pub fn log(&self) -> &RequestLog {
        &self.shared.log
    }

    /// Refuses, as [`Handler::throttled`] says, what goes beyond so many requests a second; `None`
    /// refuses nothing.
    pub fn throttle(&self, per_second: Option<u32>) {
        *self.shared.throttle() = Throttle {
            per_second,
            since: self.shared.clock.monotonic(),
            passed: 0,
        };
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, Arc::clone(&shared)));
                }
                Err(error) => tracing::debug!(%error, "a connection was not accepted"),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let reset = AtomicBool::new(false);
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the connection is gone already");
        return;
    }
    let service = service_fn(|request| Box::pin(respond(&shared, &reset, request)));
    let mut connection = http1::Builder::new()
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), service);
    let served = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let stream = connection.into_parts().io.into_inner();
    if reset.load(Ordering::Relaxed)
        && let Err(error) = stream.set_zero_linger()
    {
        tracing::debug!(%error, "the connection is closed instead of reset");
    }
    if let Err(error) = served {
        tracing::trace!(%error, "connection ended");
    }
}

async fn respond(
    shared: &Shared,
    reset: &AtomicBool,
    request: hyper::Request<Incoming>,
) -> io::Result<Response<Content>> {
    let (parts, body) = request.into_parts();
    let mut request = Request {
        number: 0,
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body: Bytes::new(),
        signed_query: None,
    };
    let _in_flight = shared.log.enter(&mut request);
    let body = body.collect().await.map_err(io::Error::other)?;
    request.body = body.to_bytes();
    shared.handler.before(&request);
    let takes_gzip = request.takes_gzip();
    let action = shared.faults.strike(&request);
    let answer = match &action {
        Some(Action::Answer {
            status,
            headers,
            body,
        }) => Answer {
            status: *status,
            headers: headers.clone(),
            body: Bytes::from(body.clone()),
            is_compressible: false,
        },
        Some(Action::Hang) => pending().await,
        Some(Action::Reset) => {
            reset.store(true, Ordering::Relaxed);
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Some(Action::Html) => Answer::new(200, "text/html", PORTAL),
        Some(action) => shared.bent(action, request).await,
        None => shared.answer(&request).await,
    };
    let answer = answer.encoded(takes_gzip);
    let content = Content {
        bytes: answer.body,
        cut: (action == Some(Action::CutBody)).then_some(Cut::First),
    };
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(content).map_err(io::Error::other)
}

impl Shared {
    async fn answer(&self, request: &Request) -> Answer {
        if let Some(refusal) = self.refusal() {
            return refusal;
        }
        let answer = self.handler.answer(request).await;
        self.faults.remember(request, &answer);
        answer
    }

    async fn bent(&self, action: &Action, mut request: Request) -> Answer {
        match action {
            Action::StripCredentials => request.strip_credentials(),
            Action::StripParameter(name) => request.strip_parameter(name),
            Action::Delay(by) => self.clock.sleep(*by).await,
            Action::RepeatPage => {
                if let Some(previous) = self.faults.previous(&request) {
                    return previous;
                }
            }
            _ => {}
        }
        fault::bend(action, self.answer(&request).await)
    }

    fn refusal(&self) -> Option<Answer> {
        let now = self.clock.monotonic();
        let mut throttle = self.throttle();
        let limit = throttle.per_second?;
        if now.saturating_sub(throttle.since) >= Duration::from_secs(1) {
            throttle.since = now;
            throttle.passed = 0;
        }
        if throttle.passed < limit {
            throttle.passed += 1;
            return None;
        }
        Some(self.handler.throttled())
    }

    fn throttle(&self) -> std::sync::MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer's body, of which the second half may be missing.
struct Content {
    bytes: Bytes,
    cut: Option<Cut>,
}

#[derive(Clone, Copy)]
enum Cut {
    First,
    /// Between the halves, so that what was sent is flushed.
    Pause,
    Fail,
}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.cut {
            None if self.bytes.is_empty() => Poll::Ready(None),
            None => Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.bytes))))),
            Some(Cut::First) => {
                self.cut = Some(Cut::Pause);
                let half = self.bytes.len() / 2;
                Poll::Ready(Some(Ok(Frame::data(self.bytes.split_to(half)))))
            }
            Some(Cut::Pause) => {
                self.cut = Some(Cut::Fail);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Cut::Fail) => Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}
