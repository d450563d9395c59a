use std::time::Duration;

use serde_json::json;

use super::{Harbor, csrf::Csrf};
use crate::simulator::exchange::{Answer, Request};

const SID: &str = "sid";

/// What core does with every request, whichever its route.
impl Harbor {
    pub(super) async fn answer_as_core(&self, request: &Request) -> Answer {
        let csrf = Csrf::of(self, request);
        let refused = csrf.as_ref().and_then(Csrf::refusal);
        let is_refused = refused.is_some();
        let mut answer = match refused {
            Some(answer) => answer,
            None => self.with_session(request).await,
        };
        if let Some(csrf) = csrf {
            answer = csrf.hand_out(answer);
            if !is_refused {
                answer = answer.with("Vary", "Cookie");
            }
        }
        let id = match request.header("X-Request-Id") {
            Some(id) => id.to_owned(),
            None => format!("00000000-0000-4000-8000-{:012x}", request.number),
        };
        answer.with("X-Request-Id", id)
    }

    async fn with_session(&self, request: &Request) -> Answer {
        let sid = request.cookie(SID);
        match (request.method.as_str(), request.path.as_str(), sid) {
            ("POST", "/c/login", _) => return self.sign_in(request).await,
            ("GET", "/c/log_out", sid) => return self.sign_out(sid),
            _ => {}
        }
        let account = self.accounts.authenticate(request.authorization()).await;
        // That credentials are looked at before the session is read from the source.
        let account = account.or_else(|| self.accounts.of_session(sid?));
        let answer = self.answer_as(account, request);
        self.with_sid(answer, sid)
    }

    /// A session for whoever has none, though it is worth nothing without credentials.
    fn with_sid(&self, answer: Answer, sid: Option<&str>) -> Answer {
        match self.accounts.begin_session(sid) {
            Some(new) => answer.with("Set-Cookie", format!("{SID}={new}; Path=/; HttpOnly")),
            None => answer,
        }
    }

    /// `POST /c/login`, by form: another session, of the user. Robots cannot.
    async fn sign_in(&self, request: &Request) -> Answer {
        let form = request.form();
        let field = |name: &str| {
            let field = form.iter().find(|(present, _)| present == name);
            field.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        let sid = request.cookie(SID);
        let (name, password) = (field("principal"), field("password"));
        if self.accounts.is_foreign(name) {
            let location = format!("{}/c/oidc/login", self.external_url());
            let body = json!({ "redirect_location": location });
            let answer = Answer::json(403, "application/json; charset=utf-8", &body);
            return self.with_sid(answer, sid);
        }
        match self.accounts.sign_in(sid, name, password).await {
            Some(sid) => {
                let cookie = format!("{SID}={sid}; Path=/; HttpOnly");
                Answer::empty(200).with("Set-Cookie", cookie)
            }
            None => self.with_sid(Answer::empty(401), sid),
        }
    }

    /// `GET /c/log_out`. What it answers to who has no session is recorded nowhere.
    fn sign_out(&self, sid: Option<&str>) -> Answer {
        let answer = Answer::empty(200);
        let Some(sid) = sid else { return answer };
        self.accounts.end_session(sid);
        let now = self.http_date(Duration::ZERO);
        let cookie = format!("{SID}=; Path=/; Expires={now}; Max-Age=0; HttpOnly");
        answer.with("Set-Cookie", cookie)
    }
}
