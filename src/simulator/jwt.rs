//! Tokens in the form of real ones, though their signature is one that anybody could make.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

pub(super) fn sign(claims: &Value) -> String {
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let header = encode(&json!({ "alg": "RS256", "typ": "JWT" }));
    let signed = format!("{header}.{}", encode(claims));
    format!("{signed}.{}", signature(&signed))
}

/// The claims of a token that was signed here.
pub(super) fn verify(token: &str) -> Option<Value> {
    let (signed, given) = token.rsplit_once('.')?;
    if signature(signed) != given {
        return None;
    }
    let (_, claims) = signed.split_once('.')?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    serde_json::from_slice(&claims).ok()
}

/// Whether the claims' `access` lets their bearer pull from this repository.
pub(super) fn grants_pull(claims: &Value, repository: &str) -> bool {
    let access = claims.get("access").and_then(Value::as_array);
    access.into_iter().flatten().any(|entry| {
        let actions = entry.get("actions").and_then(Value::as_array);
        entry.get("name").and_then(Value::as_str) == Some(repository)
            && actions.into_iter().flatten().any(|action| action == "pull")
    })
}

fn signature(signed: &str) -> String {
    let mut hasher = DefaultHasher::new();
    signed.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
