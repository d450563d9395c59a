//! Tokens to pull from one repository, as registries' token services give them out.
//!
//! A token is read and never verified: it proves something to the registry alone, whose answer it
//! is.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{PullAccess, PullCredential};
use crate::{
    clock::{Clock, Timestamp},
    config::{IntegrationConfig, SecretValue},
    error::{IntegrationError, Violation},
    http::Answer,
    image::Location,
};

/// A right that is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grant<'a> {
    kind: &'static str,
    name: &'a str,
    action: &'static str,
}

impl<'a> Grant<'a> {
    /// To pull from a repository.
    pub(super) const fn pull(repository: &'a str) -> Self {
        Self {
            kind: "repository",
            name: repository,
            action: "pull",
        }
    }

    /// To read the registry's catalog.
    pub(super) const CATALOG: Self = Self {
        kind: "registry",
        name: "catalog",
        action: "*",
    };

    /// As the distribution specification writes it.
    pub(super) fn scope(&self) -> String {
        format!("{}:{}:{}", self.kind, self.name, self.action)
    }
}

/// A token, and until when it is good by this machine's clock.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) secret: SecretValue,
    pub(super) expires_at: Timestamp,
}

impl Token {
    /// Access to `location`, for which the token was asked for.
    pub(super) fn access(self, config: &IntegrationConfig, location: &Location) -> PullAccess {
        let credential = PullCredential::Bearer { token: self.secret };
        PullAccess::at(config, location, credential).with_expiry(self.expires_at)
    }
}

/// Whether the answer is a token made out to nobody, as Harbor's is to refused credentials: in a
/// public project it even pulls.
pub(super) fn is_for_nobody(answer: &Answer) -> bool {
    let claims = || answer.json::<TokenWire>().ok()?.claims();
    answer.status() == 200 && claims().is_some_and(|claims| claims.is_for_nobody())
}

/// The token of the token service's answer, if it gives what was asked for: services answer 200,
/// with less in the token, to who may not.
pub(super) fn read(
    answer: &Answer,
    asked: Option<Grant<'_>>,
    clock: &dyn Clock,
) -> Result<Token, IntegrationError> {
    match answer.status() {
        200 => {}
        500.. => {
            return Err(IntegrationError::RegistryUnavailable {
                context: Box::new(answer.context()),
                retry_after: None,
            });
        }
        _ => return Err(answer.violation(Violation::Status)),
    }
    let answered: TokenWire = answer.json()?;
    let unreadable = || answer.violation(Violation::Body);
    let claims = answered.claims().ok_or_else(unreadable)?;
    if claims.is_for_nobody() {
        return Err(IntegrationError::FailedToVerifyUsernameOrPwd {
            context: Box::new(answer.context()),
            source: None,
        });
    }
    if let Some(asked) = asked.filter(|asked| !claims.grants(asked)) {
        return Err(IntegrationError::TokenScopeMissing {
            context: Box::new(answer.context().with_subject(asked.name)),
            scope: asked.action,
        });
    }
    // The server's clock may be off, so only how long the token lasts is taken from it, counted
    // from when it was asked for.
    let lifetime = claims.lifetime().or(answered.expires_in);
    let lifetime = lifetime.filter(|seconds| *seconds > 0);
    let lifetime = Duration::from_secs(lifetime.ok_or_else(unreadable)?);
    let asked_at = clock.now().saturating_sub(answer.elapsed());
    Ok(Token {
        secret: SecretValue::new(answered.token),
        expires_at: asked_at.saturating_add(lifetime),
    })
}

#[derive(Deserialize)]
struct TokenWire {
    token: String,
    /// In seconds. Harbor says it, Quay does not.
    expires_in: Option<u64>,
}

impl TokenWire {
    /// What the token says of itself, if it is a JSON Web Token.
    fn claims(&self) -> Option<ClaimsWire> {
        let (_, rest) = self.token.split_once('.')?;
        let (claims, _signature) = rest.split_once('.')?;
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }
}

#[derive(Deserialize)]
struct ClaimsWire {
    sub: Option<String>,
    iat: Option<i64>,
    exp: Option<i64>,
    /// Null in Harbor's tokens that grant nothing.
    access: Option<Vec<GrantWire>>,
}

#[derive(Deserialize)]
struct GrantWire {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    actions: Option<Vec<String>>,
}

impl ClaimsWire {
    /// Harbor leaves out the subject, Quay writes it so.
    fn is_for_nobody(&self) -> bool {
        matches!(self.sub.as_deref(), None | Some("" | "(anonymous)"))
    }

    fn grants(&self, asked: &Grant<'_>) -> bool {
        self.access.iter().flatten().any(|grant| {
            grant.kind == asked.kind
                && grant.name == asked.name
                && grant
                    .actions
                    .iter()
                    .flatten()
                    .any(|action| action == asked.action)
        })
    }

    /// In seconds, both ends by the server's clock.
    fn lifetime(&self) -> Option<u64> {
        self.exp?.checked_sub(self.iat?)?.try_into().ok()
    }
}
