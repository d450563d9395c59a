use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, ORIGIN, REFERER};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{
    answer::Answer,
    cookies::{Cookies, sets},
    gate::Gate,
};
use crate::config::SecretValue;

/// Credentials, and the gate that all requests with them pass. Clones share the gate.
#[derive(Clone)]
pub(crate) struct Account {
    shared: Arc<Shared>,
}

struct Shared {
    scheme: Scheme,
    secret: SecretString,
    gate: Gate,
}

enum Scheme {
    Basic {
        username: String,
    },
    Bearer,
    Signed,
    Session {
        origin: Url,
        ended_by: Option<&'static str>,
    },
}

impl Account {
    /// A user name and password, or a robot's name and secret, sent as HTTP Basic.
    pub(crate) fn basic(username: impl Into<String>, secret: SecretString) -> Self {
        let username = username.into();
        Self::new(Scheme::Basic { username }, secret, Gate::new())
    }

    /// The same for a registry that counts every refusal: none is asked again.
    pub(crate) fn basic_once(username: impl Into<String>, secret: SecretString) -> Self {
        let username = username.into();
        Self::new(Scheme::Basic { username }, secret, Gate::unforgiving())
    }

    /// A token, sent as it is. It is no user name that could be locked, so a refusal is one.
    pub(crate) fn bearer(token: SecretString) -> Self {
        Self::new(Scheme::Bearer, token, Gate::unforgiving())
    }

    /// The cookies of a session, or of a visit that is to become one, sent to `origin` and to
    /// nobody else. A 401 ends it, and so does an answer that sets the cookie `ended_by` anew: that
    /// is how a server receives a stranger.
    pub(crate) fn session(origin: &Url, cookies: &Cookies, ended_by: Option<&'static str>) -> Self {
        let origin = origin.clone();
        let scheme = Scheme::Session { origin, ended_by };
        Self::new(scheme, cookies.header(), Gate::unforgiving())
    }

    /// A key by which requests are [signed](super::Signing). It is no user name that could be locked.
    pub(crate) fn signed() -> Self {
        Self::new(Scheme::Signed, String::new().into(), Gate::unforgiving())
    }

    fn new(scheme: Scheme, secret: SecretString, gate: Gate) -> Self {
        Self {
            shared: Arc::new(Shared {
                scheme,
                secret,
                gate,
            }),
        }
    }

    /// Whether this is the secret it was made with.
    pub(crate) fn has_secret(&self, secret: &SecretValue) -> bool {
        self.shared.secret.expose_secret() == secret.expose()
    }

    /// How often a request met what may be a lock-out of the user name.
    pub(crate) fn lockouts(&self) -> u64 {
        self.shared.gate.lockouts()
    }

    /// Whether it was refused, and only as a locked user name is: another try may be welcome.
    pub(crate) fn may_be_locked_out(&self) -> bool {
        self.shared.gate.was_closed_unweighed()
    }

    /// Whether it was refused.
    pub(crate) fn is_refused(&self) -> bool {
        self.shared.gate.is_closed()
    }

    /// Notes that the same secret was refused elsewhere, by a form: it is sent no more.
    pub(crate) fn refuse(&self) {
        self.shared.gate.close();
    }

    pub(super) fn gate(&self) -> &Gate {
        &self.shared.gate
    }

    /// Whether the credentials may go to `url`, which may receive an account's.
    pub(super) fn may_go_to(&self, url: &Url) -> bool {
        match &self.shared.scheme {
            Scheme::Session { origin, .. } => origin.origin() == url.origin(),
            Scheme::Basic { .. } | Scheme::Bearer | Scheme::Signed => true,
        }
    }

    /// Whether the answer is one to a stranger.
    pub(super) fn is_refused_by(&self, answer: &Answer) -> bool {
        // What a signature is worth is told by whoever made it.
        if matches!(self.shared.scheme, Scheme::Signed) {
            return false;
        }
        let ended = match self.shared.scheme {
            Scheme::Session {
                ended_by: Some(name),
                ..
            } => sets(answer, name),
            _ => false,
        };
        ended || answer.status() == 401
    }

    /// Adds the credentials, or names the header that cannot hold them.
    pub(super) fn authorize(&self, headers: &mut HeaderMap) -> Result<(), &'static str> {
        let secret = self.shared.secret.expose_secret();
        match &self.shared.scheme {
            Scheme::Basic { username } => {
                let pair = SecretString::from(format!("{username}:{secret}"));
                let value = format!("Basic {}", STANDARD.encode(pair.expose_secret()));
                insert_secret(headers, AUTHORIZATION, "authorization", value.into())
            }
            Scheme::Bearer => {
                let value = format!("Bearer {secret}");
                insert_secret(headers, AUTHORIZATION, "authorization", value.into())
            }
            Scheme::Signed => Ok(()),
            Scheme::Session { origin, .. } => {
                let text = origin.origin().ascii_serialization();
                let page = HeaderValue::try_from(origin.as_str()).map_err(|_| "referer")?;
                headers.insert(ORIGIN, HeaderValue::try_from(text).map_err(|_| "origin")?);
                headers.insert(REFERER, page);
                headers.insert(SCRIPT, HeaderValue::from_static("XMLHttpRequest"));
                if secret.is_empty() {
                    return Ok(());
                }
                insert_secret(headers, COOKIE, "cookie", secret.to_owned().into())
            }
        }
    }
}

/// By which a web page says that its script asks, and no form of another page.
const SCRIPT: HeaderName = HeaderName::from_static("x-requested-with");

fn insert_secret(
    headers: &mut HeaderMap,
    key: HeaderName,
    name: &'static str,
    value: SecretString,
) -> Result<(), &'static str> {
    let mut value = HeaderValue::try_from(value.expose_secret()).map_err(|_| name)?;
    value.set_sensitive(true);
    headers.insert(key, value);
    Ok(())
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let username = match &self.shared.scheme {
            Scheme::Basic { username } => username,
            Scheme::Bearer => "(token)",
            Scheme::Signed => "(key)",
            Scheme::Session { .. } => "(session)",
        };
        f.debug_struct("Account")
            .field("username", &username)
            .finish_non_exhaustive()
    }
}
