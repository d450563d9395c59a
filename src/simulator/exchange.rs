use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use hyper::{HeaderMap, header};
use serde::Serialize;

/// One request as a registry's handler sees it.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// 1 for the first request since the server started.
    pub(super) number: u64,
    pub(super) method: String,
    /// As sent, still percent-encoded.
    pub(super) path: String,
    /// As sent, without the question mark; empty where there is none.
    pub(super) query: String,
    pub(super) headers: HeaderMap,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn authorization(&self) -> Option<&str> {
        self.header(header::AUTHORIZATION.as_str())
    }

    /// The user name of its Basic credentials, right or wrong.
    pub(super) fn account(&self) -> Option<String> {
        basic(self.authorization()?).map(|(name, _)| name)
    }

    /// Path and query as sent.
    pub(super) fn target(&self) -> String {
        if self.query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, self.query)
        }
    }

    pub(super) fn strip_credentials(&mut self) {
        self.headers.remove(header::AUTHORIZATION);
        self.headers.remove(header::COOKIE);
    }
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

/// What a handler answers.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
            body: body.into(),
        }
    }

    pub(super) fn json(status: u16, content_type: &str, body: &impl Serialize) -> Self {
        // Every body here is a tree of strings, numbers and maps with string keys, which serde_json
        // writes to memory without fail.
        let mut bytes = serde_json::to_vec(body).unwrap_or_default();
        bytes.push(b'\n');
        Self::new(status, content_type, bytes)
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
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
