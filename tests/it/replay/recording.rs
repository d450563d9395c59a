use std::path::Path;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A file of `tests/recordings`.
#[derive(Debug, Deserialize)]
pub(crate) struct Recording {
    pub(crate) exchanges: Vec<Exchange>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Exchange {
    pub(crate) request: Request,
    pub(crate) response: Response,
    #[serde(default)]
    pub(crate) note: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query as sent.
    pub(crate) path: String,
    headers: Map<String, Value>,
    body: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Map<String, Value>,
    body: Option<String>,
    /// How long the body was, where it was cut.
    body_truncated_from: Option<u64>,
}

impl Recording {
    /// Reads `FOLDER/NAME.json`.
    pub(crate) fn read(folder: &str, name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/recordings")
            .join(folder)
            .join(format!("{name}.json"));
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

impl Request {
    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        pairs(&self.headers)
    }

    pub(crate) fn body(&self) -> &str {
        self.body.as_deref().unwrap_or_default()
    }

    pub(crate) fn path_and_query(&self) -> (&str, &str) {
        self.path.split_once('?').unwrap_or((&self.path, ""))
    }

    /// The user name of its Basic credentials.
    pub(crate) fn account(&self) -> Option<String> {
        self.credentials().map(|(name, _)| name)
    }

    pub(crate) fn credentials(&self) -> Option<(String, String)> {
        let headers = self.headers();
        let (_, value) = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("authorization"))?;
        basic(value)
    }
}

impl Response {
    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        pairs(&self.headers)
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let headers = self.headers();
        let found = headers
            .into_iter()
            .find(|(present, _)| present.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    pub(crate) fn body(&self) -> &str {
        self.body.as_deref().unwrap_or_default()
    }

    /// Whether the body was recorded to its end.
    pub(crate) fn is_whole(&self) -> bool {
        self.body_truncated_from.is_none()
    }
}

/// User name and password of a `Basic` authorization.
pub(crate) fn basic(authorization: &str) -> Option<(String, String)> {
    let encoded = authorization.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

fn pairs(headers: &Map<String, Value>) -> Vec<(String, String)> {
    headers
        .iter()
        .flat_map(|(name, value)| {
            let values = match value {
                Value::Array(values) => values.clone(),
                value => vec![value.clone()],
            };
            values
                .into_iter()
                .filter_map(|value| Some((name.clone(), value.as_str()?.to_owned())))
        })
        .collect()
}
