//! Proxies that look names up in a table of their own.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::front::head;

#[derive(Clone, Default)]
pub(super) struct Rules {
    /// Where names lead, whatever port is asked for.
    pub(super) names: HashMap<String, SocketAddr>,
    /// User name and password.
    pub(super) account: Option<(&'static str, &'static str)>,
}

impl Rules {
    pub(super) fn name(mut self, name: &str, to: SocketAddr) -> Self {
        self.names.insert(name.to_owned(), to);
        self
    }

    pub(super) fn account(mut self, username: &'static str, password: &'static str) -> Self {
        self.account = Some((username, password));
        self
    }

    fn leads(&self, target: &str) -> Option<SocketAddr> {
        let host = target.rsplit_once(':').map_or(target, |(host, _)| host);
        let known = self.names.get(host).copied();
        known.or_else(|| target.parse().ok())
    }
}

pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    targets: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// An HTTP proxy: `CONNECT`, and requests with a whole URL.
    pub(super) async fn http(rules: Rules) -> Self {
        Self::start(rules, Kind::Http).await
    }

    pub(super) async fn socks(rules: Rules) -> Self {
        Self::start(rules, Kind::Socks).await
    }

    /// What it was asked to connect to, as `host:port`.
    pub(super) fn targets(&self) -> Vec<String> {
        self.targets.lock().unwrap().clone()
    }

    async fn start(rules: Rules, kind: Kind) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let targets = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&targets);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (rules, noted) = (rules.clone(), Arc::clone(&noted));
                connections.spawn(async move {
                    let _ = match kind {
                        Kind::Http => http(stream, &rules, &noted).await,
                        Kind::Socks => socks(stream, &rules, &noted).await,
                    };
                });
            }
        });
        Self {
            address,
            targets,
            _tasks: tasks,
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Http,
    Socks,
}

/// None where the client is let go.
async fn http(mut stream: TcpStream, rules: &Rules, noted: &Mutex<Vec<String>>) -> Option<()> {
    let head = head(&mut stream).await?;
    let mut words = head.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let authority = match method {
        "CONNECT" => target.to_owned(),
        _ => {
            let rest = target.strip_prefix("http://")?;
            rest.split('/').next()?.to_owned()
        }
    };
    noted.lock().unwrap().push(authority.clone());
    if let Some((username, password)) = rules.account {
        let account = BASE64_STANDARD.encode(format!("{username}:{password}"));
        let line = format!("proxy-authorization: Basic {account}");
        if !head.lines().any(|one| one.eq_ignore_ascii_case(&line)) {
            let refusal = "HTTP/1.1 407 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(refusal.as_bytes()).await.ok()?;
            return None;
        }
    }
    let mut inner = TcpStream::connect(rules.leads(&authority)?).await.ok()?;
    if method == "CONNECT" {
        stream.write_all(b"HTTP/1.1 200 X\r\n\r\n").await.ok()?;
    } else {
        // One request each: the next may be for another host.
        let path = target.strip_prefix("http://")?.strip_prefix(&authority)?;
        let (first, rest) = head.split_once("\r\n")?;
        let first = first.replacen(target, path, 1);
        let kept: String = rest
            .lines()
            .filter(|line| !line.to_lowercase().starts_with("proxy-"))
            .map(|line| format!("{line}\r\n"))
            .collect();
        let request = format!("{first}\r\nconnection: close\r\n{kept}");
        inner.write_all(request.as_bytes()).await.ok()?;
    }
    copy_bidirectional(&mut stream, &mut inner).await.ok()?;
    Some(())
}

/// SOCKS 5 by RFC 1928, with the account of RFC 1929.
async fn socks(mut stream: TcpStream, rules: &Rules, noted: &Mutex<Vec<String>>) -> Option<()> {
    let mut greeting = [0; 2];
    stream.read_exact(&mut greeting).await.ok()?;
    let mut methods = vec![0; greeting[1].into()];
    stream.read_exact(&mut methods).await.ok()?;
    match rules.account {
        None => stream.write_all(&[5, 0]).await.ok()?,
        Some((username, password)) => {
            if !methods.contains(&2) {
                stream.write_all(&[5, 0xff]).await.ok()?;
                return None;
            }
            stream.write_all(&[5, 2]).await.ok()?;
            stream.read_u8().await.ok()?;
            let given = [text(&mut stream).await?, text(&mut stream).await?];
            let is_right = given == [username, password];
            stream.write_all(&[1, u8::from(!is_right)]).await.ok()?;
            if !is_right {
                return None;
            }
        }
    }
    let mut request = [0; 4];
    stream.read_exact(&mut request).await.ok()?;
    let host = match request[3] {
        1 => {
            let mut octets = [0; 4];
            stream.read_exact(&mut octets).await.ok()?;
            IpAddr::from(octets).to_string()
        }
        3 => text(&mut stream).await?,
        4 => {
            let mut octets = [0; 16];
            stream.read_exact(&mut octets).await.ok()?;
            IpAddr::from(octets).to_string()
        }
        _ => return None,
    };
    let port = stream.read_u16().await.ok()?;
    let target = format!("{host}:{port}");
    noted.lock().unwrap().push(target.clone());
    let mut inner = TcpStream::connect(rules.leads(&target)?).await.ok()?;
    stream
        .write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
        .await
        .ok()?;
    copy_bidirectional(&mut stream, &mut inner).await.ok()?;
    Some(())
}

async fn text(stream: &mut TcpStream) -> Option<String> {
    let length = stream.read_u8().await.ok()?;
    let mut bytes = vec![0; length.into()];
    stream.read_exact(&mut bytes).await.ok()?;
    String::from_utf8(bytes).ok()
}
