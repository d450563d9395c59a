use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap};
use serde::de::DeserializeOwned;

use crate::{
    clock::Timestamp,
    error::{ErrorContext, IntegrationError, Violation},
};

/// How much of a server's text an error keeps, in characters.
pub(super) const KEPT_TEXT: usize = 256;

/// A whole answer, its body within the limit.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(super) context: ErrorContext,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) elapsed: Duration,
}

impl Answer {
    /// The HTTP status.
    pub(crate) const fn status(&self) -> u16 {
        self.status
    }

    /// The first header of that name, where it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// When the server sent it, by its own clock and to the second.
    pub(crate) fn date(&self) -> Option<Timestamp> {
        let date = httpdate::parse_http_date(self.header(DATE.as_str())?);
        date.ok().map(Timestamp::from)
    }

    /// The body, decompressed. Of an error answer no more than its beginning, by the limit for these.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// How long the head of the answer took to come, from the moment there was a connection to
    /// send the last attempt on: names, connecting and TLS are not in it.
    pub(crate) const fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Whether the content type says JSON.
    pub(crate) fn is_json(&self) -> bool {
        let Some(value) = self.header(CONTENT_TYPE.as_str()) else {
            return false;
        };
        let essence = value.split(';').next().unwrap_or_default().trim();
        let essence = essence.to_ascii_lowercase();
        essence == "application/json" || essence.ends_with("+json")
    }

    /// The body as JSON, which the content type must promise.
    ///
    /// # Errors
    ///
    /// `ProtocolViolation` where it does not, or where the body is cut or of another shape.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, IntegrationError> {
        if !self.is_json() {
            return Err(self.violation(Violation::ContentType));
        }
        self.json_of_any_type()
    }

    /// The body as JSON whatever the content type says: Harbor sends its version as plain text.
    ///
    /// # Errors
    ///
    /// `ProtocolViolation` where the body is cut or of another shape.
    pub(crate) fn json_of_any_type<T: DeserializeOwned>(&self) -> Result<T, IntegrationError> {
        serde_json::from_slice(&self.body).map_err(|error| IntegrationError::ProtocolViolation {
            context: Box::new(self.context()),
            violation: Violation::Body,
            source: Some(Box::new(UnreadableJson::from(&error))),
        })
    }

    /// What an error body says, escaped: `{"errors":[{"message":..}]}`, or `{"error":..}` and its
    /// like.
    pub(super) fn words(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        let told = [
            &body["errors"][0]["message"],
            &body["error_message"],
            &body["error"],
            &body["message"],
        ];
        let message = told.into_iter().find_map(serde_json::Value::as_str)?;
        Some(bounded(message).escape_debug().to_string())
    }

    /// Where the answer comes from: step, host, path, status and the server's request id.
    pub(crate) fn context(&self) -> ErrorContext {
        self.context.clone()
    }

    /// The error that this answer is, where it breaks the protocol.
    pub(crate) fn violation(&self, violation: Violation) -> IntegrationError {
        IntegrationError::ProtocolViolation {
            context: Box::new(self.context()),
            violation,
            source: None,
        }
    }
}

/// What serde_json says, without the piece of the body that it quotes.
#[derive(Debug, thiserror::Error)]
#[error("{what} at line {line} column {column}")]
struct UnreadableJson {
    what: &'static str,
    line: usize,
    column: usize,
}

impl From<&serde_json::Error> for UnreadableJson {
    fn from(error: &serde_json::Error) -> Self {
        use serde_json::error::Category;
        Self {
            what: match error.classify() {
                Category::Io | Category::Syntax => "no JSON",
                Category::Data => "JSON of another shape",
                Category::Eof => "JSON that ends",
            },
            line: error.line(),
            column: error.column(),
        }
    }
}

/// The beginning of a server's text, short enough for an error.
pub(super) fn bounded(text: &str) -> String {
    text.chars().take(KEPT_TEXT).collect()
}
