//! Whether an answer is one that the real server gave.

use std::collections::BTreeSet;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::replay::{recording::Response, wire::Received};

/// The headers that clients read.
const HEADERS: &[&str] = &[
    "Content-Type",
    "X-Total-Count",
    "Link",
    "Www-Authenticate",
    "Docker-Content-Digest",
    "Location",
];

/// Fields whose value must be the recorded one; of the others the type must be.
const IDENTITY: &[&str] = &[
    "architecture",
    "artifact_count",
    "artifact_type",
    "child_digest",
    "child_id",
    "code",
    "current_user_role_id",
    "digest",
    "harbor_version",
    "id",
    "manifest_media_type",
    "mediaType",
    "media_type",
    "message",
    "name",
    "os",
    "private_project_count",
    "private_repo_count",
    "project_id",
    "public",
    "public_project_count",
    "public_repo_count",
    "registry_id",
    "registry_url",
    "repo_count",
    "repository_id",
    "repository_name",
    "sysadmin_flag",
    "total_project_count",
    "total_repo_count",
    "type",
    "username",
    "variant",
];

/// Where numbers and names are the server's own: ids of tags, accessories and allowlists, what is
/// inside an image's config or a chart, and the parts of a manifest that has no real content.
const UNRELATED: &[&str] = &[
    ".tags[].id",
    ".accessories[].id",
    ".cve_allowlist.id",
    ".cve_whitelist.id",
    ".extra_attrs.name",
    ".config.digest",
];

/// Where not even the keys are compared.
const OPAQUE: &[&str] = &[".extra_attrs.config", ".layers"];

/// What differs, each as one line.
pub(crate) fn differences(method: &str, recorded: &Response, served: &Received) -> Vec<String> {
    let mut found = Vec::new();
    if served.status != recorded.status {
        found.push(format!("status {} for {}", served.status, recorded.status));
        return found;
    }
    for name in HEADERS {
        let (ours, theirs) = (served.header(name), recorded.header(name));
        if ours != theirs.as_deref() {
            found.push(format!("{name}: {ours:?} for {theirs:?}"));
        }
    }
    if method != "HEAD" {
        bodies(recorded.body(), &served.body, &mut found);
    }
    found
}

fn bodies(recorded: &str, served: &str, found: &mut Vec<String>) {
    match (parsed(recorded), parsed(served)) {
        (Some(recorded), Some(served)) => values(&recorded, &served, "", found),
        // Of a page for people only the kind counts.
        (None, None) if recorded.starts_with('<') && served.starts_with('<') => {}
        (None, None) if recorded.trim_end() == served.trim_end() => {}
        _ => found.push(format!("body {served:?} for {recorded:?}")),
    }
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

fn values(recorded: &Value, served: &Value, path: &str, found: &mut Vec<String>) {
    let ends = |parts: &[&str]| parts.iter().any(|part| path.ends_with(part));
    if ends(OPAQUE) {
        return;
    }
    match (recorded, served) {
        (Value::Object(recorded), Value::Object(served)) => {
            let keys: BTreeSet<_> = recorded.keys().chain(served.keys()).collect();
            for key in keys {
                let path = format!("{path}.{key}");
                match (recorded.get(key), served.get(key)) {
                    (Some(recorded), Some(served)) => values(recorded, served, &path, found),
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
            for (recorded, served) in recorded.iter().zip(served) {
                values(recorded, served, &format!("{path}[]"), found);
            }
        }
        _ => {
            let key = path.rsplit('.').next().unwrap_or_default();
            let must_agree = IDENTITY.contains(&key) && !ends(UNRELATED) || key == "token";
            let is_scalar_list = key.ends_with("[]");
            let is_other_type = kind(recorded) != kind(served);
            if is_other_type || ((must_agree || is_scalar_list) && recorded != served) {
                found.push(format!("{path}: {served} for {recorded}"));
            }
        }
    }
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
