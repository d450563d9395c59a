use serde_json::json;

use crate::simulator::{exchange::Answer, harbor::pages};

/// An answer instead of a result, in the form of 1.x.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    BadRequest(String),
    /// The word differs by handler.
    Unauthorized(&'static str),
    /// Tells who asked.
    Forbidden(String),
    NotFound(String),
    Internal,
    /// No such route, or not by this method.
    NoPage,
    /// Harbor has this route and the simulator does not.
    NotSimulated(String),
}

impl Refusal {
    pub(super) fn answer(self) -> Answer {
        match self {
            Self::BadRequest(message) => error(400, &message),
            Self::Unauthorized(word) => error(401, word),
            Self::Forbidden(name) => error(403, &name),
            Self::NotFound(message) => error(404, &message),
            Self::Internal => error(500, "Internal Server Error"),
            Self::NoPage => pages::no_page(),
            Self::NotSimulated(path) => error(501, &format!("the simulator does not serve {path}")),
        }
    }
}

fn error(status: u16, message: &str) -> Answer {
    let body = json!({ "code": status, "message": message });
    Answer::json(status, "text/plain; charset=utf-8", &body)
}
