use std::{collections::VecDeque, future::ready, pin::Pin, sync::Arc};

use futures_util::{
    FutureExt, Stream, StreamExt,
    future::BoxFuture,
    stream::{self, FuturesUnordered},
};

use super::{
    Disposition, Listing, RegistryConnector, Resumption, RunProof, ScopeEntry, ScopePage,
    fold::Fold,
};
use crate::{
    error::{ErrorCode, ErrorContext, Incompleteness, IntegrationError, Step, Violation},
    http::RequestCount,
    image::{Cursor, EntryPage, Exclusion, Image, Next, Scope},
    selection::Selection,
};

/// What a listing tells, in the order in which it comes to know it.
#[derive(Debug)]
#[non_exhaustive]
pub enum ListingEvent {
    /// Images of a scope, each whole: a manifest in one repository with all its tags.
    Page {
        /// The scope that was read.
        scope: Scope,
        /// The images.
        images: Vec<Image>,
        /// Where the scope's list goes on, where it can be resumed there.
        checkpoint: Option<Cursor>,
    },
    /// The scope was read to its end. Provisional until [`Finished`](Self::Finished).
    Listed(Scope),
    /// The scope was left out on purpose.
    Excluded(Scope, Exclusion),
    /// The scope could not be read; the run goes on. [`IntegrationError::NamespaceNotFound`] says
    /// that it vanished in mid-run.
    Skipped(Scope, IntegrationError),
    /// The run is proved. The last event.
    Finished(RunProof),
}

/// A listing's events. Ends after [`ListingEvent::Finished`] or after the first error.
pub type ListingStream =
    Pin<Box<dyn Stream<Item = Result<ListingEvent, IntegrationError>> + Send + 'static>>;

/// How often a scope whose list changes while it is read by page numbers is read anew.
const RESTARTS: u32 = 3;

/// After so many scopes in a row that failed for the server's or the network's sake, the run ends: a
/// server that is down is not asked for each of a thousand scopes.
const FAILURES_IN_A_ROW: u32 = 5;

/// The most images told in one event.
const PORTION: usize = 100;

/// Lists everything that the connector's account sees, counting each request in `requests`.
///
/// Memory is bounded by the pages in flight, plus one repository's tags where the registry pages
/// by tag. Nothing is spawned: dropping the stream stops the work.
pub fn list(connector: Arc<dyn RegistryConnector>, requests: RequestCount) -> ListingStream {
    let opening = async move {
        let opened = connector.open_listing(&requests).await;
        walk(opened, &*connector, Plan::default())
    };
    opening.flatten_stream().boxed()
}

/// What of a listing is read.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Scopes that it rules out are not asked for.
    pub(crate) selection: Selection,
    /// Where another run broke off.
    pub(crate) resumption: Resumption,
}

/// What [`list`] does with a listing that the connector has opened.
pub(crate) fn walk(
    opened: Result<Box<dyn Listing>, IntegrationError>,
    connector: &dyn RegistryConnector,
    plan: Plan,
) -> ListingStream {
    match opened {
        Ok(listing) => {
            let limit = connector.capabilities().scopes_in_flight.get();
            let at = ErrorContext::new(connector.kind(), connector.host(), Step::Listing);
            Walk::new(listing, limit, at, plan).events().boxed()
        }
        Err(error) => stream::once(ready(Err(error))).boxed(),
    }
}

/// One scope that is being read.
struct Reading {
    scope: Scope,
    cursor: Option<Cursor>,
    /// Whether the cursor is of a run before, and nothing was read from it yet.
    is_resumed: bool,
    fold: Fold,
    restarts: u32,
}

enum Answer {
    Scopes(Result<ScopePage, IntegrationError>),
    Entries(Reading, Result<EntryPage, IntegrationError>),
    Finished(Result<RunProof, IntegrationError>),
}

/// Where the list of scopes stands.
enum ScopeList {
    Unread(Option<Cursor>),
    InFlight,
    Ended,
}

struct Walk {
    /// Taken when the walk finishes. Every request in flight holds a clone.
    listing: Option<Arc<Box<dyn Listing>>>,
    limit: usize,
    at: ErrorContext,
    scope_list: ScopeList,
    waiting: VecDeque<Reading>,
    plan: Plan,
    in_flight: FuturesUnordered<BoxFuture<'static, Answer>>,
    ready: VecDeque<ListingEvent>,
    unread: Vec<Scope>,
    failures_in_a_row: u32,
}

impl Walk {
    fn new(listing: Box<dyn Listing>, limit: usize, at: ErrorContext, plan: Plan) -> Self {
        Self {
            listing: Some(Arc::new(listing)),
            limit,
            at,
            scope_list: ScopeList::Unread(None),
            waiting: VecDeque::new(),
            plan,
            in_flight: FuturesUnordered::new(),
            ready: VecDeque::new(),
            unread: Vec::new(),
            failures_in_a_row: 0,
        }
    }

    fn events(self) -> impl Stream<Item = Result<ListingEvent, IntegrationError>> + Send {
        stream::unfold(Some(self), |walk| async {
            let mut walk = walk?;
            match walk.next().await {
                Some(Ok(event)) => Some((Ok(event), Some(walk))),
                Some(Err(error)) => Some((Err(error), None)),
                None => None,
            }
        })
    }

    async fn next(&mut self) -> Option<Result<ListingEvent, IntegrationError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            self.launch();
            let answer = self.in_flight.next().await?;
            if let Err(error) = self.absorb(answer) {
                self.give_up().await;
                return Some(Err(error));
            }
        }
    }

    async fn give_up(&mut self) {
        self.in_flight.clear();
        if let Some(listing) = self.listing.take() {
            listing.close().await;
        }
    }

    /// Fills the free places: scopes that wait first, then the list of scopes, at last the proof.
    fn launch(&mut self) {
        let Some(listing) = &self.listing else {
            return;
        };
        while self.in_flight.len() < self.limit {
            if let Some(reading) = self.waiting.pop_front() {
                self.in_flight.push(reading.read(Arc::clone(listing)));
            } else if let ScopeList::Unread(cursor) = &mut self.scope_list {
                let (listing, cursor) = (Arc::clone(listing), cursor.take());
                self.scope_list = ScopeList::InFlight;
                self.in_flight.push(
                    async move { Answer::Scopes(listing.scopes(cursor.as_ref()).await) }.boxed(),
                );
            } else {
                break;
            }
        }
        if self.in_flight.is_empty()
            && let Some(listing) = self.listing.take().and_then(Arc::into_inner)
        {
            let finishing = async move {
                let mark = listing.mark().await;
                Answer::Finished(listing.finish().await.map(|mut proof| {
                    proof.mark = mark;
                    proof
                }))
            };
            self.in_flight.push(finishing.boxed());
        }
    }

    fn absorb(&mut self, answer: Answer) -> Result<(), IntegrationError> {
        match answer {
            Answer::Scopes(page) => self.absorb_scopes(page?),
            Answer::Entries(reading, Ok(page)) => {
                self.failures_in_a_row = 0;
                self.absorb_entries(reading, page);
            }
            Answer::Entries(reading, Err(error)) if reading.starts_over(&error) => {
                self.waiting.push_front(Reading::new(reading.scope, None));
            }
            Answer::Entries(reading, Err(error)) => return self.skip(reading.scope, error),
            Answer::Finished(proof) => {
                let mut proof = proof?;
                self.tell_vanished();
                self.unread.retain(|scope| !proof.has_vanished(scope));
                proof.unread = self.unread.len() as u64;
                self.ready.push_back(ListingEvent::Finished(proof));
            }
        }
        Ok(())
    }

    fn absorb_scopes(&mut self, page: ScopePage) {
        for ScopeEntry { scope, disposition } in page.scopes {
            let cursor = self.plan.resumption.cursor_of(&scope);
            let is_selected = self.plan.selection.takes_scope(&scope);
            match disposition {
                _ if !is_selected => {
                    let reason = Exclusion::Filtered;
                    self.ready.push_back(ListingEvent::Excluded(scope, reason));
                }
                // Somebody may count on it, so it is not taken for vanished.
                Disposition::Unreadable(error) => {
                    self.unread.push(scope.clone());
                    self.ready.push_back(ListingEvent::Skipped(scope, error));
                }
                _ if self.plan.resumption.has_listed(&scope) => {}
                Disposition::Read => self.waiting.push_back(Reading::new(scope, cursor)),
                Disposition::Empty => self.ready.push_back(ListingEvent::Listed(scope)),
                Disposition::Exclude(reason) => {
                    self.ready.push_back(ListingEvent::Excluded(scope, reason));
                }
            }
        }
        self.ready.extend(page.listed.map(ListingEvent::Listed));
        self.scope_list = match page.next {
            Some(cursor) => ScopeList::Unread(Some(cursor)),
            None => ScopeList::Ended,
        };
    }

    fn absorb_entries(&mut self, mut reading: Reading, page: EntryPage) {
        reading.is_resumed = false;
        let mut images = reading.fold.take(page.entries, page.settled);
        let next = match page.next {
            Next::Page(cursor) if reading.cursor.as_ref() == Some(&cursor) => {
                let error = IntegrationError::ProtocolViolation {
                    context: self.at_scope(&reading.scope),
                    violation: Violation::PagingLoop,
                    source: None,
                };
                return self.unread(reading.scope, error);
            }
            Next::Page(cursor) => Some(cursor),
            Next::Restart if reading.restarts == RESTARTS => {
                let error = IntegrationError::IncompleteListing {
                    context: self.at_scope(&reading.scope),
                    reason: Incompleteness::KeptChanging {
                        attempts: RESTARTS + 1,
                    },
                };
                return self.unread(reading.scope, error);
            }
            Next::Restart => {
                reading.fold.void();
                reading.restarts += 1;
                None
            }
            Next::End => {
                images.append(&mut reading.fold.finish());
                self.page(&reading.scope, images, None);
                self.ready.push_back(ListingEvent::Listed(reading.scope));
                return;
            }
        };
        // Whoever goes on behind what is held would never be told of it.
        let checkpoint = next.clone().filter(|_| reading.fold.is_empty());
        self.page(&reading.scope, images, checkpoint);
        reading.cursor = next;
        if let Some(listing) = &self.listing {
            self.in_flight.push(reading.read(Arc::clone(listing)));
        }
    }

    /// Tells images in portions of a page, so that who stores them writes in small steps.
    fn page(&mut self, scope: &Scope, images: Vec<Image>, checkpoint: Option<Cursor>) {
        let mut images = images.into_iter().peekable();
        while images.peek().is_some() {
            let portion: Vec<Image> = images.by_ref().take(PORTION).collect();
            let is_last = images.peek().is_none();
            self.ready.push_back(ListingEvent::Page {
                scope: scope.clone(),
                images: portion,
                checkpoint: checkpoint.clone().filter(|_| is_last),
            });
        }
    }

    /// A refusal of the last account ends the run, and so does a server that answers nothing any
    /// more; anything else ends the scope alone.
    fn skip(&mut self, scope: Scope, error: IntegrationError) -> Result<(), IntegrationError> {
        let listing = self.listing.as_ref();
        let goes_on = listing.is_some_and(|listing| listing.has_accounts_left());
        self.failures_in_a_row = match error.code() {
            ErrorCode::FailedToVerifyUsernameOrPwd if !goes_on => return Err(error),
            ErrorCode::NetworkConnectError
            | ErrorCode::RegistryUnavailable
            | ErrorCode::RateLimited => self.failures_in_a_row + 1,
            _ => 0,
        };
        if self.failures_in_a_row == FAILURES_IN_A_ROW {
            return Err(error);
        }
        self.unread(scope, error);
        Ok(())
    }

    /// Scopes that had not ended when the run before broke off, and that no list names any more.
    fn tell_vanished(&mut self) {
        for scope in self.plan.resumption.unnamed() {
            let error = IntegrationError::NamespaceNotFound {
                context: Box::new(self.at.clone().with_subject(scope.to_string())),
                namespace: match &scope {
                    Scope::Registry => String::new(),
                    Scope::Namespace(name) => name.clone(),
                    Scope::Repository(repository) => repository.to_string(),
                },
            };
            self.ready.push_back(ListingEvent::Skipped(scope, error));
        }
    }

    fn unread(&mut self, scope: Scope, error: IntegrationError) {
        if error.code() != ErrorCode::NamespaceNotFound {
            self.unread.push(scope.clone());
        }
        self.ready.push_back(ListingEvent::Skipped(scope, error));
    }

    fn at_scope(&self, scope: &Scope) -> Box<ErrorContext> {
        Box::new(self.at.clone().with_subject(scope.to_string()))
    }
}

impl Reading {
    fn new(scope: Scope, cursor: Option<Cursor>) -> Self {
        Self {
            scope,
            is_resumed: cursor.is_some(),
            cursor,
            fold: Fold::default(),
            restarts: 0,
        }
    }

    /// Whether it was the cursor of the run before that failed: the server has been upgraded since,
    /// or lists otherwise.
    fn starts_over(&self, error: &IntegrationError) -> bool {
        let of_the_list = matches!(
            error.code(),
            ErrorCode::ProtocolViolation | ErrorCode::IncompleteListing
        );
        self.is_resumed && of_the_list
    }

    fn read(self, listing: Arc<Box<dyn Listing>>) -> BoxFuture<'static, Answer> {
        async move {
            let page = listing.entries(&self.scope, self.cursor.as_ref()).await;
            Answer::Entries(self, page)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
