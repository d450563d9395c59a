use std::time::Duration;

use reqwest::{Method, Response, header::HeaderMap};
use url::Url;

use super::{
    answer::{Answer, bounded},
    client::HttpClient,
    count::{RequestCount, Sending},
    fault::classify,
};
use crate::error::{ErrorContext, IntegrationError, Step, Violation};

/// How much of an answer is read, after decompression.
const BODY_LIMIT: usize = 64 << 20;
/// How much of an error answer is kept.
const ERROR_BODY_LIMIT: usize = 64 << 10;

/// One request and its whole answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exchange<'a> {
    pub(super) client: &'a HttpClient,
    pub(super) method: &'a Method,
    pub(super) step: Step,
    pub(super) url: &'a Url,
    pub(super) counts: &'a [RequestCount],
}

impl Exchange<'_> {
    /// Sends the request, reads the answer and says so in the log.
    pub(super) async fn run(self, headers: HeaderMap) -> Result<Answer, IntegrationError> {
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
        self,
        headers: HeaderMap,
        begun: Duration,
    ) -> Result<Answer, IntegrationError> {
        let mut context = self.client.context_of(self.step, self.url);
        let mut response = match self.head(headers).await {
            Ok(response) => response,
            Err(error) => return Err(classify(error, context)),
        };
        let elapsed = self.client.clock().monotonic().saturating_sub(begun);
        let status = response.status();
        context.status = Some(status.as_u16());
        context.request_id = response
            .headers()
            .get("x-request-id")
            .and_then(|id| id.to_str().ok())
            .map(bounded);
        let headers = std::mem::take(response.headers_mut());
        let body = if status.is_client_error() || status.is_server_error() {
            beginning(response, &context).await?
        } else {
            whole(response, &context).await?
        };
        Ok(Answer {
            context,
            status: status.as_u16(),
            headers,
            body,
            elapsed,
        })
    }

    /// The answer as far as its headers.
    async fn head(self, headers: HeaderMap) -> reqwest::Result<Response> {
        let sending = Sending::new(self.counts);
        let outcome = self
            .client
            .transport()
            .request(self.method.clone(), self.url.clone())
            .headers(headers)
            .send()
            .await;
        match &outcome {
            Err(error) if error.is_connect() || error.is_builder() => sending.was_not_sent(),
            _ => drop(sending),
        }
        outcome
    }
}

async fn whole(response: Response, context: &ErrorContext) -> Result<Vec<u8>, IntegrationError> {
    let (body, is_whole) = at_most(BODY_LIMIT, response, context).await?;
    if is_whole {
        return Ok(body);
    }
    Err(IntegrationError::ProtocolViolation {
        context: Box::new(context.clone()),
        violation: Violation::TooLarge {
            limit: BODY_LIMIT as u64,
        },
        source: None,
    })
}

async fn beginning(
    response: Response,
    context: &ErrorContext,
) -> Result<Vec<u8>, IntegrationError> {
    let (body, _) = at_most(ERROR_BODY_LIMIT, response, context).await?;
    Ok(body)
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
