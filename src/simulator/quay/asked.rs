use std::time::Duration;

use super::{
    Registry, accounts::Failure, contents::Contents, refusal::Refusal, rights::Viewer,
    sessions::Session,
};
use crate::{
    clock::Timestamp,
    simulator::exchange::{Answer, Request},
};

/// How long the cookie of one who signed in lasts.
const SIGNED_IN: Duration = Duration::from_secs(31 * 24 * 3600);

/// One request with all that its answer depends on.
pub(super) struct Asked<'a> {
    pub(super) registry: &'a Registry,
    pub(super) request: &'a Request,
    pub(super) contents: &'a Contents,
    /// The present: the clock's, unless the contents are ahead of it.
    pub(super) now: Timestamp,
    pub(super) parameters: Vec<(String, String)>,
}

/// Who asks on `/api/v1`.
pub(super) struct Caller {
    pub(super) viewer: Viewer,
    /// Whether by a token, which needs no protection against forged requests.
    pub(super) by_token: bool,
    pub(super) session: Option<Session>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(
        registry: &'a Registry,
        request: &'a Request,
        contents: &'a Contents,
    ) -> Self {
        Self {
            registry,
            request,
            contents,
            now: contents.present(registry.clock.now()),
            parameters: request.parameters(),
        }
    }

    /// The URL that Quay was configured with.
    pub(super) fn external_url(&self) -> &str {
        self.registry.external_url.get().map_or("", String::as_str)
    }

    /// The host of that URL, with its port.
    pub(super) fn server_name(&self) -> &str {
        let url = self.external_url();
        url.split_once("://").map_or(url, |(_, host)| host)
    }

    /// The URL of this path for the host that the client has named, and the scheme that it has
    /// used where a proxy says so.
    pub(super) fn own_url(&self, path: &str) -> String {
        let host = self.request.header("Host");
        let host = host.unwrap_or_else(|| self.server_name());
        let scheme = self.request.header("X-Forwarded-Proto").unwrap_or("http");
        format!("{scheme}://{host}{path}")
    }

    /// The first parameter of this name, if there is one and it says something.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let mut pairs = self.parameters.iter();
        pairs
            .find(|(present, value)| present == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// Whether a parameter is set; whatever does not say no says yes.
    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        match self.parameters.iter().find(|(present, _)| present == name) {
            Some((_, value)) => {
                !["", "0", "null", "false", "False", "FALSE"].contains(&value.as_str())
            }
            None => default,
        }
    }

    /// The bearer of a token, else whoever has signed in, else nobody. What is wrong with the
    /// credentials is not told.
    pub(super) fn caller(&self) -> Caller {
        let accounts = &self.registry.accounts;
        let full_access = self.registry.settings.superusers_full_access;
        let session = self.session();
        if let Some(Ok((user, token))) = self.bearer().map(|token| accounts.oauth(token)) {
            return Caller {
                viewer: Viewer::token(user, token, full_access),
                by_token: true,
                session,
            };
        }
        let signed_in = session.as_ref().and_then(|session| session.user.as_ref());
        let user = signed_in.and_then(|name| accounts.user(name));
        let viewer = user
            .filter(|user| !user.is_disabled)
            .map_or_else(Viewer::nobody, |user| Viewer::user(user, full_access));
        Caller {
            viewer,
            by_token: false,
            session,
        }
    }

    /// What stands behind `Bearer`, whatever its case, if it is a single word.
    pub(super) fn bearer(&self) -> Option<&str> {
        let mut words = self.request.authorization()?.split_ascii_whitespace();
        let scheme = words.next()?;
        let token = words.next()?;
        (scheme.eq_ignore_ascii_case("bearer") && words.next().is_none()).then_some(token)
    }

    fn session(&self) -> Option<Session> {
        let cookie = self.request.cookie("_csrf_token")?;
        self.registry.accounts.state().sessions.of(cookie)
    }

    /// Hands out the cookie of a session, which anew lasts its time.
    pub(super) fn with_session(&self, answer: Answer, session: &Session) -> Answer {
        let expires = session.user.as_ref().map(|_| {
            let end = http_date(self.now.saturating_add(SIGNED_IN));
            format!(" Expires={end};")
        });
        let cookie = format!(
            "_csrf_token={};{} HttpOnly; Path=/; SameSite=Lax",
            session.cookie,
            expires.unwrap_or_default()
        );
        answer.with("Set-Cookie", cookie)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Invalid(message) => Self::InvalidLogin(message),
            Failure::Locked(left) => Self::TooManyLogins(left),
        }
    }
}

/// As Quay writes times: RFC 2822, in UTC by an offset that says nothing.
pub(super) fn date(time: Timestamp) -> String {
    http_date(time).replace("GMT", "-0000")
}

/// As HTTP does.
pub(super) fn http_date(time: Timestamp) -> String {
    let since = time.since(Timestamp::UNIX_EPOCH);
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + since)
}

pub(super) fn seconds(time: Timestamp) -> i64 {
    time.as_unix_nanos().div_euclid(1_000_000_000)
}
