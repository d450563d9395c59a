use std::time::Duration;

use serde::Deserialize;

use super::answer::Answer;
use crate::error::{ErrorContext, IntegrationError};

/// A server that asks for patience.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Throttle {
    /// Too many requests.
    Rate,
    /// Not now.
    Unavailable,
}

impl Throttle {
    /// What the answer asks for, where it asks for patience.
    pub(crate) fn of(answer: &Answer) -> Option<Self> {
        match answer.status() {
            429 => Some(Self::Rate),
            // A 401 is a verdict on credentials whatever its text says.
            ..=399 | 401 => None,
            _ if says_too_many_requests(answer.body()) => Some(Self::Rate),
            502..=504 => Some(Self::Unavailable),
            _ => None,
        }
    }

    pub(super) fn error(
        self,
        context: ErrorContext,
        retry_after: Option<Duration>,
    ) -> IntegrationError {
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
