//! Tokens to pull from one repository, as registries' token services give them out.
//!
//! A token is read and never verified: it proves something to the registry alone, whose answer it
//! is.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{PullAccess, PullCredential};
use crate::{
    clock::Clock,
    config::{Endpoint, SecretValue},
    error::{IntegrationError, Violation},
    http::Answer,
    image::{Location, RepositoryName},
};

/// The scope that is asked for.
pub(super) fn scope(repository: &RepositoryName) -> String {
    format!("repository:{repository}:pull")
}

/// Whether the answer is a token made out to nobody, as Harbor's is to refused credentials: in a
/// public project it even pulls.
pub(super) fn is_for_nobody(answer: &Answer) -> bool {
    let claims = || answer.json::<TokenWire>().ok()?.claims();
    answer.status() == 200 && claims().is_some_and(|claims| claims.is_for_nobody())
}

/// What the token service's answer gives, if it gives the right to pull from this repository:
/// services answer 200, with less in the token, to who may not.
pub(super) fn access(
    endpoint: &Endpoint,
    location: &Location,
    answer: &Answer,
    clock: &dyn Clock,
) -> Result<PullAccess, IntegrationError> {
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
    let repository = location.repository.to_string();
    if claims.is_for_nobody() {
        return Err(IntegrationError::FailedToVerifyUsernameOrPwd {
            context: Box::new(answer.context()),
            source: None,
        });
    }
    if !claims.grants_pull(&repository) {
        return Err(IntegrationError::TokenScopeMissing {
            context: Box::new(answer.context().with_subject(repository)),
            scope: "pull",
        });
    }
    // The server's clock may be off, so only how long the token lasts is taken from it, counted
    // from when it was asked for.
    let lifetime = claims.lifetime().or(answered.expires_in);
    let lifetime = lifetime.filter(|seconds| *seconds > 0);
    let lifetime = Duration::from_secs(lifetime.ok_or_else(unreadable)?);
    let asked_at = clock.now().saturating_sub(answer.elapsed());
    let token = SecretValue::new(answered.token);
    let access = PullAccess::at(endpoint, location, PullCredential::Bearer { token });
    Ok(access.with_expiry(asked_at.saturating_add(lifetime)))
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

    fn grants_pull(&self, repository: &str) -> bool {
        self.access.iter().flatten().any(|grant| {
            grant.kind == "repository"
                && grant.name == repository
                && grant
                    .actions
                    .iter()
                    .flatten()
                    .any(|action| action == "pull")
        })
    }

    /// In seconds, both ends by the server's clock.
    fn lifetime(&self) -> Option<u64> {
        self.exp?.checked_sub(self.iat?)?.try_into().ok()
    }
}
