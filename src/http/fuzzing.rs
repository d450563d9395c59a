//! The readers of headers and error bodies, for whatever bytes.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::{Answer, retry::retry_after};
use crate::{
    clock::Timestamp,
    error::{ErrorContext, Step},
    image::RegistryKind,
};

impl Answer {
    /// An answer that no server gave. A header that is none is left out.
    pub(crate) fn made_up(status: u16, headers: &[(&'static str, &[u8])], body: &[u8]) -> Self {
        let mut map = HeaderMap::new();
        map.insert("content-type", HeaderValue::from_static("application/json"));
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                map.insert(HeaderName::from_static(name), value);
            }
        }
        Self {
            context: ErrorContext::new(RegistryKind::Other, "registry.test:443", Step::Listing),
            status,
            headers: map,
            body: body.to_vec(),
            elapsed: Duration::ZERO,
        }
    }
}

/// `Retry-After` is a pause of at most the cap, or nothing.
pub(crate) fn retry_after_header(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let now = Timestamp::UNIX_EPOCH;
    let longest = retry_after("18446744073709551615", now);
    assert!(retry_after(text, now) <= longest);
}

/// What an error body says is bounded and steers no terminal.
pub(crate) fn error_body(data: &[u8]) {
    let answer = Answer::made_up(500, &[], data);
    if let Some(words) = answer.words() {
        assert!(!words.contains(char::is_control), "{words:?}");
        // Each of 256 letters is at most ten when it is escaped.
        assert!(words.chars().count() <= 256 * 10);
    }
    let _ = answer.date();
}

/// What is shown of a certificate is bounded.
#[cfg(any(feature = "rustls", fuzzing))]
pub(crate) fn certificate(data: &[u8]) {
    if let Some(read) = super::certificate::read(data) {
        assert!(read.names.len() <= 9);
        let longest = read.names.iter().map(|name| name.chars().count()).max();
        assert!(longest.unwrap_or_default() <= 128);
    }
}
