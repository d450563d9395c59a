use serde::Deserialize;
use serde_json::json;

use super::{accounts::Failure, asked::Asked, refusal::Refusal, rights::Viewer};
use crate::simulator::exchange::Answer;

#[derive(Deserialize)]
struct Credentials {
    username: String,
    password: String,
}

impl Asked<'_> {
    /// `GET /csrf_token`: what a sign-in must send along, with the cookie that belongs to it.
    pub(super) fn csrf_token(&self) -> Answer {
        let session = self.caller().session;
        let begin = || self.registry.accounts.state().sessions.begin(None);
        let session = session.unwrap_or_else(begin);
        let body = json!({ "csrf_token": session.csrf_token });
        self.with_session(Answer::json(200, "application/json", &body), &session)
    }

    /// `POST /signin`: another cookie, and the next token in a header that no other answer has.
    pub(super) fn sign_in(&self) -> Result<Answer, Refusal> {
        // Recorded nowhere: what a body is answered that is none.
        let Ok(sent) = serde_json::from_slice::<Credentials>(&self.request.body) else {
            return Err(Refusal::InvalidRequest("Invalid JSON"));
        };
        let accounts = &self.registry.accounts;
        match accounts.log_in(&sent.username, &sent.password) {
            Ok(user) => {
                let session = accounts.state().sessions.begin(Some(user.name));
                let answer = Answer::json(200, "application/json", &json!({ "success": true }))
                    .with("X-Next-CSRF-Token", session.csrf_token.clone());
                Ok(self.with_session(answer, &session))
            }
            Err(Failure::Invalid(message)) => {
                let body = json!({
                    "needsEmailVerification": false,
                    "invalidCredentials": true,
                    "message": message,
                });
                Ok(Answer::json(403, "application/json", &body))
            }
            Err(locked) => Err(locked.into()),
        }
    }

    /// `POST /signout`: ends every session of the user, those of other clients too. Read from the
    /// source: the one recorded is refused, since it sends the token from before the sign-in.
    pub(super) fn sign_out(&self, viewer: &Viewer) -> Answer {
        if let Some(name) = viewer.name() {
            self.registry.accounts.state().sessions.end_of(name);
        }
        Answer::json(200, "application/json", &json!({ "success": true }))
    }
}
