use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::interval,
};

/// What a server does that wants to keep a client busy, fill its memory or lead it elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hostility {
    /// A head of an answer, one letter every ten milliseconds, that never ends.
    DrippingHead,
    /// The same of a body.
    DrippingBody,
    /// Header after header, as fast as they are read.
    EndlessHeaders,
    /// One header that never ends.
    EndlessHeader,
    /// Interim answers without end, and never the one that was asked for.
    EndlessInterim,
    /// A body without end.
    EndlessBody,
    /// A body of an error without end.
    EndlessErrorBody,
    /// A chunk whose extension never ends.
    EndlessChunkExtension,
    /// A gigabyte that is a megabyte while it is compressed.
    GzipBomb,
    /// A redirect to itself.
    RedirectToItself,
    /// A redirect to another path each time.
    RedirectsOnAndOn,
    /// A redirect to another server.
    ForeignRedirect,
    /// The true answer, with a next page on another server.
    ForeignLink,
}

/// A server in front of a simulated one, which passes on what it is asked and what it is answered, save
/// on one path.
pub(super) struct Front {
    pub(super) address: SocketAddr,
    asked: Arc<AtomicU64>,
    sent: Arc<AtomicU64>,
    _connections: JoinSet<()>,
}

impl Front {
    pub(super) async fn start(
        behind: SocketAddr,
        path: &'static str,
        hostility: Hostility,
        elsewhere: SocketAddr,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, sent) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let (asked_here, most_sent) = (Arc::clone(&asked), Arc::clone(&sent));
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (asked, most_sent) = (Arc::clone(&asked_here), Arc::clone(&most_sent));
                connections.spawn(async move {
                    let mut answering = Answering {
                        stream,
                        hostility,
                        elsewhere,
                        sent: 0,
                        number: 0,
                    };
                    let _ = answering.serve(behind, path, &asked).await;
                    most_sent.fetch_max(answering.sent, Ordering::SeqCst);
                });
            }
        });
        Self {
            address,
            asked,
            sent,
            _connections: accepting,
        }
    }

    /// How often it was asked for the path.
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    /// The most that one hostile answer could send, in bytes, before the client hung up.
    pub(super) fn most_sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }
}

/// One connection, for one request.
struct Answering {
    stream: TcpStream,
    hostility: Hostility,
    elsewhere: SocketAddr,
    sent: u64,
    number: u64,
}

impl Answering {
    async fn serve(&mut self, behind: SocketAddr, path: &str, asked: &AtomicU64) -> io::Result<()> {
        let request = self.request().await?;
        let text = String::from_utf8_lossy(&request);
        let target = text.split(' ').nth(1).unwrap_or_default();
        if !target.contains(path) && !target.contains("/on-and-on/") {
            let answer = pass_on(&request, behind).await?;
            return self.stream.write_all(&answer).await;
        }
        self.number = asked.fetch_add(1, Ordering::SeqCst);
        match self.hostility {
            Hostility::ForeignLink => {
                let answer = pass_on(&request, behind).await?;
                let answer = self.with_foreign_link(&answer);
                self.stream.write_all(&answer).await
            }
            _ => self.misbehave(target).await,
        }
    }

    async fn request(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        loop {
            if self.stream.read_buf(&mut bytes).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Ok(bytes);
            }
        }
    }

    async fn misbehave(&mut self, target: &str) -> io::Result<()> {
        const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
        match self.hostility {
            Hostility::DrippingHead => self.drip(&format!("{OK}X-Slow: ")).await,
            Hostility::DrippingBody => {
                self.drip(&format!("{OK}Content-Length: 1000000000\r\n\r\n["))
                    .await
            }
            Hostility::EndlessHeaders => self.flood(OK, b"X-More: 0123456789abcdef\r\n").await,
            Hostility::EndlessHeader => self.flood(&format!("{OK}X-Long: "), &[b'a'; 4096]).await,
            Hostility::EndlessInterim => self.flood("", b"HTTP/1.1 100 Continue\r\n\r\n").await,
            Hostility::EndlessBody => {
                let head = format!("{OK}Transfer-Encoding: chunked\r\n\r\n");
                let chunk = [b"4000\r\n", [b' '; 0x4000].as_slice(), b"\r\n"].concat();
                self.flood(&head, &chunk).await
            }
            Hostility::EndlessErrorBody => {
                let head = "HTTP/1.1 403 X\r\nContent-Type: application/json\r\n";
                let head = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
                self.flood(&head, b"f\r\n{\"errors\":[{\"a\"\r\n").await
            }
            Hostility::EndlessChunkExtension => {
                let head = format!("{OK}Transfer-Encoding: chunked\r\n\r\n1;");
                self.flood(&head, &[b'x'; 4096]).await
            }
            Hostility::GzipBomb => {
                let bomb = gigabyte();
                let length = bomb.len();
                let head =
                    format!("{OK}Content-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n");
                self.send(head.as_bytes()).await?;
                self.send(&bomb).await
            }
            Hostility::RedirectToItself => self.redirect(target).await,
            Hostility::RedirectsOnAndOn => {
                self.redirect(&format!("/on-and-on/{}", self.number)).await
            }
            Hostility::ForeignRedirect => {
                self.redirect(&format!("http://{}/", self.elsewhere)).await
            }
            Hostility::ForeignLink => Ok(()),
        }
    }

    async fn redirect(&mut self, location: &str) -> io::Result<()> {
        let answer = format!(
            "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        self.send(answer.as_bytes()).await
    }

    async fn drip(&mut self, head: &str) -> io::Result<()> {
        self.send(head.as_bytes()).await?;
        let mut drips = interval(Duration::from_millis(10));
        loop {
            drips.tick().await;
            self.send(b"1").await?;
        }
    }

    async fn flood(&mut self, head: &str, piece: &[u8]) -> io::Result<()> {
        let wave = piece.repeat(64);
        self.send(head.as_bytes()).await?;
        loop {
            self.send(&wave).await?;
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.sent += bytes.len() as u64;
        Ok(())
    }

    fn with_foreign_link(&self, answer: &[u8]) -> Vec<u8> {
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let (head, body) = answer.split_at(end.unwrap_or(answer.len()));
        let head = String::from_utf8_lossy(head).into_owned();
        let mut lines: Vec<_> = head
            .split("\r\n")
            .filter(|line| !line.to_ascii_lowercase().starts_with("link:"))
            .map(str::to_owned)
            .collect();
        let elsewhere = self.elsewhere;
        lines.push(format!(
            "Link: <http://{elsewhere}/next?page=2&last=zzz>; rel=\"next\""
        ));
        [lines.join("\r\n").as_bytes(), body].concat()
    }
}

/// What the server behind answers, which then closes its connection.
async fn pass_on(request: &[u8], behind: SocketAddr) -> io::Result<Vec<u8>> {
    let end = request.windows(2).position(|two| two == b"\r\n");
    let (line, rest) = request.split_at(end.unwrap_or(request.len()));
    let mut stream = TcpStream::connect(behind).await?;
    stream
        .write_all(&[line, b"\r\nConnection: close", rest].concat())
        .await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

/// A gigabyte of zeros in pieces that are compressed one by one.
fn gigabyte() -> Vec<u8> {
    const PIECE: usize = 4 << 20;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    io::Write::write_all(&mut encoder, &vec![b' '; PIECE]).unwrap();
    encoder.finish().unwrap().repeat((1 << 30) / PIECE)
}
