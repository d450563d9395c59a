use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{Harbor, refusal};
use crate::simulator::{
    exchange::{Answer, Request},
    jwt,
};

const COOKIE: &str = "_gorilla_csrf";
const HEADER: &str = "X-Harbor-CSRF-Token";

/// How long the cookie lasts.
const LIFETIME: Duration = Duration::from_secs(12 * 3600);

/// What keeps one request from being forged: a secret in a cookie, and the same in a header,
/// masked anew by every answer.
pub(super) struct Csrf<'a> {
    harbor: &'a Harbor,
    request: &'a Request,
    /// Of which number the secret is made.
    secret: u64,
    is_new: bool,
}

impl<'a> Csrf<'a> {
    /// Nothing where the API and the registry are asked without a cookie `sid`, be it worth
    /// something or not.
    pub(super) fn of(harbor: &'a Harbor, request: &'a Request) -> Option<Self> {
        if request.cookie("sid").is_none() && !request.path.starts_with("/c/") {
            return None;
        }
        let known = request
            .cookie(COOKIE)
            .and_then(jwt::verify)
            .and_then(|claims| claims.get("csrf").and_then(Value::as_u64));
        Some(Self {
            harbor,
            request,
            secret: known.unwrap_or(request.number),
            is_new: known.is_none(),
        })
    }

    /// Why the request must not be looked at any further.
    pub(super) fn refusal(&self) -> Option<Answer> {
        if ["GET", "HEAD", "OPTIONS", "TRACE"].contains(&self.request.method.as_str()) {
            return None;
        }
        let reason = self.foreign_origin().or_else(|| self.wrong_token())?;
        Some(refusal::error(403, "FORBIDDEN", reason))
    }

    fn wrong_token(&self) -> Option<&'static str> {
        let invalid = "CSRF token invalid";
        match self.request.header(HEADER) {
            None if self.harbor.release.tells_missing_csrf_token() => {
                Some("CSRF token not found in request")
            }
            None => Some(invalid),
            Some(token) => (unmasked(token) != Some(bytes(self.secret))).then_some(invalid),
        }
    }

    /// Read from the source of gorilla/csrf 1.7.3, which takes every server for one of https; no
    /// release with it was recorded. Versions before it, behind a server, look at no header.
    fn foreign_origin(&self) -> Option<&'static str> {
        if !self.harbor.checks_origin() {
            return None;
        }
        let own = format!("https://{}", self.request.header("Host")?);
        let is_own = |url: &str| {
            url.strip_prefix(own.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match (
            self.request.header("Origin"),
            self.request.header("Referer"),
        ) {
            (Some(origin), _) => (!is_own(origin)).then_some("origin invalid"),
            (None, Some(referer)) => (!is_own(referer)).then_some("referer invalid"),
            (None, None) => Some("referer not supplied"),
        }
    }

    /// The answer with what the next request needs.
    pub(super) fn hand_out(&self, mut answer: Answer) -> Answer {
        if self.is_new {
            let value = jwt::sign(&json!({ "csrf": self.secret }));
            let is_secure = !self.harbor.external_url().starts_with("http://");
            let secure = if is_secure { " Secure;" } else { "" };
            let expires = self.harbor.http_date(LIFETIME);
            let age = LIFETIME.as_secs();
            let cookie = format!(
                "{COOKIE}={value}; Path=/; Expires={expires}; Max-Age={age}; HttpOnly;{secure} \
                 SameSite=Strict"
            );
            answer = answer.with("Set-Cookie", cookie);
        }
        answer.with(HEADER, masked(self.secret, self.request.number))
    }
}

/// A mask, and the secret under it.
fn masked(secret: u64, mask: u64) -> String {
    let mask = bytes(!mask);
    let secret = bytes(secret).into_iter().zip(mask).map(|(a, b)| a ^ b);
    let token: Vec<u8> = mask.into_iter().chain(secret).collect();
    BASE64_STANDARD.encode(token)
}

fn unmasked(token: &str) -> Option<[u8; 32]> {
    let token = BASE64_STANDARD.decode(token).ok()?;
    let (mask, secret) = token.split_at_checked(32)?;
    let bytes: Vec<u8> = secret.iter().zip(mask).map(|(a, b)| a ^ b).collect();
    bytes.try_into().ok().filter(|_| secret.len() == 32)
}

fn bytes(number: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (place, chunk) in bytes.chunks_exact_mut(8).enumerate() {
        let mut hasher = DefaultHasher::new();
        (number, place).hash(&mut hasher);
        chunk.copy_from_slice(&hasher.finish().to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_shows_its_secret_only_to_who_takes_the_mask_off() {
        let (one, other) = (masked(7, 1), masked(7, 2));
        assert_ne!(one, other);
        assert_eq!(one.len(), 88);
        assert_eq!(unmasked(&one), Some(bytes(7)));
        assert_eq!(unmasked(&other), Some(bytes(7)));
        assert_ne!(unmasked(&masked(8, 1)), Some(bytes(7)));
        let long = BASE64_STANDARD.encode([0; 96]);
        for garbage in ["", "AAAA", "!", long.as_str()] {
            assert_eq!(unmasked(garbage), None);
        }
    }
}
