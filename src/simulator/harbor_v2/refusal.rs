use serde_json::json;

use crate::simulator::exchange::Answer;

/// An answer instead of a result, in Harbor's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    BadRequest(String),
    Unauthorized,
    Forbidden,
    /// No such route.
    NoPath(String),
    NoProject(String),
    NoRepository(String),
    /// Repository, and `:tag` or `@digest`.
    NoArtifact(String, String),
    NotAllowed(String),
    Precondition(&'static str),
    Unprocessable(String),
    Internal,
    /// Harbor has this route and the simulator does not.
    NotSimulated(String),
}

impl Refusal {
    pub(super) fn answer(self) -> Answer {
        let (status, code, message) = match self {
            Self::BadRequest(message) => (400, "BAD_REQUEST", message),
            Self::Unauthorized => (401, "UNAUTHORIZED", "unauthorized".to_owned()),
            Self::Forbidden => (403, "FORBIDDEN", "forbidden".to_owned()),
            Self::NoPath(path) => (404, "NOT_FOUND", format!("path {path} was not found")),
            Self::NoProject(name) => (404, "NOT_FOUND", format!("project {name} not found")),
            Self::NoRepository(path) => (404, "NOT_FOUND", format!("repository {path} not found")),
            Self::NoArtifact(path, reference) => {
                let separator = if reference.contains(':') { '@' } else { ':' };
                let message = format!("artifact {path}{separator}{reference} not found");
                (404, "NOT_FOUND", message)
            }
            Self::NotAllowed(method) => {
                let message = format!("method {method} is not allowed, but [GET] are");
                (405, "METHOD_NOT_ALLOWED", message)
            }
            Self::Precondition(message) => (412, "PRECONDITION", message.to_owned()),
            Self::Unprocessable(message) => {
                let message = format!("validation failure list:\n{message}");
                (422, "UNPROCESSABLE_ENTITY", message)
            }
            Self::Internal => (500, "UNKNOWN", "internal server error".to_owned()),
            Self::NotSimulated(path) => {
                let message = format!("the simulator does not serve {path}");
                (501, "NOT_IMPLEMENTED", message)
            }
        };
        error(status, code, &message)
    }
}

pub(super) fn error(status: u16, code: &str, message: &str) -> Answer {
    let body = json!({ "errors": [{ "code": code, "message": message }] });
    Answer::json(status, "application/json; charset=utf-8", &body)
}
