use std::time::Duration;

use super::{answer::Answer, throttle::Throttle};
use crate::error::{BoxError, IntegrationError};

/// How a registry wants its requests signed, and how it says in a body what others say by a status.
pub(crate) trait Signing: Send + Sync {
    /// Signs one attempt: each has a signature of its own.
    fn sign(&self, outgoing: &Outgoing<'_>) -> Signed;

    /// The request's id, where the answer tells it in its body.
    fn request_id(&self, answer: &Answer) -> Option<String>;

    /// What the answer to a signed attempt says.
    fn judge(&self, answer: &Answer, signed: &Signed) -> Judgement;
}

/// One attempt as it goes onto the wire.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub(crate) method: &'a str,
    /// As the `Host` header has it.
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    /// Without the question mark; empty where there is none.
    pub(crate) query: &'a str,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

/// What the signature adds to an attempt. Its values are taken for secrets.
#[derive(Clone)]
pub(crate) struct Signed {
    pub(crate) headers: Vec<(&'static str, String)>,
    /// What was signed, for comparison with what the server has signed.
    pub(crate) string_to_sign: String,
}

/// What an answer says beside its status.
#[derive(Debug)]
pub(crate) enum Judgement {
    /// It is an answer.
    Stands,
    /// The credentials are refused, for this reason.
    Refused(BoxError),
    /// Another attempt, signed anew, may be answered otherwise.
    AskAgain,
    /// The server wants patience, perhaps so much.
    Wait(Throttle, Option<Duration>),
    /// Nothing else may be made of it.
    Fails(IntegrationError),
}
