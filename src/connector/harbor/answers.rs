//! What answers mean at every Harbor.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    error::{AccountKind, IntegrationError, Violation},
    http::Answer,
};

/// Who the account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    Admin,
    User,
    Robot,
}

impl Identity {
    pub(super) const fn kind(self) -> AccountKind {
        match self {
            Self::Admin | Self::User => AccountKind::User,
            Self::Robot => AccountKind::Robot,
        }
    }
}

/// What a status other than 200 says to this account.
pub(super) fn refusal(answer: &Answer, identity: Identity) -> IntegrationError {
    let context = Box::new(answer.context());
    match answer.status() {
        403 => IntegrationError::UserDoesNotHaveAdminRole {
            context,
            account: identity.kind(),
        },
        404 => IntegrationError::NamespaceNotFound {
            namespace: context.subject.clone().unwrap_or_default(),
            context,
        },
        500.. => IntegrationError::RegistryUnavailable {
            context,
            retry_after: None,
        },
        _ => answer.violation(Violation::Status),
    }
}

/// How many rows a list has, which every list states.
pub(super) fn total_of(answer: &Answer, identity: Identity) -> Result<u64, IntegrationError> {
    if answer.status() != 200 {
        return Err(refusal(answer, identity));
    }
    answer
        .header("x-total-count")
        .and_then(|total| total.parse().ok())
        .ok_or_else(|| answer.violation(Violation::Header("X-Total-Count")))
}

/// What stands in a path segment as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A name as a path segment.
pub(super) fn segment(name: &str) -> String {
    utf8_percent_encode(name, SEGMENT).to_string()
}
