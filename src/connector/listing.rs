use std::fmt::Debug;

use async_trait::async_trait;

use super::Warning;
use crate::{
    error::IntegrationError,
    image::{BlindSpot, ChangeMark, Cursor, EntryPage, Exclusion, Proof, Scope},
};

/// One run over everything that an account sees, or over what has changed: what a connector has to
/// write.
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
    /// [`IntegrationError::FailedToVerifyUsernameOrPwd`] ends the run, unless
    /// [other accounts](Self::has_accounts_left) are left; any other error ends the scope, and
    /// [`IntegrationError::NamespaceNotFound`] says that it vanished in mid-run.
    async fn entries(
        &self,
        scope: &Scope,
        after: Option<&Cursor>,
    ) -> Result<EntryPage, IntegrationError>;

    /// Whether the listing has accounts that were not refused, for other scopes. One that has no
    /// more than one account has none.
    fn has_accounts_left(&self) -> bool {
        false
    }

    /// The change mark from which [`open_changes`](super::RegistryConnector::open_changes) goes on
    /// after this listing, as far as it is known by now; none where the server has nothing that is
    /// known to be true. Whatever changes while the listing is read lies behind it.
    ///
    /// Whoever wants to list changes later asks before anything is read, which may cost a few
    /// requests, and again before the listing is finished, once every scope was named: a later mark
    /// replaces an earlier one, and whoever has not asked before may be told of none. A run that was
    /// taken over is no listing's own: of it only the mark with which it began is true.
    async fn mark(&self) -> Option<ChangeMark> {
        None
    }

    /// Closes what the run had opened. Of a listing of everything it proves that the account saw
    /// every scope throughout; one of changes proves nothing about the rest, and answers
    /// [`RunProof::of_changes`].
    ///
    /// # Errors
    /// [`IntegrationError::IncompleteListing`] where the account did not see what it was to see, or
    /// any error of the attempt.
    async fn finish(self: Box<Self>) -> Result<RunProof, IntegrationError>;

    /// Closes what the run had opened, where an error ends it before it is finished. Where the run
    /// is dropped nothing is closed, and sessions are left to end by themselves.
    async fn close(&self) {}
}

/// The listing of what has changed since a mark.
///
/// Its scopes are those in which something has changed, each to be read as in a full listing. No
/// list that it names is `listed` in a wider scope: what it does not show is as it was, or lies in
/// a blind spot.
#[derive(Debug)]
#[non_exhaustive]
pub struct Changes {
    /// The listing of the changed scopes.
    pub listing: Box<dyn Listing>,
    /// What it cannot see, in order.
    pub blind_to: Vec<BlindSpot>,
}

impl Changes {
    /// These changes.
    #[must_use]
    pub fn new(
        listing: impl Listing + 'static,
        blind_to: impl IntoIterator<Item = BlindSpot>,
    ) -> Self {
        let mut blind_to: Vec<_> = blind_to.into_iter().collect();
        blind_to.sort_unstable();
        Self {
            listing: Box::new(listing),
            blind_to,
        }
    }
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
    /// Its list could not be read. Without a [proof](RunProof::with_vanished) that it is gone, it
    /// is unread whatever the error.
    Unreadable(IntegrationError),
}

/// What closes a listing: the proof that it saw everything, where it is one of everything.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunProof {
    /// What proves that no scope was hidden. None for a listing of changes, of which nothing may be
    /// concluded for what it does not show.
    pub proof: Option<Proof>,
    /// What an operator should know about it.
    pub warnings: Vec<Warning>,
    /// How many scopes exist but could not be read. Counted by [`list`](super::list).
    pub unread: u64,
    /// The listing's last [`mark`](Listing::mark). Asked by [`list`](super::list).
    pub mark: Option<ChangeMark>,
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
            proof: Some(proof),
            warnings,
            unread: 0,
            mark: None,
            vanished: Vec::new(),
        }
    }

    /// The end of a listing of changes: all that is known to have changed was shown, and nothing is
    /// proved of the rest.
    #[must_use]
    pub const fn of_changes() -> Self {
        Self {
            proof: None,
            warnings: Vec::new(),
            unread: 0,
            mark: None,
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

    /// Whether everything that the account may see was read, which is never so for a listing of
    /// changes.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.proof.is_some() && self.unread == 0
    }
}
