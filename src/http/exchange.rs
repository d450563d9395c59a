use std::{sync::Arc, time::Duration};

use reqwest::{Method, Response, StatusCode, header::HeaderMap};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;
use url::Url;

use super::{
    answer::{Answer, bounded},
    client::HttpClient,
    count::{RequestCount, Sending},
    fault::{classify, explained, is_refused_by_proxy},
    stopwatch::Stopwatch,
};
use crate::error::{ErrorContext, IntegrationError, NetworkPhase, Step, Violation};

/// One request and its whole answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exchange<'a> {
    pub(super) client: &'a HttpClient,
    pub(super) method: &'a Method,
    pub(super) step: Step,
    pub(super) url: &'a Url,
    pub(super) body: Option<&'a SecretString>,
    pub(super) counts: &'a [RequestCount],
    /// How much of an answer is read that is no error, after decompression.
    pub(super) limit: usize,
    /// What is asked for, where the path does not say it.
    pub(super) subject: Option<&'a str>,
}

/// An exchange that came to no answer.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) error: IntegrationError,
    /// Whether the server may have seen the request.
    pub(super) sent: bool,
}

impl From<IntegrationError> for Failed {
    fn from(error: IntegrationError) -> Self {
        Self { error, sent: true }
    }
}

impl Exchange<'_> {
    /// Sends the request, reads the answer and says so in the log.
    pub(super) async fn run(self, headers: HeaderMap) -> Result<Answer, Failed> {
        let clock = self.client.clock();
        let begun = clock.monotonic();
        let outcome = self.transmit(headers).await;
        let elapsed = clock.monotonic().saturating_sub(begun);
        tracing::debug!(
            method = %self.method,
            host = self.url.host_str(),
            path = self.url.path(),
            subject = self.subject.map(tracing::field::debug),
            status = outcome.as_ref().ok().map(Answer::status),
            error = outcome.as_ref().err().map(|failed| tracing::field::display(&failed.error)),
            elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            "request"
        );
        outcome
    }

    async fn transmit(self, headers: HeaderMap) -> Result<Answer, Failed> {
        let mut context = self.client.context_of(self.step, self.url);
        if let Some(subject) = self.subject {
            context = context.with_subject(subject);
        }
        let transport = match self.client.transport().await {
            Ok(transport) => transport,
            Err(error) => return Err(Failed { error, sent: false }),
        };
        let stopwatch = Stopwatch::start(Arc::clone(self.client.clock()));
        let head = stopwatch.watch(self.head(transport, headers)).await;
        if self.url.origin() == self.client.origin().origin() {
            stopwatch.attempt().tell();
        }
        let mut response = match head {
            Ok(response) => response,
            Err(error) => {
                let sent = may_have_been_sent(&error);
                let error = if is_refused_by_proxy(&error) {
                    self.client.refused_by_proxy()
                } else {
                    explained(
                        classify(error, context),
                        stopwatch.attempt(),
                        self.client.sources(),
                    )
                };
                return Err(Failed { error, sent });
            }
        };
        let elapsed = stopwatch.elapsed();
        let status = response.status();
        if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED
            && self.client.goes_by_proxy(self.url)
        {
            let error = self.client.refused_by_proxy();
            return Err(Failed { error, sent: false });
        }
        context.status = Some(status.as_u16());
        context.request_id = response
            .headers()
            .get("x-request-id")
            .or_else(|| response.headers().get("x-acs-request-id"))
            .and_then(|id| id.to_str().ok())
            .map(bounded);
        let headers = std::mem::take(response.headers_mut());
        let limit = self.client.body_timeout();
        let reading = async {
            if status.is_client_error() || status.is_server_error() {
                let limit = self.client.limits().error_body;
                at_most(limit, response, &context)
                    .await
                    .map(|(body, _)| body)
            } else {
                whole(self.limit, response, &context).await
            }
        };
        let body = timeout(limit, reading)
            .await
            .unwrap_or_else(|_| Err(never_whole(limit, &context)))?;
        Ok(Answer {
            context,
            status: status.as_u16(),
            headers,
            body,
            elapsed,
        })
    }

    /// The answer as far as its headers.
    async fn head(
        self,
        transport: reqwest::Client,
        headers: HeaderMap,
    ) -> reqwest::Result<Response> {
        let sending = Sending::new(self.counts);
        let mut request = transport
            .request(self.method.clone(), self.url.clone())
            .headers(headers);
        if let Some(body) = self.body {
            request = request.body(body.expose_secret().to_owned());
        }
        let outcome = request.send().await;
        match &outcome {
            Err(error) if !may_have_been_sent(error) => sending.was_not_sent(),
            _ => drop(sending),
        }
        outcome
    }
}

fn may_have_been_sent(error: &reqwest::Error) -> bool {
    !error.is_connect() && !error.is_builder()
}

/// The server kept sending, each time before the read time-out, and came to no end.
#[derive(Debug, thiserror::Error)]
#[error("the body was not whole after {} s", .limit.as_secs_f64())]
struct NeverWhole {
    limit: Duration,
}

fn never_whole(limit: Duration, context: &ErrorContext) -> IntegrationError {
    IntegrationError::NetworkConnectError {
        context: Box::new(context.clone()),
        phase: NetworkPhase::ResponseTimeout,
        sources: None,
        source: Some(Box::new(NeverWhole { limit })),
    }
}

async fn whole(
    limit: usize,
    response: Response,
    context: &ErrorContext,
) -> Result<Vec<u8>, IntegrationError> {
    let (body, is_whole) = at_most(limit, response, context).await?;
    if is_whole {
        return Ok(body);
    }
    Err(IntegrationError::ProtocolViolation {
        context: Box::new(context.clone()),
        violation: Violation::TooLarge {
            limit: limit as u64,
        },
        source: None,
    })
}

/// The first `limit` bytes of a body, and whether they are all.
async fn at_most(
    limit: usize,
    mut response: Response,
    context: &ErrorContext,
) -> Result<(Vec<u8>, bool), IntegrationError> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| classify(error, context.clone()))?
    {
        let room = limit - body.len();
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if chunk.len() > room {
            return Ok((body, false));
        }
    }
    Ok((body, true))
}
