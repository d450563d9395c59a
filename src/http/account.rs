use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::header::{HeaderValue, InvalidHeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::gate::Gate;
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
    Basic { username: String },
    Bearer,
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

    /// A token, sent as it is.
    pub(crate) fn bearer(token: SecretString) -> Self {
        Self::new(Scheme::Bearer, token, Gate::new())
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

    pub(super) fn gate(&self) -> &Gate {
        &self.shared.gate
    }

    pub(super) fn authorization(&self) -> Result<HeaderValue, InvalidHeaderValue> {
        let secret = self.shared.secret.expose_secret();
        let value = SecretString::from(match &self.shared.scheme {
            Scheme::Basic { username } => {
                let pair = SecretString::from(format!("{username}:{secret}"));
                format!("Basic {}", STANDARD.encode(pair.expose_secret()))
            }
            Scheme::Bearer => format!("Bearer {secret}"),
        });
        let mut value = HeaderValue::try_from(value.expose_secret())?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let username = match &self.shared.scheme {
            Scheme::Basic { username } => username,
            Scheme::Bearer => "(token)",
        };
        f.debug_struct("Account")
            .field("username", &username)
            .finish_non_exhaustive()
    }
}
