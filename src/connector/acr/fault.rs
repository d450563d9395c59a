//! What the API says of a failure, read by its code: one HTTP status stands for many things here, and
//! an answer of 200 may be a failure.
//!
//! Statuses differ between products, and throttling is answered with 400. Two spellings are read,
//! `Code` of the gateway and of the Enterprise edition, `code` of the Personal edition's own service.

use std::time::Duration;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use super::api::Call;
use crate::{
    clock::Clock,
    error::{BoxError, ErrorContext, IntegrationError, RegistryUserMissing, Violation},
    http::{Answer, Throttle},
};

/// Two clocks may be this far apart before a signature is refused.
const TOLERATED_SKEW: Duration = Duration::from_mins(15);

/// What stands before the server's own string to sign in a refusal. Clients of this vendor compare
/// the two.
const SERVER_STRING: &str = "server string to sign is:";

/// The parts of an answer that tell how the request fared.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Told {
    #[serde(rename = "IsSuccess")]
    is_success: Option<Value>,
    #[serde(rename = "Code")]
    gateway_code: Option<Value>,
    code: Option<Value>,
    #[serde(rename = "Message")]
    gateway_message: Option<Value>,
    message: Option<Value>,
    #[serde(rename = "RequestId")]
    gateway_request_id: Option<Value>,
    #[serde(rename = "requestId")]
    request_id: Option<Value>,
    #[serde(rename = "AccessDeniedDetail")]
    denied: Option<Value>,
    /// What the Personal edition answers, for which no source has a model.
    data: Option<IgnoredAny>,
    repos: Option<IgnoredAny>,
}

/// What a code means, as far as it decides what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    BadKey,
    BadSignature,
    BadToken,
    ClockSkew,
    NonceUsed,
    Denied,
    Throttled,
    Later,
    InstanceMissing,
    NamespaceMissing,
    RepositoryMissing,
    /// What was asked for, whatever that is: which code a missing tag has is an open fact.
    Missing,
    UserMissing,
    WrongApi,
    BadParameter,
    NeedsTls,
    Other,
}

impl Told {
    /// What the answer tells, where it is JSON of this API at all.
    pub(super) fn of(answer: &Answer) -> Option<Self> {
        let told: Self = serde_json::from_slice(answer.body()).ok()?;
        let is_its = told.request_id().is_some()
            || told.code().is_some()
            || told.is_success.is_some()
            || told.data.is_some()
            || told.repos.is_some();
        is_its.then_some(told)
    }

    pub(super) fn request_id(&self) -> Option<String> {
        let id = text(&self.gateway_request_id).or_else(|| text(&self.request_id))?;
        Some(id.chars().take(KEPT).collect())
    }

    pub(super) fn code(&self) -> Option<String> {
        text(&self.gateway_code).or_else(|| text(&self.code))
    }

    fn message(&self) -> String {
        let message = text(&self.gateway_message).or_else(|| text(&self.message));
        message.unwrap_or_default()
    }

    /// The action that a refusal names.
    fn denied_action(&self) -> Option<String> {
        let action = self.denied.as_ref()?.get("AuthAction")?.as_str()?;
        Some(action.to_owned())
    }

    /// Whether the request failed, whatever the status says.
    pub(super) fn is_failure(&self, status: u16) -> bool {
        let is_success = text(&self.is_success).map(|word| word.eq_ignore_ascii_case("true"));
        match (status, is_success) {
            (400.., _) | (_, Some(false)) => true,
            (_, Some(true)) => false,
            // An answer without the wrapper's word tells by its code.
            (_, None) => self.code().is_some_and(|code| {
                !matches!(&*code.to_ascii_lowercase(), "success" | "ok" | "200")
            }),
        }
    }

    pub(super) fn class(&self) -> Class {
        let code = self.code().unwrap_or_default();
        class_of(&code)
    }

    /// The server's string to sign, where it quotes it.
    fn server_string(&self) -> Option<String> {
        let message = self.message();
        let (_, quoted) = message.split_once(SERVER_STRING)?;
        Some(quoted.trim().to_owned())
    }

    /// Whether the server has signed something else than this client: then the secret is not what is
    /// wrong. Without a quotation nothing is known.
    pub(super) fn signed_otherwise(&self, ours: &str) -> bool {
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.server_string().is_some_and(|theirs| {
            // A message may quote more behind it.
            !plain(&theirs).starts_with(&plain(ours))
        })
    }

    /// The reason of a refusal. The string to sign stays out of it.
    pub(super) fn reason(&self) -> BoxError {
        let message = self.message();
        let message = message
            .split_once(SERVER_STRING)
            .map_or(&*message, |(before, _)| before.trim());
        let code = self.code().unwrap_or_default();
        Box::new(Refusal {
            code: code.escape_debug().take(KEPT).collect(),
            message: message.escape_debug().take(KEPT).collect(),
        })
    }

    /// Whether the answer asks for patience: by its code, else by the gateway's header or by its status.
    pub(super) fn patience(&self, answer: &Answer) -> Option<Throttle> {
        match self.class() {
            Class::Throttled => Some(Throttle::Rate),
            Class::Later => Some(Throttle::Unavailable),
            Class::Other if asked_wait(answer).is_some() => Some(Throttle::Rate),
            Class::Other => Throttle::of(answer),
            _ => None,
        }
    }
}

const KEPT: usize = 256;

/// What the API said, in its own words.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
struct Refusal {
    code: String,
    message: String,
}

/// What a field says that should be a text. Null, and an empty one, say nothing.
fn text(value: &Option<Value>) -> Option<String> {
    let text = match value.as_ref()? {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    (!text.is_empty()).then_some(text)
}

fn class_of(code: &str) -> Class {
    let is = |prefix: &str| {
        code == prefix
            || code
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.starts_with('.'))
    };
    match code {
        "SignatureDoesNotMatch" | "IncompleteSignature" => Class::BadSignature,
        "SignatureNonceUsed" => Class::NonceUsed,
        "InvalidTimeStamp.Expired" => Class::ClockSkew,
        "ServiceUnavailableTemporary" => Class::Later,
        "USER_NOT_EXIST" => Class::UserMissing,
        "INSTANCE_NOT_EXIST" => Class::InstanceMissing,
        "NAMESPACE_NOT_EXIST" => Class::NamespaceMissing,
        "REPO_NOT_EXIST" => Class::RepositoryMissing,
        "InvalidProtocol.NeedSsl" => Class::NeedsTls,
        "InvalidApi.NotFound" | "InvalidProduct.NotFound" | "InvalidAction.NotFound" => {
            Class::WrongApi
        }
        // Which of these ACR sends is an open fact.
        _ if is("NoPermission") || is("Forbidden") => Class::Denied,
        _ if is("InvalidAccessKeyId") || is("MissingAccessKeyId") => Class::BadKey,
        _ if is("InvalidSecurityToken") || is("MissingSecurityToken") => Class::BadToken,
        _ if is("Throttling") => Class::Throttled,
        _ if is("ServiceUnavailable") || is("InternalError") => Class::Later,
        _ if is("InvalidVersion") => Class::WrongApi,
        // Which code a page size has that is too large is an open fact.
        _ if ["param", "pagesize", "page_size"]
            .iter()
            .any(|word| code.to_ascii_lowercase().contains(word)) =>
        {
            Class::BadParameter
        }
        _ if ["NOT_EXIST", "NOT_FOUND", ".NotFound"]
            .iter()
            .any(|end| code.ends_with(end)) =>
        {
            Class::Missing
        }
        _ => Class::Other,
    }
}

/// The error that a failed request is.
pub(super) fn error(
    answer: &Answer,
    told: Option<&Told>,
    call: &Call<'_>,
    clock: &dyn Clock,
) -> IntegrationError {
    let context = Box::new(answer.context());
    let Some(told) = told else {
        return match answer.status() {
            500.. => IntegrationError::RegistryUnavailable {
                context,
                retry_after: None,
            },
            _ => violation(context, Violation::Status, None),
        };
    };
    let subject = call.subject.clone().unwrap_or_default();
    match told.class() {
        Class::BadKey | Class::BadSignature | Class::BadToken => {
            IntegrationError::FailedToVerifyUsernameOrPwd {
                context,
                source: Some(told.reason()),
            }
        }
        Class::UserMissing => IntegrationError::FailedToVerifyUsernameOrPwd {
            context,
            source: Some(Box::new(RegistryUserMissing)),
        },
        Class::ClockSkew => IntegrationError::ClockSkew {
            skew: skew(answer, clock),
            context,
        },
        Class::Denied => IntegrationError::RamPermissionDenied {
            context,
            action: told.denied_action().unwrap_or_else(|| call.permission()),
        },
        Class::Throttled => IntegrationError::RateLimited {
            context,
            retry_after: asked_wait(answer),
        },
        Class::Later => IntegrationError::RegistryUnavailable {
            context,
            retry_after: asked_wait(answer),
        },
        Class::InstanceMissing | Class::WrongApi => IntegrationError::WrongRegionOrEdition {
            context,
            right: None,
        },
        Class::NamespaceMissing | Class::RepositoryMissing => IntegrationError::NamespaceNotFound {
            context,
            namespace: subject,
        },
        Class::NeedsTls => IntegrationError::ConfigInvalid {
            context,
            field: "endpoint",
            source: told.reason(),
        },
        _ if answer.status() >= 500 => IntegrationError::RegistryUnavailable {
            context,
            retry_after: None,
        },
        Class::NonceUsed | Class::Missing | Class::BadParameter | Class::Other => {
            violation(context, Violation::Status, Some(told.reason()))
        }
    }
}

/// Whether the error is about what was asked for, and not about the server or the account.
pub(super) const fn is_of_its_scope(error: &IntegrationError) -> bool {
    matches!(
        error,
        IntegrationError::RamPermissionDenied { .. }
            | IntegrationError::NamespaceNotFound { .. }
            | IntegrationError::ProtocolViolation { .. }
    )
}

pub(super) fn violation(
    context: Box<ErrorContext>,
    violation: Violation,
    source: Option<BoxError>,
) -> IntegrationError {
    IntegrationError::ProtocolViolation {
        context,
        violation,
        source,
    }
}

/// How far this clock is from the server's, by the date of its answer: at least as far as it tolerates,
/// also where a date from elsewhere says less.
fn skew(answer: &Answer, clock: &dyn Clock) -> Duration {
    let now = clock.now();
    answer.date().map_or(TOLERATED_SKEW, |there| {
        let apart = there.since(now).max(now.since(there));
        apart.max(TOLERATED_SKEW)
    })
}

/// The wait that the gateway asks for. Its header is in milliseconds as the SDK reads it.
pub(super) fn asked_wait(answer: &Answer) -> Option<Duration> {
    let milliseconds: u64 = answer.header("x-acs-retry-after")?.trim().parse().ok()?;
    let longest = Duration::from_mins(5);
    (milliseconds > 0).then(|| Duration::from_millis(milliseconds).min(longest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn told(body: &str) -> Told {
        serde_json::from_str(body).unwrap()
    }

    #[test]
    fn codes_are_read_in_both_spellings_and_by_their_prefix() {
        for (code, class) in [
            ("InvalidAccessKeyId.NotFound", Class::BadKey),
            ("InvalidAccessKeyId", Class::BadKey),
            ("InvalidAccessKeyId.Inactive", Class::BadKey),
            ("SignatureDoesNotMatch", Class::BadSignature),
            ("IncompleteSignature", Class::BadSignature),
            ("MissingSecurityToken", Class::BadToken),
            ("InvalidSecurityToken.Expired", Class::BadToken),
            ("InvalidSecurityToken.Malformed", Class::BadToken),
            ("InvalidTimeStamp.Expired", Class::ClockSkew),
            ("SignatureNonceUsed", Class::NonceUsed),
            ("NoPermission", Class::Denied),
            ("Forbidden.RAM", Class::Denied),
            ("Forbidden", Class::Denied),
            ("Forbidden.RiskControl", Class::Denied),
            ("Throttling", Class::Throttled),
            ("Throttling.User", Class::Throttled),
            ("Throttling.Api", Class::Throttled),
            ("ServiceUnavailable", Class::Later),
            ("ServiceUnavailableTemporary", Class::Later),
            ("InternalError", Class::Later),
            ("INSTANCE_NOT_EXIST", Class::InstanceMissing),
            ("USER_NOT_EXIST", Class::UserMissing),
            ("InvalidProduct.NotFound", Class::WrongApi),
            ("InvalidApi.NotFound", Class::WrongApi),
            ("InvalidProtocol.NeedSsl", Class::NeedsTls),
            ("InvalidParameter.PageSize", Class::BadParameter),
            ("PARAMETER_ERROR", Class::BadParameter),
            ("REPO_TAG_NOT_EXIST", Class::Missing),
            ("Tag.NotFound", Class::Missing),
            ("ForbiddenFruit", Class::Other),
            ("", Class::Other),
        ] {
            for key in ["Code", "code"] {
                let body = format!(r#"{{"{key}":{code:?},"requestId":"1"}}"#);
                assert_eq!(told(&body).class(), class, "{code}");
            }
        }
    }

    #[test]
    fn an_answer_of_200_fails_by_its_wrapper() {
        assert!(told(r#"{"IsSuccess":false,"Code":"INSTANCE_NOT_EXIST"}"#).is_failure(200));
        assert!(told(r#"{"Code":"NoPermission"}"#).is_failure(200));
        assert!(!told(r#"{"IsSuccess":true,"Code":"success"}"#).is_failure(200));
        assert!(!told(r#"{"requestId":"1"}"#).is_failure(200));
        assert!(told("{}").is_failure(404));
        assert!(told(r#"{"IsSuccess":"false"}"#).is_failure(200));
    }

    #[test]
    fn one_field_of_another_kind_does_not_hide_the_others() {
        let odd = told(r#"{"Code":"Throttling.User","Message":{"zh":"x"},"RequestId":7}"#);
        assert_eq!(odd.class(), Class::Throttled);
        assert_eq!(odd.request_id().as_deref(), Some("7"));
    }

    #[test]
    fn a_wrong_secret_is_told_from_a_request_that_changed_on_its_way() {
        let ours = "ACS3-HMAC-SHA256\n00ff";
        let refusal = |quoted: &str| {
            let message = format!("Specified signature does not match our calculation. {quoted}");
            told(
                &serde_json::json!({ "Code": "SignatureDoesNotMatch", "Message": message })
                    .to_string(),
            )
        };
        let same = refusal("server string to sign is:ACS3-HMAC-SHA256\n00ff");
        assert!(!same.signed_otherwise(ours));
        assert!(!same.reason().to_string().contains("00ff"));
        let other = refusal("server string to sign is:ACS3-HMAC-SHA256\n00fe");
        assert!(other.signed_otherwise(ours));
        // One line of it may be all that a proxy leaves.
        assert!(!refusal("server string to sign is:ACS3-HMAC-SHA256 00ff").signed_otherwise(ours));
        assert!(!refusal("").signed_otherwise(ours));
    }
}
