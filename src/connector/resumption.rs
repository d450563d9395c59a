use std::collections::{HashMap, HashSet};

use crate::image::{Cursor, Scope};

/// What a run that broke off has left of a listing.
///
/// The lists of scopes are read again, since they are what needs proof, and they cost little beside
/// what the scopes hold; of the scopes only those are read that had not ended.
#[derive(Debug, Default)]
pub(crate) struct Resumption {
    /// Read to their end.
    listed: HashSet<Scope>,
    /// Not read to their end, with where to go on.
    open: HashMap<Scope, Option<Cursor>>,
}

impl Resumption {
    pub(crate) fn new(
        listed: impl IntoIterator<Item = Scope>,
        open: impl IntoIterator<Item = (Scope, Option<Cursor>)>,
    ) -> Self {
        Self {
            listed: listed.into_iter().collect(),
            open: open.into_iter().collect(),
        }
    }

    pub(super) fn has_listed(&self, scope: &Scope) -> bool {
        self.listed.contains(scope)
    }

    /// Where a scope goes on that the list of scopes names again.
    pub(super) fn cursor_of(&mut self, scope: &Scope) -> Option<Cursor> {
        self.open.remove(scope).flatten()
    }

    /// The scopes that no list has named again: they have vanished.
    pub(super) fn unnamed(&mut self) -> impl Iterator<Item = Scope> {
        self.open.drain().map(|(scope, _)| scope)
    }
}
