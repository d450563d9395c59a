use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What came back, or as much of it as did.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(present, _)| present.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Sends a request byte for byte over a connection that the server may keep, and reads one answer.
pub(crate) async fn ask(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(String, String)],
    body: &str,
) -> Received {
    let mut request = format!("{method} {target} HTTP/1.1\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("\r\n{body}"));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    loop {
        let read = stream.read_buf(&mut bytes).await.unwrap();
        let answer = received(&String::from_utf8_lossy(&bytes));
        let length = answer.header("content-length");
        let length: Option<usize> = length.and_then(|length| length.parse().ok());
        let is_whole = method == "HEAD" || length.is_some_and(|length| answer.body.len() >= length);
        let has_headers = bytes.windows(4).any(|end| end == b"\r\n\r\n");
        if read == 0 || (has_headers && is_whole) {
            return answer;
        }
    }
}

/// Sends a request byte for byte, which no HTTP client does, and reads until the connection ends.
pub(crate) async fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(String, String)],
) -> Received {
    let bytes = send_for_bytes(address, method, target, headers).await;
    received(&String::from_utf8(bytes).unwrap())
}

/// The same for what is no text.
pub(crate) async fn send_for_bytes(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(String, String)],
) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n");
    for (name, value) in headers {
        if !name.eq_ignore_ascii_case("connection") {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("host"))
    {
        head.push_str(&format!("Host: {address}\r\n"));
    }
    head.push_str("\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // A reset ends what was received like a close.
    let _ = stream.read_to_end(&mut bytes).await;
    bytes
}

fn received(text: &str) -> Received {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let headers = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_owned(), value.trim().to_owned()))
    });
    Received {
        status: status.unwrap_or_default(),
        headers: headers.collect(),
        body: body.to_owned(),
    }
}
