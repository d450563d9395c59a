//! The registries behind one trait.
//!
//! A [`RegistryConnector`] says what it is, verifies an integration, opens a [`Listing`], and tells
//! a puller how to pull. [`list`] drives a listing: concurrency, folding of tags into images,
//! restarts and completeness stand there once, for every registry alike.

mod acr;
mod challenge;
mod connect;
mod context;
mod fold;
mod forward;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod harbor;
mod listing;
mod pull_access;
mod pull_token;
mod quay;
mod resumption;
mod session;
mod verification;
mod walk;

pub use crate::http::RequestCount;
pub use connect::{connect, connect_with_clock, connect_within};
pub use context::ConnectContext;
pub use listing::{Changes, Disposition, Listing, RunProof, ScopeEntry, ScopePage};
pub use pull_access::{PullAccess, PullCredential};
pub use verification::{Outcome, Probe, Seen, Verification, Warning};
pub use walk::{ListingEvent, ListingStream, list};

pub(crate) use resumption::Resumption;
pub(crate) use walk::{Plan, walk};

use std::{fmt::Debug, num::NonZeroUsize};

use async_trait::async_trait;

use crate::{
    error::{ErrorContext, IntegrationError, Step, Unsupported},
    image::{ChangeMark, Image, Location, Reference, RegistryKind, RepositoryName},
};

/// What may be done with a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Its images can be listed and kept in an inventory.
    pub sync: bool,
    /// Its images may be ingested by a scanner. False for ACR Personal.
    pub scan: bool,
    /// How many scopes are worth reading at once.
    pub scopes_in_flight: NonZeroUsize,
}

/// A connection to one registry, by one account.
///
/// An outside crate can implement this for a registry of its own, with the crate `async-trait` and
/// [`RegistryKind::Other`], and hold it to the same behaviour as the connectors of this crate: the
/// module `conformance`, behind the feature `simulator`, has the suite.
#[async_trait]
pub trait RegistryConnector: Debug + Send + Sync + 'static {
    /// The registry's kind.
    fn kind(&self) -> RegistryKind;

    /// Host and port, as errors name them.
    fn host(&self) -> &str;

    /// What an inventory binds an integration's name to: the host, and what tells registries apart that
    /// lie behind one host. The host alone unless a connector says more.
    fn registry(&self) -> &str {
        self.host()
    }

    /// What may be done with it.
    fn capabilities(&self) -> Capabilities;

    /// Proves the integration step by step. Never fails as a whole: each probe tells how it went.
    async fn verify(&self) -> Verification;

    /// Begins one listing of everything that the account sees. Each HTTP request of the listing is
    /// counted in `requests`, by [`RequestCount::add_one`].
    ///
    /// # Errors
    /// Any [`IntegrationError`] that keeps the listing from beginning.
    async fn open_listing(
        &self,
        requests: &RequestCount,
    ) -> Result<Box<dyn Listing>, IntegrationError>;

    /// Begins one listing of what has changed since `since`, a mark of an earlier
    /// [`Listing::mark`]. Each HTTP request of it is counted in `requests`, those of this call
    /// included.
    ///
    /// None where a full listing is due: the server has no log or change mark that is known to be
    /// true, or the mark is missing there, purged, contradictory or not the connector's own.
    ///
    /// # Errors
    /// Any [`IntegrationError`] that keeps the changes from being told.
    async fn open_changes(
        &self,
        since: &ChangeMark,
        requests: &RequestCount,
    ) -> Result<Option<Changes>, IntegrationError> {
        let _ = (since, requests);
        Ok(None)
    }

    /// Looks up one image as it is now, in one or two requests and without a listing. A registry
    /// that lists by tag tells no other tags of it than the one asked for, and none for a digest.
    ///
    /// # Errors
    /// [`IntegrationError::ImageNotFound`] where there is no such repository, tag or digest;
    /// [`IntegrationError::NamespaceNotFound`] where the server tells that not even the namespace
    /// exists; [`IntegrationError::NotSupported`] where the connector looks up no single image; any
    /// other error of the attempt.
    async fn resolve(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Image, IntegrationError> {
        Err(IntegrationError::NotSupported {
            context: Box::new(
                ErrorContext::new(self.kind(), self.host(), Step::Listing)
                    .with_subject(format!("{repository} {reference}")),
            ),
            what: Unsupported::Resolving,
        })
    }

    /// What a puller needs to pull from `location`.
    ///
    /// # Errors
    /// Any [`IntegrationError`] that keeps the credential from being made.
    async fn pull_access(&self, location: &Location) -> Result<PullAccess, IntegrationError>;

    /// The same with a token that ends by itself and is good for `location`'s repository alone, for
    /// a puller that must not see the account's own secret.
    ///
    /// It may allow more than pulling there: Harbor puts into it whatever the account may do in the
    /// repository. Nor does it prove that the repository exists, only that the account may pull from
    /// one of that name. `expires_at` is reckoned by the crate's own clock, to the second.
    ///
    /// # Errors
    /// `NotSupported` where the registry gives out no such tokens, which a connector need not say
    /// itself; `FailedToVerifyUsernameOrPwd` where the account is refused, after which it is not
    /// tried again until it has another secret or is verified; `TokenScopeMissing` where it may not
    /// pull from the repository; `RateLimited` where its user name is locked; and any other
    /// [`IntegrationError`] that keeps the token from being made.
    async fn pull_token(&self, location: &Location) -> Result<PullAccess, IntegrationError> {
        let context = ErrorContext::new(self.kind(), self.host(), Step::Pull);
        Err(IntegrationError::NotSupported {
            context: Box::new(context.with_subject(location.repository.to_string())),
            what: Unsupported::PullToken,
        })
    }
}
