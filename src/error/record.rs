use serde::{Deserialize, Serialize};

use super::{ErrorCode, Guidance, IntegrationError, Language, Step};

/// An error as it is stored in the inventory and sent in reports. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ErrorRecord {
    /// The stable code.
    pub code: ErrorCode,
    /// What happened, with host, step, status and request id, and its causes.
    pub message: String,
    /// What the operator should do.
    pub remedy: String,
    /// The host and port that were asked, where the error is a registry's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// What was being done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// The HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The id under which the server logged the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Whether another try may help.
    pub retryable: bool,
}

impl ErrorRecord {
    /// A record of any coded error. The message is the error's text and those of its sources.
    #[must_use]
    pub fn new(
        code: ErrorCode,
        error: &(dyn std::error::Error + 'static),
        guidance: &Guidance,
    ) -> Self {
        Self {
            code,
            message: with_sources(error),
            remedy: guidance.remedy.into(),
            host: None,
            step: None,
            status: None,
            request_id: None,
            retryable: false,
        }
    }
}

impl From<&IntegrationError> for ErrorRecord {
    fn from(error: &IntegrationError) -> Self {
        let context = error.context();
        Self {
            host: Some(context.host.clone()),
            step: Some(context.step),
            status: context.status,
            request_id: context.request_id.clone(),
            retryable: error.is_retryable(),
            remedy: error.remedy(Language::English),
            ..Self::new(error.code(), error, &error.guidance(Language::English))
        }
    }
}

fn with_sources(error: &(dyn std::error::Error + 'static)) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message.push_str(": ");
        message.push_str(&cause.to_string());
        source = cause.source();
    }
    message
}
