//! Whether an answer is one that the real server gave.

use std::collections::BTreeSet;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::replay::{recording::Response, wire::Received};

/// What of two answers must be the same. Of all else the type must be.
pub(crate) struct Rules {
    /// Headers that clients read.
    pub(crate) headers: &'static [&'static str],
    /// Whether the values at this path, dotted and with `[]` for rows, must agree.
    pub(crate) must_agree: fn(&str) -> bool,
    /// Ends of paths where not even the keys are compared.
    pub(crate) opaque: &'static [&'static str],
    /// Ends of paths that either answer may lack.
    pub(crate) optional: &'static [&'static str],
    /// Ends of paths of lists whose order says nothing.
    pub(crate) unordered: &'static [&'static str],
}

fn ends(path: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| path.ends_with(part))
}

impl Rules {
    /// What differs, each as one line.
    pub(crate) fn differences(
        &self,
        method: &str,
        recorded: &Response,
        served: &Received,
    ) -> Vec<String> {
        let mut found = Vec::new();
        if served.status != recorded.status {
            found.push(format!("status {} for {}", served.status, recorded.status));
            return found;
        }
        for name in self.headers {
            let (ours, theirs) = (served.header(name), recorded.header(name));
            if ours != theirs.as_deref() {
                found.push(format!("{name}: {ours:?} for {theirs:?}"));
            }
        }
        if method != "HEAD" && recorded.is_whole() {
            self.bodies(recorded.body(), &served.body, &mut found);
        }
        found
    }

    fn bodies(&self, recorded: &str, served: &str, found: &mut Vec<String>) {
        match (parsed(recorded), parsed(served)) {
            (Some(recorded), Some(served)) => self.values(&recorded, &served, "", found),
            // Of a page for people only the kind counts.
            (None, None) if is_page(recorded) && is_page(served) => {}
            (None, None) if recorded.trim_end() == served.trim_end() => {}
            _ => found.push(format!("body {served:?} for {recorded:?}")),
        }
    }

    fn values(&self, recorded: &Value, served: &Value, path: &str, found: &mut Vec<String>) {
        if ends(path, self.opaque) {
            return;
        }
        match (recorded, served) {
            (Value::Object(recorded), Value::Object(served)) => {
                let keys: BTreeSet<_> = recorded.keys().chain(served.keys()).collect();
                for key in keys {
                    let path = format!("{path}.{key}");
                    match (recorded.get(key), served.get(key)) {
                        (Some(recorded), Some(served)) => {
                            self.values(recorded, served, &path, found);
                        }
                        _ if ends(&path, self.optional) => {}
                        (Some(_), None) => found.push(format!("{path} is missing")),
                        _ => found.push(format!("{path} is too much")),
                    }
                }
            }
            (Value::Array(recorded), Value::Array(served)) => {
                if recorded.len() != served.len() {
                    found.push(format!(
                        "{path}: {} rows for {}",
                        served.len(),
                        recorded.len()
                    ));
                }
                let [recorded, served] = [recorded, served].map(|rows| {
                    let mut rows = rows.clone();
                    if ends(path, self.unordered) {
                        rows.sort_by_key(|row| row.get("name").unwrap_or(row).to_string());
                    }
                    rows
                });
                for (recorded, served) in recorded.iter().zip(&served) {
                    self.values(recorded, served, &format!("{path}[]"), found);
                }
            }
            _ => {
                let is_other_type = kind(recorded) != kind(served);
                if is_other_type || ((self.must_agree)(path) && recorded != served) {
                    found.push(format!("{path}: {served} for {recorded}"));
                }
            }
        }
    }
}

fn is_page(body: &str) -> bool {
    body.trim_start().starts_with('<')
}

fn parsed(body: &str) -> Option<Value> {
    let mut value: Value = serde_json::from_str(body).ok()?;
    if let Some(token) = value.get("token").and_then(Value::as_str) {
        value["token"] = access(token);
    }
    Some(value)
}

/// What a token grants, in place of the token.
fn access(token: &str) -> Value {
    let claims = token.split('.').nth(1).unwrap();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let mut granted = claims["access"].clone();
    for entry in granted.as_array_mut().into_iter().flatten() {
        let actions = entry["actions"].as_array_mut().unwrap();
        actions.sort_by_key(Value::to_string);
        entry["actions"] = Value::from(serde_json::to_string(actions).unwrap());
    }
    Value::from(format!("{} {granted}", claims["sub"]))
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}
