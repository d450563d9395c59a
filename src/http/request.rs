use std::{fmt, sync::Arc, time::Duration};

use reqwest::{
    Method,
    header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER},
};
use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};

use super::{
    account::Account,
    answer::Answer,
    budget::Budget,
    client::HttpClient,
    count::RequestCount,
    exchange::{Exchange, Failed},
    gate::{Pass, Verdict},
    retry::{Attempts, Patience, retry_after},
    signing::{Judgement, Outgoing, Signed, Signing},
    throttle::Throttle,
};
use crate::error::{BoxError, ErrorContext, IntegrationError, Step, Violation};

const UNSENT: &str = "the same secret was refused before, so it was not sent again";

/// How many redirects within the origin are followed.
pub(super) const REDIRECTS: u32 = 5;

/// A request, and what may be done for it. All but a POST are safe to repeat.
#[must_use]
pub(crate) struct RequestBuilder<'a> {
    client: &'a HttpClient,
    method: Method,
    step: Step,
    url: Url,
    account: Option<Account>,
    headers: Result<HeaderMap, &'static str>,
    body: Option<SecretString>,
    counts: Vec<RequestCount>,
    patience: Patience,
    also_refuses: fn(&Answer) -> bool,
    signing: Option<Arc<dyn Signing>>,
    budget: Option<Arc<Budget>>,
    subject: Option<String>,
    is_repeatable: bool,
}

impl<'a> RequestBuilder<'a> {
    pub(super) fn new(client: &'a HttpClient, method: Method, step: Step, url: Url) -> Self {
        Self {
            is_repeatable: method != Method::POST,
            client,
            method,
            step,
            url,
            account: None,
            headers: Ok(HeaderMap::new()),
            body: None,
            counts: Vec::new(),
            patience: Patience::default(),
            also_refuses: |_| false,
            signing: None,
            budget: None,
            subject: None,
        }
    }

    /// Sends the account's credentials, when its gate lets them through.
    pub(crate) fn account(mut self, account: &Account) -> Self {
        self.account = Some(account.clone());
        self
    }

    /// Sends a header. Its value is taken for a secret.
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

    /// Sends these fields as a form.
    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        let mut form = form_urlencoded::Serializer::new(String::new());
        let form = form.extend_pairs(fields).finish();
        self.body("application/x-www-form-urlencoded", form)
    }

    /// Sends this JSON.
    pub(crate) fn json(self, value: &serde_json::Value) -> Self {
        self.body("application/json", value.to_string())
    }

    fn body(mut self, content_type: &'static str, body: String) -> Self {
        if let Ok(headers) = &mut self.headers {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        self.body = Some(body.into());
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

    /// Takes such an answer for a refusal of the credentials, like a 401: some servers serve whom
    /// they refuse as a stranger.
    pub(crate) const fn refused_where(mut self, refuses: fn(&Answer) -> bool) -> Self {
        self.also_refuses = refuses;
        self
    }

    /// Signs each attempt anew, and reads verdicts as whoever signs does.
    pub(crate) fn signed(mut self, signing: Arc<dyn Signing>) -> Self {
        self.signing = Some(signing);
        self
    }

    /// Waits for a place of this budget before each attempt.
    pub(crate) fn within(mut self, budget: Arc<Budget>) -> Self {
        self.budget = Some(budget);
        self
    }

    /// What is asked for, where the path does not say it.
    pub(crate) fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Says that the request only reads, whatever its method.
    pub(crate) const fn reading(mut self) -> Self {
        self.is_repeatable = true;
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
        let account = self.account.take();
        let headers = self.all_headers(account.as_ref())?;
        let clock = &**self.client.clock();
        let is_repeatable = self.is_repeatable;
        let mut attempts = Attempts::new(if is_repeatable {
            self.patience
        } else {
            Patience::Probe
        });
        let (mut asked_before, mut signed_anew, mut redirects) = (false, false, 0);
        loop {
            let pass = self.admission(account.as_ref()).await?;
            let turn = self.client.pacing().turn(clock).await;
            if let Some(budget) = &self.budget {
                budget.turn(clock).await;
            }
            if pass.as_ref().is_some_and(|pass| !pass.holds()) {
                continue;
            }
            let mut headers = headers.clone();
            let signed = self.sign(&mut headers)?;
            let outcome = self.exchange().run(headers).await;
            drop(turn);
            let mut answer = match outcome {
                Ok(answer) => answer,
                Err(Failed { error, sent }) => {
                    // The answer that did not come may have been a refusal.
                    if sent && pass.is_some_and(|pass| !pass.is_proven()) {
                        return Err(error);
                    }
                    clock.sleep(after_break(error, &mut attempts)?).await;
                    continue;
                }
            };
            let signing = self.signing.as_ref();
            if let Some(id) = signing.and_then(|signing| signing.request_id(&answer)) {
                answer.context.request_id = Some(id);
            }
            let mut refusal = None;
            match self.judge(&answer, signed.as_ref()) {
                Judgement::Stands => {}
                Judgement::Refused(reason) => refusal = Some(reason),
                Judgement::Wait(throttle, asked) => {
                    self.rest(throttle, &answer, asked, &mut attempts)?;
                    continue;
                }
                Judgement::AskAgain if !signed_anew => {
                    signed_anew = true;
                    continue;
                }
                Judgement::AskAgain => match attempts.after_break() {
                    Some(pause) => {
                        clock.sleep(pause).await;
                        continue;
                    }
                    None => return Ok(answer),
                },
                Judgement::Fails(error) => return Err(error),
            }
            if let (Some(pass), Some(account)) = (pass, &account) {
                let unauthorized = refusal.is_some()
                    || account.is_refused_by(&answer)
                    || (self.also_refuses)(&answer);
                let verdict = pass
                    .judge(unauthorized, answer.elapsed(), asked_before, clock)
                    .map_err(|_| {
                        let words = || answer.words().map(Into::into);
                        refused(answer.context(), refusal.or_else(words))
                    })?;
                if verdict == Verdict::AskAgain {
                    asked_before = true;
                    continue;
                }
            }
            match self.redirection(&answer)? {
                Some(_) if !is_repeatable => return Ok(answer),
                Some(target) if redirects < REDIRECTS => {
                    redirects += 1;
                    self.url = target;
                }
                Some(_) => return Err(answer.violation(Violation::Status)),
                None => return Ok(answer),
            }
        }
    }

    /// Waits until the account's gate lets the request through, if it may be sent at all.
    async fn admission<'g>(
        &self,
        account: Option<&'g Account>,
    ) -> Result<Option<Pass<'g>>, IntegrationError> {
        self.client.guard(self.step, &self.url)?;
        let Some(account) = account else {
            return Ok(None);
        };
        if !account.may_go_to(&self.url) {
            return Err(IntegrationError::ProtocolViolation {
                context: Box::new(self.context()),
                violation: Violation::ForeignHost,
                source: None,
            });
        }
        match account.gate().enter(&**self.client.clock()).await {
            Ok(pass) => Ok(Some(pass)),
            Err(_) => Err(refused(self.context(), Some(UNSENT.into()))),
        }
    }

    /// Where a redirect leads, which must be within the origin of the request.
    fn redirection(&self, answer: &Answer) -> Result<Option<Url>, IntegrationError> {
        if !matches!(answer.status(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let Some(location) = answer.header(LOCATION.as_str()) else {
            return Ok(None);
        };
        let target = self
            .url
            .join(location)
            .map_err(|_| answer.violation(Violation::Header("location")))?;
        let plain = target.username().is_empty() && target.password().is_none();
        if plain && target.origin() == self.url.origin() {
            return Ok(Some(target));
        }
        // Where it leads to what is never dialled, that is what should be known.
        self.client.guard_address(self.step, &target)?;
        Err(answer.violation(Violation::ForeignRedirect))
    }

    fn exchange(&self) -> Exchange<'_> {
        Exchange {
            client: self.client,
            method: &self.method,
            step: self.step,
            url: &self.url,
            body: self.body.as_ref(),
            counts: &self.counts,
            limit: if is_manifest(&self.url) {
                self.client.limits().manifest
            } else {
                self.client.limits().page
            },
            subject: self.subject.as_deref(),
        }
    }

    /// Adds the signature of this attempt. The host is stated, so that what was signed is sent.
    fn sign(&self, headers: &mut HeaderMap) -> Result<Option<Signed>, IntegrationError> {
        let Some(signing) = &self.signing else {
            return Ok(None);
        };
        let unfit = |name| IntegrationError::ProtocolViolation {
            context: Box::new(self.context()),
            violation: Violation::Header(name),
            source: None,
        };
        let name = self.url.host_str().unwrap_or_default();
        let host = match self.url.port() {
            Some(port) => format!("{name}:{port}"),
            None => name.to_owned(),
        };
        let content_type = headers.get(CONTENT_TYPE);
        let signed = signing.sign(&Outgoing {
            method: self.method.as_str(),
            host: &host,
            path: self.url.path(),
            query: self.url.query().unwrap_or_default(),
            content_type: content_type.and_then(|value| value.to_str().ok()),
            body: self
                .body
                .as_ref()
                .map_or(&[], |body| body.expose_secret().as_bytes()),
        });
        headers.insert(
            HOST,
            HeaderValue::try_from(&host).map_err(|_| unfit("host"))?,
        );
        for (name, value) in &signed.headers {
            let mut value = HeaderValue::try_from(value).map_err(|_| unfit(name))?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(Some(signed))
    }

    fn judge(&self, answer: &Answer, signed: Option<&Signed>) -> Judgement {
        match (&self.signing, signed) {
            (Some(signing), Some(signed)) => signing.judge(answer, signed),
            _ => Throttle::of(answer).map_or(Judgement::Stands, |throttle| {
                Judgement::Wait(throttle, None)
            }),
        }
    }

    fn context(&self) -> ErrorContext {
        let context = self.client.context_of(self.step, &self.url);
        match &self.subject {
            Some(subject) => context.with_subject(subject),
            None => context,
        }
    }

    /// Puts the host at rest for as long as the answer asks for, or for a growing while.
    fn rest(
        &self,
        throttle: Throttle,
        answer: &Answer,
        asked: Option<Duration>,
        attempts: &mut Attempts,
    ) -> Result<(), IntegrationError> {
        let clock = &**self.client.clock();
        let in_header = || {
            let value = answer.header(RETRY_AFTER.as_str())?;
            retry_after(value, clock.now())
        };
        let asked = asked.or_else(in_header);
        let pause = attempts.after_throttle(asked, clock.monotonic());
        if let Some(pause) = pause.or(asked) {
            self.client.pacing().pause(pause, clock);
            if let Some(budget) = &self.budget {
                budget.give_way(throttle, pause, clock);
            }
        }
        match pause {
            Some(_) => Ok(()),
            None => Err(throttle.error(answer.context(), asked)),
        }
    }

    fn all_headers(&mut self, account: Option<&Account>) -> Result<HeaderMap, IntegrationError> {
        let context = self.context();
        let unfit = |name| IntegrationError::ProtocolViolation {
            context: Box::new(context.clone()),
            violation: Violation::Header(name),
            source: None,
        };
        let mut headers =
            std::mem::replace(&mut self.headers, Ok(HeaderMap::new())).map_err(unfit)?;
        if let Some(account) = account {
            account.authorize(&mut headers).map_err(unfit)?;
        }
        Ok(headers)
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

/// Whether it is a manifest that is asked for: `/v2/{name}/manifests/{reference}`, and Quay's
/// `/api/v1/repository/{name}/manifest/{digest}`.
fn is_manifest(url: &Url) -> bool {
    let mut segments = url.path().rsplit('/').skip(1);
    matches!(segments.next(), Some("manifests" | "manifest"))
}

/// How long to wait before a failed connection is tried again, if that is of any use.
fn after_break(
    error: IntegrationError,
    attempts: &mut Attempts,
) -> Result<Duration, IntegrationError> {
    match error {
        IntegrationError::NetworkConnectError { .. } => attempts.after_break().ok_or(error),
        _ => Err(error),
    }
}

fn refused(context: ErrorContext, source: Option<BoxError>) -> IntegrationError {
    IntegrationError::FailedToVerifyUsernameOrPwd {
        context: Box::new(context),
        source,
    }
}
