//! The behaviour that every connector must show, as tests that run against any of them.
//!
//! A connector is tried on a registry that can be made to misbehave: implement [`Subject`] for a
//! simulated one, and call [`all`] from a test, or the cases one by one so that each is named in
//! the test's report. A case panics where the connector fails it.
//!
//! For a registry that this crate does not simulate, write a [`Handler`](crate::simulator::Handler)
//! and put it behind a [`Server`](crate::simulator::Server), which has the faults and the log that
//! a subject shows.
//!
//! One rule stands above all cases: a listing that calls itself complete shows everything, and
//! nothing that is not there.

// Cases are tests: they panic where something is wrong, and run on the test's own thread.
#![allow(clippy::expect_used, clippy::future_not_send)]

mod accounts;
mod answers;
mod changes;
mod observation;
mod scopes;
mod tokens;

pub use accounts::{
    a_changed_password_costs_one_failed_log_in, stripped_credentials_lose_nothing,
    stripped_credentials_never_hide,
};
pub use answers::{
    broken_answers_are_never_believed, passing_faults_do_not_matter,
    refused_scopes_are_told_and_passed_over, wrong_pages_are_never_believed,
};
pub use changes::what_changed_is_told_or_a_full_listing_is_due;
pub use observation::{Observation, Shown, observe};
pub use scopes::{
    a_dropped_listing_asks_no_more, a_hidden_scope_is_noticed, everything_is_listed_once,
    vanishing_scopes_are_passed_over,
};
pub use tokens::pull_tokens_are_for_who_may_pull;

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    connector::RegistryConnector,
    inventory::Inventory,
    simulator::{Faults, RequestLog},
};

/// A registry on which a connector is tried. Each case starts a new one.
///
/// Its scopes should fill more than one page somewhere, and one should be empty.
pub trait Subject {
    /// A new connection by an account that sees everything.
    fn connector(&self) -> Arc<dyn RegistryConnector>;

    /// What a complete listing shows now.
    fn contents(&self) -> BTreeSet<Shown>;

    /// What goes wrong.
    fn faults(&self) -> &Faults;

    /// What was asked.
    fn log(&self) -> &RequestLog;

    /// For each list of scopes, a part of the target of every request for it, and of no other.
    fn scope_lists(&self) -> &[&str];

    /// A part of the target of every request for the entries of one scope, and of no other. The
    /// scope should have several pages.
    fn entries(&self) -> &str;

    /// How many log-ins with the account's name have failed.
    fn failed_logins(&self) -> u64;

    /// Changes the account's password when this many more requests have come. The registry should
    /// then show nothing to strangers: a request that it answers to anybody costs a wrong password
    /// a failed log-in of which the answer says nothing.
    fn change_password_after(&self, requests: u64);

    /// Pushes, moves, sets or deletes something, chosen by `seed`, and says so. A subject that does
    /// nothing of this kind is not held to what its connector tells of changes.
    fn change(&self, _seed: u64) -> bool {
        false
    }

    /// Deletes a scope, with what is in it, when this many more requests have come.
    fn delete_scope_after(&self, requests: u64);
}

/// How many of the subject's requests had `part` in their target.
fn requests_for(subject: &impl Subject, part: &str) -> u64 {
    let asked = subject.log().recent();
    let meant = asked.iter().filter(|request| request.target.contains(part));
    meant.count() as u64
}

/// Runs every case, each on a subject and, where it syncs, an inventory of its own.
///
/// # Panics
/// Where the connector fails a case.
pub async fn all<S: Subject>(
    start: impl AsyncFn() -> S,
    inventory: impl AsyncFn() -> Arc<dyn Inventory>,
) {
    everything_is_listed_once(&start).await;
    vanishing_scopes_are_passed_over(&start).await;
    a_hidden_scope_is_noticed(&start).await;
    a_dropped_listing_asks_no_more(&start).await;
    stripped_credentials_never_hide(&start).await;
    stripped_credentials_lose_nothing(&start, &inventory).await;
    a_changed_password_costs_one_failed_log_in(&start).await;
    passing_faults_do_not_matter(&start).await;
    broken_answers_are_never_believed(&start).await;
    wrong_pages_are_never_believed(&start).await;
    refused_scopes_are_told_and_passed_over(&start).await;
    pull_tokens_are_for_who_may_pull(&start).await;
    what_changed_is_told_or_a_full_listing_is_due(&start).await;
}
