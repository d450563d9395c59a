use futures_util::StreamExt;

use super::{Subject, observe, requests_for};
use crate::{
    connector::{RequestCount, list},
    simulator::{Action, Fault},
};

/// Everything is listed, each image once, and every request is counted.
///
/// # Panics
/// Where the connector fails the case.
pub async fn everything_is_listed_once<S: Subject>(start: impl AsyncFn() -> S) {
    let subject = start().await;
    let seen = observe(subject.connector()).await;
    assert!(
        seen.keeps_its_word(&subject.contents(), "a quiet registry"),
        "incomplete on a quiet registry: {seen:?}"
    );
    assert!(seen.skipped.is_empty(), "{:?}", seen.skipped);
    assert_eq!(
        seen.requests,
        subject.log().total(),
        "requests that were not counted, or not sent"
    );
    let again = observe(subject.connector()).await;
    assert!(again.keeps_its_word(&seen.images, "a second listing"));
}

/// A scope that is deleted at any moment of the listing leaves all others listed.
///
/// # Panics
/// Where the connector fails the case.
pub async fn vanishing_scopes_are_passed_over<S: Subject>(start: impl AsyncFn() -> S) {
    let subject = start().await;
    let requests = observe(subject.connector()).await.requests;
    for k in 0..requests {
        let subject = start().await;
        let before = subject.contents();
        subject.delete_scope_after(k);
        let seen = observe(subject.connector()).await;
        let throughout = subject.contents();
        assert!(throughout.len() < before.len(), "nothing vanished");
        assert!(
            seen.images.is_subset(&before),
            "request {k}: shows what was never there"
        );
        assert!(
            seen.is_complete(),
            "request {k}: a deletion is no failure: {:?} {:?}",
            seen.end,
            seen.skipped
        );
        assert!(
            throughout.is_subset(&seen.images),
            "request {k}: complete, but not all that stayed"
        );
    }
}

/// A list of scopes that shrinks in silence, rows and total alike, is not believed.
///
/// # Panics
/// Where the connector fails the case.
pub async fn a_hidden_scope_is_noticed<S: Subject>(start: impl AsyncFn() -> S) {
    let quiet = start().await;
    observe(quiet.connector()).await;
    for list in quiet.scope_lists() {
        let pages = requests_for(&quiet, list);
        assert!(pages > 0, "no request for {list}");
        for k in 1..=pages {
            let subject = start().await;
            let hides = Fault::new(Action::Shrink(1)).on_path(*list);
            subject.faults().arm(hides.nth(k));
            let seen = observe(subject.connector()).await;
            seen.keeps_its_word(&subject.contents(), &format!("{list} {k} shrunk"));
        }
    }
}

/// A listing that is dropped sends nothing more.
///
/// # Panics
/// Where the connector fails the case.
pub async fn a_dropped_listing_asks_no_more<S: Subject>(start: impl AsyncFn() -> S) {
    let subject = start().await;
    let counted = RequestCount::new();
    let mut events = list(subject.connector(), counted.clone());
    assert!(events.next().await.is_some_and(|event| event.is_ok()));
    drop(events);
    let sent = counted.get();
    // A second listing gives whatever was left behind time to show.
    let again = observe(subject.connector()).await;
    assert!(again.is_complete());
    assert_eq!(counted.get(), sent, "requests after the drop");
}
