use serde_json::{Value, json};

use super::{
    call::Call,
    enterprise,
    readings::{ErrorFields, Refusals},
};
use crate::simulator::exchange::Answer;

pub(super) const JSON: &str = "application/json;charset=utf-8";

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Refusal {
    /// Of the gateway that stands before all services: status, code and message.
    Gateway(u16, String, String),
    /// By RAM; the action that the account lacks.
    Denied(String),
    /// Of the registry service itself: code and message.
    Service(&'static str, String),
    /// The real service has this call and the simulator does not.
    NotSimulated(String),
}

/// The code of a denial, of which it is not known which one ACR sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Denial {
    /// `NoPermission`, with the action that is missing.
    #[default]
    NoPermission,
    /// `Forbidden.RAM`, which does not say what is missing.
    ForbiddenRam,
}

impl Refusal {
    pub(super) fn gateway(status: u16, code: &str, message: &str) -> Self {
        Self::Gateway(status, code.to_owned(), message.to_owned())
    }

    pub(super) fn incomplete_signature() -> Self {
        let message = "The request signature does not conform to Aliyun standards.";
        Self::gateway(400, "IncompleteSignature", message)
    }

    /// A parameter without which the call means nothing. The code is made up after that of a
    /// missing token.
    pub(super) fn missing(parameter: &str) -> Self {
        let message = format!("{parameter} is mandatory for this action.");
        Self::Gateway(400, format!("Missing{parameter}"), message)
    }

    /// What is wrong with a parameter's value is told by a code that is made up.
    pub(super) fn invalid(parameter: &str) -> Self {
        Self::Service("PARAMETER_ERROR", format!("{parameter} is invalid."))
    }

    pub(super) fn no_such_api() -> Self {
        let message = "Specified api is not found, please check your url and method.";
        Self::gateway(404, "InvalidApi.NotFound", message)
    }

    pub(super) fn no_instance() -> Self {
        Self::Service("INSTANCE_NOT_EXIST", "instance is not exist.".to_owned())
    }

    pub(super) fn no_namespace() -> Self {
        Self::Service("NAMESPACE_NOT_EXIST", "namespace is not exist.".to_owned())
    }

    pub(super) fn no_repository() -> Self {
        Self::Service("REPO_NOT_EXIST", "repo is not exist.".to_owned())
    }

    /// The code is made up after the others.
    pub(super) fn no_tag() -> Self {
        Self::Service("TAG_NOT_EXIST", "tag is not exist.".to_owned())
    }

    pub(super) fn no_user() -> Self {
        Self::Service("USER_NOT_EXIST", "user is not exist.".to_owned())
    }
}

impl Call<'_> {
    /// The answer of the gateway, or what the edition makes of a refusal of its service.
    pub(super) fn refused(&self, refusal: Refusal) -> Answer {
        match refusal {
            Refusal::Gateway(status, code, message) => {
                Answer::json(status, JSON, &self.gateway_error(&code, &message))
            }
            Refusal::Denied(action) => self.denied(&action),
            Refusal::Service(code, message) => self.service_error(code, &message),
            Refusal::NotSimulated(what) => {
                let message = format!("the simulator does not serve {what}");
                Answer::json(501, JSON, &self.gateway_error("NotSimulated", &message))
            }
        }
    }

    /// Of missing things it is documented that Personal answers 404.
    fn service_error(&self, code: &str, message: &str) -> Answer {
        let readings = &self.gateway.readings;
        let status = if code.ends_with("_NOT_EXIST") {
            404
        } else {
            400
        };
        let is_enterprise = self.version() == Some(enterprise::VERSION);
        match (is_enterprise, readings.refusals, readings.error_fields) {
            (true, Refusals::UnderStatus200, _) => {
                let id = self.request_id();
                let body = json!({ "IsSuccess": false, "Code": code, "RequestId": id });
                Answer::json(200, JSON, &body)
            }
            (false, _, ErrorFields::LowerCase) => {
                let id = self.request_id();
                let body = json!({ "code": code, "message": message, "requestId": id });
                Answer::json(status, JSON, &body)
            }
            _ => Answer::json(status, JSON, &self.gateway_error(code, message)),
        }
    }

    pub(super) fn gateway_error(&self, code: &str, message: &str) -> Value {
        let recommend = format!("https://api.aliyun.com/troubleshoot?q={code}&product=cr");
        json!({
            "RequestId": self.request_id(),
            "HostId": self.request.header("Host"),
            "Code": code,
            "Message": message,
            "Recommend": recommend,
        })
    }

    fn denied(&self, action: &str) -> Answer {
        let body = match self.gateway.readings.denial {
            Denial::NoPermission => {
                let message = "You are not authorized to do this action.";
                let mut body = self.gateway_error("NoPermission", message);
                body["AccessDeniedDetail"] = json!({
                    "AuthAction": action,
                    "AuthPrincipalType": "SubUser",
                    "AuthPrincipalOwnerId": "1234567890123456",
                    "AuthPrincipalDisplayName": "200000000000000000",
                    "NoPermissionType": "ImplicitDeny",
                    "PolicyType": "AccountLevelIdentityBasedPolicy",
                    "EncodedDiagnosticMessage": "AQEAAA",
                });
                body
            }
            Denial::ForbiddenRam => self.gateway_error(
                "Forbidden.RAM",
                "User not authorized to operate on the specified resource, or this API doesn't \
                 support RAM.",
            ),
        };
        Answer::json(403, JSON, &body)
    }
}
