use std::time::Duration;

use serde_json::{Value, json};

use super::asked::Asked;
use crate::simulator::exchange::Answer;

const HTML: &str = "text/html; charset=utf-8";

/// The page of the old web interface, which stands for every path that is not there.
const NO_PAGE: &str = "<!DOCTYPE html>\n<html ng-app=\"quay\" class=\"onprem\">\n  <head>\n    \
                       <base href=\"/\">\n    <title ng-bind=\"title + ' \u{b7} Quay'\">Quay</title>\n  \
                       </head>\n  <body></body>\n</html>\n";

const FAILED: &str = "<html>\n  <head>\n    <title>Internal Server Error</title>\n  </head>\n  \
                      <body>\n    <h1><p>Internal Server Error</p></h1>\n    \n  </body>\n</html>\n";

const NOT_ALLOWED: &str = "<!doctype html>\n<html lang=en>\n<title>405 Method Not Allowed</title>\n\
                           <h1>Method Not Allowed</h1>\n<p>The method is not allowed for the \
                           requested URL.</p>\n";

/// An answer instead of a result, in one of Quay's many forms.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Refusal {
    /// 401 or 403: nobody, or somebody without the right.
    Denied {
        is_anonymous: bool,
    },
    /// 401 of the own user's record.
    NoUser,
    NotFound,
    InvalidRequest(&'static str),
    /// `{"message": ..}`
    Message(u16, Value),
    /// `{"error": ..}`, though it says that it is HTML.
    Error(u16, String),
    MethodNotAllowed,
    /// The same from the registry's side of the server.
    PageNotAllowed,
    /// 308 to this path with its slash.
    Slash(String),
    NoPage,
    Failed,
    TooManyLogins(Duration),
    /// 401 of the token service.
    InvalidLogin(String),
    /// Of the registry's API: status, code and message.
    Registry(u16, &'static str, String),
    /// 401 of the registry's API, for this repository.
    Unauthorized(Option<String>),
    /// Quay has this route and the simulator does not.
    NotSimulated(String),
}

impl Refusal {
    pub(super) fn message(status: u16, message: &str) -> Self {
        Self::Message(status, Value::from(message))
    }

    pub(super) fn anonymous() -> Self {
        Self::Error(401, "Anonymous access is not allowed".to_owned())
    }
}

impl Asked<'_> {
    pub(super) fn refused(&self, refusal: Refusal) -> Answer {
        match refusal {
            Refusal::Denied { is_anonymous: true } => {
                self.problem(401, "invalid_token", "Requires authentication")
            }
            Refusal::Denied { .. } => self.problem(403, "insufficient_scope", "Unauthorized"),
            Refusal::NoUser => {
                let mut body = self.problem_body(401, "invalid_token", "Requires authentication");
                body["session_required"] = json!(false);
                Answer::json(401, "application/json", &body)
            }
            Refusal::NotFound => self.problem(404, "not_found", "Not Found"),
            Refusal::InvalidRequest(detail) => self.problem(400, "invalid_request", detail),
            Refusal::Message(status, message) => {
                Answer::json(status, "application/json", &json!({ "message": message }))
            }
            Refusal::Error(status, message) => {
                Answer::new(status, HTML, json!({ "error": message }).to_string())
            }
            Refusal::MethodNotAllowed => {
                let message = "The method is not allowed for the requested URL.";
                Answer::json(405, "application/json", &json!({ "message": message }))
                    .with("Allow", "HEAD, GET, OPTIONS")
            }
            Refusal::PageNotAllowed => {
                Answer::new(405, HTML, NOT_ALLOWED).with("Allow", "GET, HEAD, OPTIONS")
            }
            Refusal::Slash(path) => self.slash(&path),
            Refusal::NoPage => {
                let session = self.registry.accounts.state().sessions.begin(None);
                self.with_session(Answer::new(404, HTML, NO_PAGE), &session)
            }
            Refusal::Failed => Answer::new(500, "text/html", FAILED),
            Refusal::TooManyLogins(left) => Answer::new(
                429,
                HTML,
                "Too many login attempts. \nPlease reset your Quay password and try again.",
            )
            .with("Retry-After", left.as_secs().to_string()),
            Refusal::InvalidLogin(message) => {
                self.challenged(registry_error(401, "UNAUTHORIZED", &message), None)
            }
            Refusal::Registry(status, code, message) => registry_error(status, code, &message),
            Refusal::Unauthorized(repository) => {
                let message = "access to the requested resource is not authorized";
                let answer = registry_error(401, "UNAUTHORIZED", message);
                self.challenged(answer, repository.as_deref())
            }
            Refusal::NotSimulated(path) => {
                let message = format!("the simulator does not serve {path}");
                Answer::json(501, "application/json", &json!({ "message": message }))
            }
        }
    }

    fn problem(&self, status: u16, kind: &str, detail: &str) -> Answer {
        let body = self.problem_body(status, kind, detail);
        Answer::json(status, "application/json", &body)
    }

    fn problem_body(&self, status: u16, kind: &str, detail: &str) -> Value {
        json!({
            "detail": detail,
            "error_message": detail,
            "error_type": kind,
            "title": kind,
            "type": self.own_url(&format!("/api/v1/error/{kind}")),
            "status": status,
        })
    }

    fn slash(&self, path: &str) -> Answer {
        let query = &self.request.query;
        let query = if query.is_empty() {
            String::new()
        } else {
            format!("?{query}")
        };
        let location = self.own_url(&format!("{path}/{query}"));
        let shown = location.replace('&', "&amp;");
        let body = format!(
            "<!doctype html>\n<html lang=en>\n<title>Redirecting...</title>\n\
             <h1>Redirecting...</h1>\n<p>You should be redirected automatically to the target \
             URL: <a href=\"{shown}\">{shown}</a>. If not, click the link.\n"
        );
        Answer::new(308, HTML, body).with("Location", location)
    }

    /// Says where a token for the registry, or for one repository, is to be had.
    pub(super) fn challenged(&self, answer: Answer, repository: Option<&str>) -> Answer {
        let realm = format!("{}/v2/auth", self.external_url());
        let service = self.server_name();
        let scope = repository.map(|path| format!(",scope=\"repository:{path}:pull\""));
        let scope = scope.unwrap_or_default();
        let challenge = format!("Bearer realm=\"{realm}\",service=\"{service}\"{scope}");
        answer
            .with("WWW-Authenticate", challenge)
            .with("Docker-Distribution-API-Version", "registry/2.0")
    }
}

fn registry_error(status: u16, code: &str, message: &str) -> Answer {
    let error = json!({ "code": code, "detail": {}, "message": message });
    Answer::json(status, "application/json", &json!({ "errors": [error] }))
}

/// A page of nginx itself.
pub(super) fn nginx(status: u16, title: &str) -> Answer {
    let body = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1>\
         </center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    Answer::new(status, "text/html", body)
}
