//! Tokens of the token service.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{clock::Timestamp, simulator::jwt};

const LIFETIME: Duration = Duration::from_secs(1800);

/// The answer of the token service.
pub(in crate::simulator) fn issue(
    subject: Option<&str>,
    access: Vec<Value>,
    now: Timestamp,
) -> Value {
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
    let issued = Timestamp::from_unix_nanos(seconds(now) * 1_000_000_000);
    json!({
        "token": jwt::sign(&claims),
        "access_token": "",
        "expires_in": LIFETIME.as_secs(),
        "issued_at": issued.to_string(),
    })
}

/// The claims of a token that was issued here and has not expired.
pub(in crate::simulator) fn read(token: &str, now: Timestamp) -> Option<Value> {
    let claims = jwt::verify(token)?;
    let expiry = claims.get("exp")?.as_i64()?;
    (now.as_unix_nanos() / 1_000_000_000 < expiry).then_some(claims)
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
        assert!(jwt::grants_pull(&claims, "a/b"));
        assert!(!jwt::grants_pull(&claims, "a/c"));
        let later = Timestamp::UNIX_EPOCH.saturating_add(LIFETIME);
        assert_eq!(read(token, later), None);
        assert_eq!(read("header.e30.0", Timestamp::UNIX_EPOCH), None);
    }
}
