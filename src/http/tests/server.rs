//! A loopback server that answers byte for byte what a test wants.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::interval,
};
use url::Url;

/// One request as it came in.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// How many came before it.
    pub(super) before: usize,
    pub(super) head: String,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// What goes back.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) bytes: Vec<u8>,
    pub(super) then: Then,
}

/// What becomes of the connection after the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Stay,
    Close,
    Reset,
    Hang,
    /// So many more bytes, one every ten milliseconds.
    Drip(usize),
}

/// A reply with a JSON body and further header lines, each ending in `\r\n`.
pub(super) fn reply(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Reply {
    let body = body.as_ref();
    let mut bytes = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    Reply {
        bytes,
        then: Then::Stay,
    }
}

/// Bytes as they are, and what follows.
pub(super) fn raw(bytes: impl Into<Vec<u8>>, then: Then) -> Reply {
    Reply {
        bytes: bytes.into(),
        then,
    }
}

type Handler = dyn Fn(Seen) -> Pin<Box<dyn Future<Output = Reply> + Send>> + Send + Sync;

/// Answers until it is dropped.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    _connections: JoinSet<()>,
}

impl Server {
    pub(super) async fn start<F, R>(handler: F) -> Self
    where
        F: Fn(Seen) -> R + Send + Sync + 'static,
        R: Future<Output = Reply> + Send + 'static,
    {
        Self::over(|stream| async { Ok(stream) }, handler).await
    }

    /// Answers each request by a function of its number and text.
    pub(super) async fn answering(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(move |seen| std::future::ready(answer(&seen))).await
    }

    /// The same over connections that `wrap` makes of the accepted ones.
    pub(super) async fn over<W, S, Wrapping, F, R>(wrap: W, handler: F) -> Self
    where
        W: Fn(TcpStream) -> Wrapping + Send + Sync + 'static,
        Wrapping: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static + Resettable,
        F: Fn(Seen) -> R + Send + Sync + 'static,
        R: Future<Output = Reply> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let handler: Arc<Handler> = Arc::new(move |seen| Box::pin(handler(seen)));
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let wrapping = wrap(stream);
                let handler = Arc::clone(&handler);
                let log = Arc::clone(&log);
                connections.spawn(async move {
                    if let Ok(stream) = wrapping.await {
                        let _ = converse(stream, &*handler, &log).await;
                    }
                });
            }
        });
        Self {
            address,
            seen,
            _connections: accepting,
        }
    }

    pub(super) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// A stream that can be cut with a reset.
pub(super) trait Resettable {
    fn reset(&self);
}

impl Resettable for TcpStream {
    fn reset(&self) {
        self.set_zero_linger().unwrap();
    }
}

/// The request, once it is whole.
fn request(bytes: &[u8]) -> Option<Seen> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let seen = Seen {
        before: 0,
        head: head.to_owned(),
        body: body.to_owned(),
    };
    let length = seen.header("content-length");
    let is_whole = body.len() == length.map_or(0, |length| length.parse().unwrap());
    is_whole.then_some(seen)
}

async fn converse<S>(mut stream: S, handler: &Handler, log: &Mutex<Vec<Seen>>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Resettable,
{
    let mut buffer = Vec::new();
    loop {
        let request = loop {
            if let Some(request) = request(&buffer) {
                break request;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        buffer.clear();
        let seen = {
            let mut log = log.lock().unwrap();
            let seen = Seen {
                before: log.len(),
                ..request
            };
            log.push(seen.clone());
            seen
        };
        let reply = handler(seen).await;
        stream.write_all(&reply.bytes).await?;
        stream.flush().await?;
        match reply.then {
            Then::Stay => {}
            Then::Close => return stream.shutdown().await,
            Then::Reset => {
                stream.reset();
                return Ok(());
            }
            Then::Hang => std::future::pending().await,
            Then::Drip(bytes) => {
                let mut drips = interval(Duration::from_millis(10));
                for _ in 0..bytes {
                    drips.tick().await;
                    stream.write_all(b" ").await?;
                    stream.flush().await?;
                }
            }
        }
    }
}
