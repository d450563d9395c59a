use std::time::Duration;

use super::{
    api::{Api, repository_path},
    wire::{Manifest, TagWire},
};
use crate::{
    clock::Timestamp,
    connector::{
        harbor::answers::{Identity, refusal},
        pull_token::Grant,
    },
    error::{BoxError, IntegrationError, Step, Violation},
    http::Account,
    image::{Image, RepositoryName},
};

/// Everything that may be asked for: of what is not named here 1.x gives another manifest, with
/// another digest.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
                      application/vnd.oci.image.manifest.v1+json, \
                      application/vnd.docker.distribution.manifest.list.v2+json, \
                      application/vnd.docker.distribution.manifest.v2+json";

/// A token is not used any more when it has so little time left.
const RESERVE: Duration = Duration::from_secs(60);

/// What the registry answers of a manifest.
#[derive(Debug)]
pub(super) enum Found {
    /// It is the one that was shown.
    AsShown,
    /// It is this one.
    Manifest(Manifest),
    /// There is none.
    Nothing,
}

/// The manifests of one repository, as its registry holds them.
#[derive(Debug)]
pub(super) struct Manifests<'a> {
    api: &'a Api,
    repository: &'a RepositoryName,
    token: Option<(Account, Timestamp)>,
}

impl<'a> Manifests<'a> {
    pub(super) const fn new(api: &'a Api, repository: &'a RepositoryName) -> Self {
        Self {
            api,
            repository,
            token: None,
        }
    }

    /// What a row's tag names; none where it names nothing any more.
    pub(super) async fn of(&mut self, row: TagWire) -> Result<Option<Image>, IntegrationError> {
        let tag = row.tag().map_err(|source| self.unreadable(source))?;
        let found = if row.is_certain() {
            Found::AsShown
        } else {
            self.head(tag.as_str(), row.digest()).await?
        };
        let image = match found {
            Found::AsShown => row.into_image(self.repository),
            Found::Manifest(manifest) => row.into_image_of(manifest, self.repository),
            // The tag was deleted meanwhile, or its manifest was and left it behind.
            Found::Nothing => return Ok(None),
        };
        image.map(Some).map_err(|source| self.unreadable(source))
    }

    fn unreadable(&self, source: BoxError) -> IntegrationError {
        IntegrationError::ProtocolViolation {
            context: self.api.context(Step::Listing),
            violation: Violation::Body,
            source: Some(source),
        }
    }

    /// Asks for the manifest that a tag or a digest names, by HEAD and with the digest that is shown:
    /// a GET counts as a pull, and at a 1.10 a HEAD does too, unless that digest is the true one.
    pub(super) async fn head(
        &mut self,
        reference: &str,
        shown: Option<&str>,
    ) -> Result<Found, IntegrationError> {
        let account = self.token().await?;
        let path = format!(
            "/v2/{}/manifests/{reference}",
            repository_path(self.repository)
        );
        let harbor = &self.api.harbor;
        let mut request = harbor
            .client
            .head(Step::Listing, harbor.url(&path, &[]))
            .account(&account)
            .header("accept", ACCEPT)
            .counted(&self.api.requests)
            .patience(self.api.patience);
        if let Some(digest) = shown {
            request = request.header("if-none-match", &format!("\"{digest}\""));
        }
        let answer = request.send().await;
        let answer = answer.map_err(|error| refused_token(error, "pull"))?;
        let header = |name| answer.header(name).filter(|value| !value.is_empty());
        // What stands in front may answer 404 to anything: a tag is lost by the registry's word alone.
        if header("docker-distribution-api-version").is_none() && answer.status() < 500 {
            return Err(answer.violation(Violation::Status));
        }
        match answer.status() {
            200 => Ok(Found::Manifest(Manifest {
                digest: header("docker-content-digest")
                    .ok_or_else(|| answer.violation(Violation::Header("Docker-Content-Digest")))?
                    .to_owned(),
                media_type: header("content-type")
                    .ok_or_else(|| answer.violation(Violation::Header("Content-Type")))?
                    .to_owned(),
            })),
            304 if shown.is_some() => Ok(Found::AsShown),
            404 => Ok(Found::Nothing),
            _ => Err(refusal(&answer, Identity::User)),
        }
    }

    async fn token(&mut self) -> Result<Account, IntegrationError> {
        let now = self.api.harbor.client.clock().now();
        if let Some((account, until)) = &self.token
            && now.saturating_add(RESERVE) < *until
        {
            return Ok(account.clone());
        }
        let repository = self.repository.to_string();
        let (account, until) = self.api.bearer(Grant::pull(&repository)).await?;
        self.token = Some((account.clone(), until));
        Ok(account)
    }
}

impl Api {
    /// A token for the registry behind, which takes no password itself.
    pub(super) async fn bearer(
        &self,
        grant: Grant<'_>,
    ) -> Result<(Account, Timestamp), IntegrationError> {
        let sending = (&self.requests, self.patience);
        let token = self
            .harbor
            .token(Step::Listing, &self.account, Some(grant), sending)
            .await?;
        Ok((Account::bearer(token.secret.into_inner()), token.expires_at))
    }
}

/// A token that the registry refuses says nothing against the password that it was given for.
pub(super) fn refused_token(error: IntegrationError, scope: &'static str) -> IntegrationError {
    match error {
        IntegrationError::FailedToVerifyUsernameOrPwd { context, .. } => {
            IntegrationError::TokenScopeMissing { context, scope }
        }
        other => other,
    }
}
