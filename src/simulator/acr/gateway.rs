use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use super::{
    keys::{AccessKey, AccessKeys},
    logins::Logins,
    moments,
    readings::Readings,
    refusal::Refusal,
    scans::Scans,
    signature::{Authorization, sign},
    throttle::Throttle,
};
use crate::{
    clock::{Clock, Timestamp},
    simulator::exchange::Request,
};

/// How far a request's date may be from the server's.
const SKEW: Duration = Duration::from_secs(15 * 60);

/// What stands before the services of both editions: it knows the access keys, checks signatures,
/// and throttles.
#[derive(Debug)]
pub(super) struct Gateway {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) readings: Readings,
    pub(super) region: String,
    pub(super) keys: AccessKeys,
    pub(super) logins: Logins,
    pub(super) scans: Scans,
    pub(super) throttle: Throttle,
    /// Of the registry's own API and its token service.
    pub(super) url: OnceLock<String>,
}

impl Gateway {
    pub(super) fn new(clock: Arc<dyn Clock>, region: String, readings: Readings) -> Self {
        Self {
            clock,
            readings,
            region,
            keys: AccessKeys::default(),
            logins: Logins::default(),
            scans: Scans::default(),
            throttle: Throttle::default(),
            url: OnceLock::new(),
        }
    }

    pub(super) fn url(&self) -> &str {
        self.url.get().map_or("", String::as_str)
    }

    /// The key by which a request is signed rightly. The order of the checks is known from no
    /// source.
    pub(super) fn admit(&self, request: &Request) -> Result<AccessKey, Refusal> {
        let now = self.clock.now();
        let sent = request.authorization().and_then(Authorization::parse);
        let sent = sent.filter(|sent| sent.covers(request));
        let sent = sent.ok_or_else(Refusal::incomplete_signature)?;
        let [date, nonce, _] = [
            "x-acs-date",
            "x-acs-signature-nonce",
            "x-acs-content-sha256",
        ]
        .map(|name| {
            request
                .header(name)
                .ok_or_else(Refusal::incomplete_signature)
        });
        check_date(date?, now)?;
        let nonce = nonce?;
        let key = self.identify(&sent, request, now);
        let key = key.inspect_err(|_| self.keys.count_refusal(sent.access_key_id))?;
        if !self.keys.use_nonce(&key.id, nonce, now, 2 * SKEW) {
            let message = "Specified signature nonce was used already.";
            return Err(Refusal::gateway(400, "SignatureNonceUsed", message));
        }
        if !self.throttle.admits(&key.id, self.clock.monotonic()) {
            let message = "Request was denied due to user flow control.";
            return Err(Refusal::gateway(400, "Throttling.User", message));
        }
        Ok(key)
    }

    fn identify(
        &self,
        sent: &Authorization<'_>,
        request: &Request,
        now: Timestamp,
    ) -> Result<AccessKey, Refusal> {
        let key = self.keys.find(sent.access_key_id).ok_or_else(|| {
            let message = "Specified access key is not found.";
            Refusal::gateway(404, "InvalidAccessKeyId.NotFound", message)
        })?;
        if !key.is_active {
            let message = "Specified access key is disabled.";
            return Err(Refusal::gateway(
                400,
                "InvalidAccessKeyId.Inactive",
                message,
            ));
        }
        check_token(&key, request, now)?;
        let string_to_sign = sent.string_to_sign(request);
        let string_to_sign = string_to_sign.ok_or_else(Refusal::incomplete_signature)?;
        if sign(&key.secret, &string_to_sign).as_deref() != Some(sent.signature) {
            let message = format!(
                "Specified signature does not match our calculation. server string to sign \
                 is:{string_to_sign}"
            );
            return Err(Refusal::gateway(400, "SignatureDoesNotMatch", &message));
        }
        Ok(key)
    }
}

fn check_date(date: &str, now: Timestamp) -> Result<(), Refusal> {
    let Some(date) = moments::parse(date) else {
        let message = "Specified time stamp or date value is not well formatted.";
        return Err(Refusal::gateway(400, "InvalidTimeStamp.Format", message));
    };
    if moments::apart(date, now) > SKEW {
        let message = "Specified time stamp or date value is expired.";
        return Err(Refusal::gateway(400, "InvalidTimeStamp.Expired", message));
    }
    Ok(())
}

fn check_token(key: &AccessKey, request: &Request, now: Timestamp) -> Result<(), Refusal> {
    let sent = request.header("x-acs-security-token");
    let refused = |code: &str, message: &str| Err(Refusal::gateway(400, code, message));
    match (&key.token, sent) {
        (None, None) => Ok(()),
        (Some(_), None) => {
            let message = "SecurityToken is mandatory for this action.";
            refused("MissingSecurityToken", message)
        }
        (Some(right), Some(sent)) if right == sent => {
            if key.expires.is_some_and(|expires| expires <= now) {
                let message = "Specified SecurityToken is expired.";
                return refused("InvalidSecurityToken.Expired", message);
            }
            Ok(())
        }
        _ => {
            let message = "Specified SecurityToken is malformed.";
            refused("InvalidSecurityToken.Malformed", message)
        }
    }
}
