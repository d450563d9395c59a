use std::io::{self, Write};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use hyper::{HeaderMap, header};
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::acr::Authorization;

/// One request as a [`Handler`](super::Handler) sees it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Request {
    /// 1 for the first request since the server started.
    pub number: u64,
    /// The method, as sent.
    pub method: String,
    /// As sent, still percent-encoded.
    pub path: String,
    /// As sent, without the question mark; empty where there is none.
    pub query: String,
    /// As sent; empty where there is none.
    pub body: Bytes,
    pub(super) headers: HeaderMap,
    /// The query as the client signed it, where a fault has changed it since.
    pub(super) signed_query: Option<String>,
}

impl Request {
    /// The header of this name, where it is one, and text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// User name and password of its Basic credentials; none where it has none, or malformed ones.
    #[must_use]
    pub fn basic_credentials(&self) -> Option<(String, String)> {
        basic(self.authorization()?)
    }

    pub(super) fn takes_gzip(&self) -> bool {
        let accepted = self.header(header::ACCEPT_ENCODING.as_str());
        let mut codings = accepted.unwrap_or_default().split(',');
        codings.any(|coding| coding.split(';').next().map(str::trim) == Some("gzip"))
    }

    pub(super) fn authorization(&self) -> Option<&str> {
        self.header(header::AUTHORIZATION.as_str())
    }

    /// The user name of its Basic credentials, or the id of the access key by which it is signed,
    /// right or wrong.
    pub(super) fn account(&self) -> Option<String> {
        let signed = self.authorization().and_then(Authorization::parse);
        let key = signed.map(|signed| signed.access_key_id.to_owned());
        key.or_else(|| self.basic_credentials().map(|(name, _)| name))
    }

    /// The name of the call, where it is one to an API of Alibaba Cloud.
    pub(super) fn call(&self) -> Option<&str> {
        self.header("x-acs-action")
    }

    /// Path and query as sent.
    pub(super) fn target(&self) -> String {
        if self.query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, self.query)
        }
    }

    /// The decoded parameters of the query, in the order sent.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, String)> {
        pairs(&self.query)
    }

    /// The same as they were signed, which no fault has changed.
    pub(super) fn signed_parameters(&self) -> Vec<(String, String)> {
        pairs(self.signed_query.as_deref().unwrap_or(&self.query))
    }

    /// The decoded fields of a form that is its body, in the order sent.
    #[must_use]
    pub fn form(&self) -> Vec<(String, String)> {
        pairs(&String::from_utf8_lossy(&self.body))
    }

    /// The value of the first cookie of this name, as sent.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let values = self.headers.get_all(header::COOKIE).into_iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        let mut cookies = texts.flat_map(|text| text.split(';')).map(str::trim);
        cookies.find_map(|cookie| cookie.strip_prefix(name)?.strip_prefix('='))
    }

    /// Takes every parameter of this name (as sent) out of the query.
    pub(super) fn strip_parameter(&mut self, name: &str) {
        let pairs = self.query.split('&');
        let kept: Vec<_> = pairs
            .filter(|pair| pair.split('=').next() != Some(name))
            .collect();
        let changed = kept.join("&");
        let sent = std::mem::replace(&mut self.query, changed);
        self.signed_query.get_or_insert(sent);
    }

    pub(super) fn strip_credentials(&mut self) {
        self.headers.remove(header::AUTHORIZATION);
        self.headers.remove(header::COOKIE);
    }
}

fn pairs(encoded: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    let pairs = encoded.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

/// User name and password of a `Basic` authorization; `None` where it is none or malformed.
pub(super) fn basic(authorization: &str) -> Option<(String, String)> {
    let (scheme, encoded) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// What a [`Handler`](super::Handler) answers.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    pub(super) is_compressible: bool,
}

impl Answer {
    /// A status with a body of this type.
    #[must_use]
    pub fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
            body: body.into(),
            is_compressible: false,
        }
    }

    /// A status with a body of JSON. [`Fault`](super::Fault)s that change rows know lists that
    /// are the whole body or the only one in it, and totals that are its `X-Total-Count`.
    #[must_use]
    pub fn json(status: u16, content_type: &str, body: &impl Serialize) -> Self {
        // A body that cannot be JSON, such as a map with other keys than text, is left empty, which
        // no client takes for JSON.
        let mut bytes = serde_json::to_vec(body).unwrap_or_default();
        bytes.push(b'\n');
        Self::new(status, content_type, bytes)
    }

    /// A status and nothing else.
    pub(super) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            is_compressible: false,
        }
    }

    /// The same, compressed for whoever takes that.
    pub(super) fn compressible(self) -> Self {
        Self {
            is_compressible: true,
            ..self
        }
    }

    /// As it goes over the wire.
    pub(super) fn encoded(self, takes_gzip: bool) -> Self {
        if !takes_gzip || !self.is_compressible {
            return self;
        }
        match gzipped(&self.body) {
            Ok(body) => Self { body, ..self }.with("Content-Encoding", "gzip"),
            Err(_) => self,
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn header_mut(&mut self, name: &str) -> Option<&mut String> {
        self.headers
            .iter_mut()
            .find(|(present, _)| present.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

fn gzipped(body: &[u8]) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish().map(Bytes::from)
}
