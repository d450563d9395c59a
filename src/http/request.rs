use std::{fmt, time::Duration};

use reqwest::{
    Method,
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER},
};
use serde::Deserialize;
use url::Url;

use super::{
    account::Account,
    answer::{Answer, bounded},
    client::HttpClient,
    count::{RequestCount, Sending},
    fault::classify,
    gate::Verdict,
    retry::{Attempts, Patience, retry_after},
};
use crate::error::{ErrorContext, IntegrationError, Step, Violation};

/// How much of an answer is read, after decompression.
const BODY_LIMIT: usize = 64 << 20;
/// How much of an error answer is kept.
const ERROR_BODY_LIMIT: usize = 64 << 10;
/// How many redirects within the origin are followed.
const REDIRECTS: u32 = 5;

/// A request that is safe to repeat, and what may be done for it.
#[must_use]
pub(crate) struct RequestBuilder<'a> {
    client: &'a HttpClient,
    method: Method,
    step: Step,
    url: Url,
    account: Option<Account>,
    headers: Result<HeaderMap, &'static str>,
    counts: Vec<RequestCount>,
    patience: Patience,
}

impl<'a> RequestBuilder<'a> {
    pub(super) fn new(client: &'a HttpClient, method: Method, step: Step, url: Url) -> Self {
        Self {
            client,
            method,
            step,
            url,
            account: None,
            headers: Ok(HeaderMap::new()),
            counts: Vec::new(),
            patience: Patience::default(),
        }
    }

    /// Sends the account's credentials, when its gate lets them through.
    pub(crate) fn account(mut self, account: &Account) -> Self {
        self.account = Some(account.clone());
        self
    }

    /// Sends a header. Its value is taken for a secret.
    #[allow(dead_code, reason = "Harbor 2.x needs none, bearer tokens do")]
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers = self.headers.and_then(|mut headers| {
            let key = HeaderName::try_from(name).map_err(|_| name)?;
            let mut value = HeaderValue::try_from(value).map_err(|_| name)?;
            value.set_sensitive(true);
            headers.insert(key, value);
            Ok(headers)
        });
        self
    }

    /// Counts every request that is sent, repetitions too.
    pub(crate) fn counted(mut self, count: &RequestCount) -> Self {
        self.counts.push(count.clone());
        self
    }

    /// Says whether failures are worth a repetition.
    pub(crate) const fn patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Sends the request until there is an answer that stands. Every status is an answer save
    /// 429, 502, 503 and 504, which put the host at rest, and a first 401, which may be a
    /// lock-out. Dropping the future gives up whatever it holds.
    ///
    /// # Errors
    ///
    /// `NetworkConnectError`, `TlsVerificationFailed`, `AddressRefused`, `RegistryTypeError` (what
    /// answers is not HTTP), `ProtocolViolation`, `RateLimited`, `RegistryUnavailable`,
    /// `FailedToVerifyUsernameOrPwd` (also without having been sent, after the account's
    /// credentials were refused) and `NotSupported`.
    pub(crate) async fn send(mut self) -> Result<Answer, IntegrationError> {
        let client = self.client;
        let clock = &**client.clock();
        let account = self.account.take();
        let headers = self.all_headers(account.as_ref())?;
        let mut attempts = Attempts::new(self.patience);
        let mut asked_before = false;
        let mut redirects = 0;
        loop {
            client.guard(self.step, &self.url)?;
            let pass = match &account {
                Some(account) => Some(
                    account
                        .gate()
                        .enter(clock)
                        .await
                        .map_err(|_| refused(client.context_of(self.step, &self.url)))?,
                ),
                None => None,
            };
            let turn = client.pacing().turn(clock).await;
            if pass.as_ref().is_some_and(|pass| !pass.holds()) {
                continue;
            }
            let outcome = self.exchange(headers.clone()).await;
            drop(turn);
            let answer = match outcome {
                Ok(answer) => answer,
                Err(error @ IntegrationError::NetworkConnectError { .. }) => {
                    drop(pass);
                    let Some(delay) = attempts.after_break() else {
                        return Err(error);
                    };
                    clock.sleep(delay).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            if let Some(throttle) = Throttle::of(&answer) {
                let asked = answer
                    .header(RETRY_AFTER.as_str())
                    .and_then(|value| retry_after(value, clock.now()));
                let delay = attempts.after_throttle();
                let pause = asked.filter(|asked| !asked.is_zero()).or(delay);
                if let Some(pause) = pause {
                    client.pacing().pause(pause, clock);
                }
                if delay.is_none() {
                    return Err(throttle.error(answer.context(), asked));
                }
                continue;
            }
            if let Some(pass) = pass {
                let unauthorized = answer.status() == 401;
                let verdict = pass
                    .judge(unauthorized, answer.elapsed(), asked_before, clock)
                    .map_err(|_| refused(answer.context()))?;
                if verdict == Verdict::AskAgain {
                    asked_before = true;
                    continue;
                }
            }
            match redirection(&self.url, &answer)? {
                Some(target) if redirects < REDIRECTS => {
                    redirects += 1;
                    self.url = target;
                }
                Some(_) => return Err(answer.violation(Violation::Status)),
                None => return Ok(answer),
            }
        }
    }

    fn all_headers(&mut self, account: Option<&Account>) -> Result<HeaderMap, IntegrationError> {
        let unfit = |name| IntegrationError::ProtocolViolation {
            context: Box::new(self.client.context_of(self.step, &self.url)),
            violation: Violation::Header(name),
            source: None,
        };
        let mut headers =
            std::mem::replace(&mut self.headers, Ok(HeaderMap::new())).map_err(unfit)?;
        if let Some(account) = account {
            let value = account
                .authorization()
                .map_err(|_| unfit(AUTHORIZATION.as_str()))?;
            headers.insert(AUTHORIZATION, value);
        }
        Ok(headers)
    }

    /// One request and its whole answer.
    async fn exchange(&self, headers: HeaderMap) -> Result<Answer, IntegrationError> {
        let clock = self.client.clock();
        let begun = clock.monotonic();
        let outcome = self.transmit(headers, begun).await;
        let elapsed = clock.monotonic().saturating_sub(begun);
        tracing::debug!(
            method = %self.method,
            host = self.url.host_str(),
            path = self.url.path(),
            status = outcome.as_ref().ok().map(Answer::status),
            error = outcome.as_ref().err().map(tracing::field::display),
            elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            "request"
        );
        outcome
    }

    async fn transmit(
        &self,
        headers: HeaderMap,
        begun: Duration,
    ) -> Result<Answer, IntegrationError> {
        let mut context = self.client.context_of(self.step, &self.url);
        let sending = Sending::new(&self.counts);
        let outcome = self
            .client
            .transport()
            .request(self.method.clone(), self.url.clone())
            .headers(headers)
            .send()
            .await;
        let mut response = match outcome {
            Ok(response) => response,
            Err(error) => {
                if error.is_connect() || error.is_builder() {
                    sending.was_not_sent();
                }
                return Err(classify(error, context));
            }
        };
        drop(sending);
        let elapsed = self.client.clock().monotonic().saturating_sub(begun);
        let status = response.status();
        context.status = Some(status.as_u16());
        context.request_id = response
            .headers()
            .get("x-request-id")
            .and_then(|id| id.to_str().ok())
            .map(bounded);
        let is_error = status.is_client_error() || status.is_server_error();
        let limit = match is_error {
            true => ERROR_BODY_LIMIT,
            false => BODY_LIMIT,
        };
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| classify(error, context.clone()))?
        {
            let room = limit - body.len();
            body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if chunk.len() > room {
                if is_error {
                    break;
                }
                return Err(IntegrationError::ProtocolViolation {
                    context: Box::new(context),
                    violation: Violation::TooLarge {
                        limit: limit as u64,
                    },
                    source: None,
                });
            }
        }
        Ok(Answer {
            context,
            status: status.as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body,
            elapsed,
        })
    }
}

impl fmt::Debug for RequestBuilder<'_> {
    /// Without the query, which may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBuilder")
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .field("path", &self.url.path())
            .finish_non_exhaustive()
    }
}

fn refused(context: ErrorContext) -> IntegrationError {
    IntegrationError::FailedToVerifyUsernameOrPwd {
        context: Box::new(context),
    }
}

/// Where a redirect leads, which must be within the origin of the request.
fn redirection(url: &Url, answer: &Answer) -> Result<Option<Url>, IntegrationError> {
    if !matches!(answer.status(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = answer.header(LOCATION.as_str()) else {
        return Ok(None);
    };
    let target = url
        .join(location)
        .map_err(|_| answer.violation(Violation::Header("location")))?;
    let plain = target.username().is_empty() && target.password().is_none();
    if plain && target.origin() == url.origin() {
        Ok(Some(target))
    } else {
        Err(answer.violation(Violation::ForeignRedirect))
    }
}

/// A server that asks for patience.
#[derive(Debug, Clone, Copy)]
enum Throttle {
    Rate,
    Unavailable,
}

impl Throttle {
    fn of(answer: &Answer) -> Option<Self> {
        match answer.status() {
            429 => Some(Self::Rate),
            // A 401 is a verdict on credentials whatever its text says.
            ..=399 | 401 => None,
            _ if says_too_many_requests(answer.body()) => Some(Self::Rate),
            502..=504 => Some(Self::Unavailable),
            _ => None,
        }
    }

    fn error(self, context: ErrorContext, retry_after: Option<Duration>) -> IntegrationError {
        let context = Box::new(context);
        match self {
            Self::Rate => IntegrationError::RateLimited {
                context,
                retry_after,
            },
            Self::Unavailable => IntegrationError::RegistryUnavailable {
                context,
                retry_after,
            },
        }
    }
}

/// Registries also say it in the body, under another status.
fn says_too_many_requests(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct ErrorsWire {
        errors: Vec<ErrorWire>,
    }
    #[derive(Deserialize)]
    struct ErrorWire {
        code: String,
    }
    serde_json::from_slice::<ErrorsWire>(body).is_ok_and(|body| {
        body.errors
            .iter()
            .any(|error| error.code == "TOOMANYREQUESTS")
    })
}
