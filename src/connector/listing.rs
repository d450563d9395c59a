use std::fmt::Debug;

use async_trait::async_trait;

use super::Warning;
use crate::{
    error::IntegrationError,
    image::{Cursor, EntryPage, Exclusion, Proof, Scope},
};

/// One run over everything that an account sees: what a connector has to write.
///
/// Cursors are the listing's own; a page may be asked for again with the same cursor.
#[async_trait]
pub trait Listing: Debug + Send + Sync {
    /// One page of the scopes to read.
    ///
    /// # Errors
    /// Any [`IntegrationError`]; it ends the run.
    async fn scopes(&self, after: Option<&Cursor>) -> Result<ScopePage, IntegrationError>;

    /// One page of a scope's entries.
    ///
    /// # Errors
    /// [`IntegrationError::FailedToVerifyUsernameOrPwd`] ends the run; any other error ends the
    /// scope, and [`IntegrationError::NamespaceNotFound`] says that it vanished in mid-run.
    async fn entries(
        &self,
        scope: &Scope,
        after: Option<&Cursor>,
    ) -> Result<EntryPage, IntegrationError>;

    /// Proves that the account saw every scope throughout, and closes what the run had opened.
    ///
    /// # Errors
    /// [`IntegrationError::IncompleteListing`] where it did not, or any error of the attempt.
    async fn finish(self: Box<Self>) -> Result<RunProof, IntegrationError>;
}

/// One page of a listing's scopes.
#[derive(Debug)]
pub struct ScopePage {
    /// The scopes, in the registry's order.
    pub scopes: Vec<ScopeEntry>,
    /// The scope of which this page is the end of the list: what lies in it and in none of its
    /// listed parts does not exist.
    pub listed: Option<Scope>,
    /// Where the list goes on; none at its end.
    pub next: Option<Cursor>,
}

/// A scope, and what to do with it.
#[derive(Debug)]
pub struct ScopeEntry {
    /// The scope.
    pub scope: Scope,
    /// What to do with it.
    pub disposition: Disposition,
}

/// What to do with a scope.
#[derive(Debug)]
#[non_exhaustive]
pub enum Disposition {
    /// Read its entries.
    Read,
    /// Its list says that it is empty.
    Empty,
    /// Leave it out on purpose.
    Exclude(Exclusion),
    /// Its list could not be read.
    Unreadable(IntegrationError),
}

/// The proof that closes a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunProof {
    /// What proves that no scope was hidden.
    pub proof: Proof,
    /// What an operator should know about it.
    pub warnings: Vec<Warning>,
    /// How many scopes exist but could not be read. Counted by [`list`](super::list).
    pub unread: u64,
    /// Scopes that were listed at first and no longer at the end.
    vanished: Vec<Scope>,
}

impl RunProof {
    /// A proof of this kind, with its warning where there is one.
    #[must_use]
    pub fn new(proof: Proof) -> Self {
        let warnings = match proof {
            Proof::ReadTwice => vec![Warning::ReadTwice],
            Proof::Totals => Vec::new(),
        };
        Self {
            proof,
            warnings,
            unread: 0,
            vanished: Vec::new(),
        }
    }

    /// The same, knowing the scopes that were listed at first and no longer at the end: that they
    /// could not be read leaves nothing unread.
    #[must_use]
    pub fn with_vanished(mut self, scopes: Vec<Scope>) -> Self {
        self.vanished = scopes;
        self
    }

    pub(super) fn has_vanished(&self, scope: &Scope) -> bool {
        self.vanished.iter().any(|gone| match scope {
            Scope::Repository(repository) => gone.covers(repository),
            _ => gone == scope,
        })
    }

    /// Whether everything that the account may see was read.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.unread == 0
    }
}
