use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use secrecy::ExposeSecret;

use super::{
    credentials::AccessKey,
    fault::{Class, Told, asked_wait, violation},
    signature::{Canonical, ordered, payload_hash},
};
use crate::{
    clock::{Clock, Timestamp},
    error::Violation,
    http::{Answer, Judgement, Outgoing, Signed, Signing, Throttle},
};

/// Makes a text that no other attempt has.
pub(super) type Nonce = Arc<dyn Fn() -> String + Send + Sync>;

/// Signs the attempts of one call, and reads what the API answers to them.
pub(super) struct Signer {
    pub(super) key: Arc<AccessKey>,
    pub(super) action: &'static str,
    pub(super) version: &'static str,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) nonce: Nonce,
}

impl Signing for Signer {
    /// Over the smallest set of headers that the API takes: proxies may change the others.
    fn sign(&self, outgoing: &Outgoing<'_>) -> Signed {
        let payload_hash = payload_hash(outgoing.body);
        let mut headers = vec![
            ("host", outgoing.host.to_owned()),
            ("x-acs-action", self.action.to_owned()),
            ("x-acs-version", self.version.to_owned()),
            ("x-acs-date", date(self.clock.now())),
            ("x-acs-signature-nonce", (self.nonce)()),
            ("x-acs-content-sha256", payload_hash.clone()),
        ];
        if let Some(content_type) = outgoing.content_type {
            headers.push(("content-type", content_type.to_owned()));
        }
        if let Some(token) = &self.key.security_token {
            headers.push(("x-acs-accesskey-id", self.key.id.clone()));
            headers.push(("x-acs-security-token", token.expose_secret().to_owned()));
        }
        let query = ordered(outgoing.query);
        let canonical = Canonical {
            method: outgoing.method,
            path: outgoing.path,
            query: &query,
            headers: &headers,
            payload_hash: &payload_hash,
        };
        let string_to_sign = canonical.string_to_sign();
        let authorization = canonical.authorization(&self.key.id, self.key.secret.expose_secret());
        headers.push(("authorization", authorization));
        Signed {
            headers,
            string_to_sign,
        }
    }

    fn request_id(&self, answer: &Answer) -> Option<String> {
        Told::of(answer)?.request_id()
    }

    fn judge(&self, answer: &Answer, signed: &Signed) -> Judgement {
        let Some(told) = Told::of(answer).filter(|told| told.is_failure(answer.status())) else {
            // What is no answer of the API is judged by its status.
            return match Throttle::of(answer) {
                Some(throttle) => Judgement::Wait(throttle, asked_wait(answer)),
                None => Judgement::Stands,
            };
        };
        match told.class() {
            Class::BadSignature if told.signed_otherwise(&signed.string_to_sign) => {
                let context = Box::new(answer.context());
                Judgement::Fails(violation(
                    context,
                    Violation::Signature,
                    Some(told.reason()),
                ))
            }
            Class::BadKey | Class::BadSignature | Class::BadToken => {
                Judgement::Refused(told.reason())
            }
            Class::NonceUsed => Judgement::AskAgain,
            _ => match told.patience(answer) {
                Some(throttle) => Judgement::Wait(throttle, asked_wait(answer)),
                None => Judgement::Stands,
            },
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("action", &self.action)
            .finish_non_exhaustive()
    }
}

/// To the second, in UTC.
pub(super) fn date(now: Timestamp) -> String {
    let nanos = now.as_unix_nanos();
    Timestamp::from_unix_nanos(nanos - nanos.rem_euclid(1_000_000_000)).to_string()
}

/// 128 bits in hexadecimal, by keys that the operating system has drawn for this process.
pub(super) fn nonces() -> Nonce {
    let keys = [RandomState::new(), RandomState::new()];
    let count = AtomicU64::new(0);
    Arc::new(move || {
        let number = count.fetch_add(1, Ordering::Relaxed);
        let [high, low] = [&keys[0], &keys[1]].map(|key| key.hash_one(number));
        format!("{high:016x}{low:016x}")
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_nonce_comes_twice_and_none_is_another_makers() {
        let (one, other) = (nonces(), nonces());
        let drawn: HashSet<_> = (0..1000).flat_map(|_| [one(), other()]).collect();
        assert_eq!(drawn.len(), 2000);
        assert!(drawn.iter().all(|nonce| nonce.len() == 32));
    }

    #[test]
    fn the_date_has_no_fraction() {
        let at = |text: &str| date(text.parse().unwrap());
        assert_eq!(at("2026-01-02T03:04:05.678Z"), "2026-01-02T03:04:05Z");
        assert_eq!(at("1969-12-31T23:59:59.5Z"), "1969-12-31T23:59:59Z");
    }
}
