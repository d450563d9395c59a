//! TLS in front of a server that speaks none, and traps that nobody may come to.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

/// Accepts TLS, notes which names were asked for, and passes everything on.
pub(super) struct Front {
    pub(super) address: SocketAddr,
    names: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Front {
    pub(super) async fn start(config: ServerConfig, upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        Self::on(listener, config, upstream)
    }

    /// On a listener whose port is known before what it leads to has started.
    pub(super) fn on(listener: TcpListener, config: ServerConfig, upstream: SocketAddr) -> Self {
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let names = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&names);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, noted) = (acceptor.clone(), Arc::clone(&noted));
                connections.spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let name = stream.get_ref().1.server_name().unwrap_or_default();
                    noted.lock().unwrap().push(name.to_owned());
                    if let Ok(mut inner) = TcpStream::connect(upstream).await {
                        let _ = copy_bidirectional(&mut stream, &mut inner).await;
                    }
                });
            }
        });
        Self {
            address,
            names,
            _tasks: tasks,
        }
    }

    /// The names of all handshakes that were completed.
    pub(super) fn names(&self) -> Vec<String> {
        self.names.lock().unwrap().clone()
    }
}

/// Counts who comes.
pub(super) struct Trap {
    pub(super) address: SocketAddr,
    caught: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Trap {
    pub(super) async fn set() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let caught = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&caught);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while listener.accept().await.is_ok() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self {
            address,
            caught,
            _tasks: tasks,
        }
    }

    pub(super) fn caught(&self) -> usize {
        self.caught.load(Ordering::SeqCst)
    }
}

/// Answers every request by a function of its head, byte for byte, and closes.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(super) async fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::new(answer);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let answer = Arc::clone(&answer);
                connections.spawn(async move {
                    if let Some(head) = head(&mut stream).await {
                        let _ = stream.write_all(&answer(&head)).await;
                        let _ = stream.shutdown().await;
                    }
                });
            }
        });
        Self {
            address,
            _tasks: tasks,
        }
    }
}

/// The head of a request.
pub(super) async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(bytes).ok()
}
