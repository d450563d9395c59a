use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::clock::Timestamp;

const LIFETIME: Duration = Duration::from_secs(1800);

/// The answer of the token service: a token in the form of the real one, though its signature is
/// one that anybody could make.
pub(super) fn issue(subject: Option<&str>, access: Vec<Value>, now: Timestamp) -> Value {
    let seconds = |time: Timestamp| time.as_unix_nanos() / 1_000_000_000;
    let mut claims = json!({
        "iss": "harbor-token-issuer",
        "aud": "harbor-registry",
        "exp": seconds(now.saturating_add(LIFETIME)),
        "nbf": seconds(now),
        "iat": seconds(now),
        "access": if access.is_empty() { Value::Null } else { Value::Array(access) },
    });
    if let Some(subject) = subject {
        claims["sub"] = json!(subject);
    }
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!(
        "{}.{}",
        encode(&json!({ "alg": "RS256", "typ": "JWT" })),
        encode(&claims)
    );
    let token = format!("{signed}.{}", signature(&signed));
    let issued = Timestamp::from_unix_nanos(seconds(now) * 1_000_000_000);
    json!({
        "token": token,
        "access_token": "",
        "expires_in": LIFETIME.as_secs(),
        "issued_at": issued.to_string(),
    })
}

/// The claims of a token that was issued here and has not expired.
pub(super) fn read(token: &str, now: Timestamp) -> Option<Value> {
    let (signed, signature_given) = token.rsplit_once('.')?;
    if signature(signed) != signature_given {
        return None;
    }
    let (_, claims) = signed.split_once('.')?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let expiry = claims.get("exp")?.as_i64()?;
    (now.as_unix_nanos() / 1_000_000_000 < expiry).then_some(claims)
}

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_token_is_good_for_half_an_hour_and_for_what_it_names() {
        let access = json!({ "type": "repository", "name": "a/b", "actions": ["pull"] });
        let answer = issue(Some("admin"), vec![access], Timestamp::UNIX_EPOCH);
        let token = answer["token"].as_str().unwrap();
        let claims = read(token, Timestamp::UNIX_EPOCH).unwrap();
        assert!(grants_pull(&claims, "a/b"));
        assert!(!grants_pull(&claims, "a/c"));
        let later = Timestamp::UNIX_EPOCH.saturating_add(LIFETIME);
        assert_eq!(read(token, later), None);
        assert_eq!(read("header.e30.0", Timestamp::UNIX_EPOCH), None);
    }
}
