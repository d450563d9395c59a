use super::{Observation, Subject, observe, requests_for};
use crate::{
    error::ErrorCode,
    simulator::{Action, Fault},
};

/// Lists a new subject with a fault in the entries of its scope.
async fn observe_with<S: Subject>(
    start: &impl AsyncFn() -> S,
    action: Action,
    narrowed: impl Fn(Fault) -> Fault,
) -> (S, Observation) {
    let subject = start().await;
    let fault = Fault::new(action).on_path(subject.entries());
    subject.faults().arm(narrowed(fault));
    let seen = observe(subject.connector()).await;
    assert!(subject.faults().struck() > 0, "the fault met no request");
    (subject, seen)
}

/// What passes by itself, a cut connection, a time-out, a throttled or busy server, costs time and
/// nothing else.
///
/// # Panics
/// Where the connector fails the case.
pub async fn passing_faults_do_not_matter<S: Subject>(start: impl AsyncFn() -> S) {
    for action in [
        Action::Reset,
        Action::CutBody,
        Action::Hang,
        Action::too_many_requests(None),
        Action::too_many_requests(Some("0")),
        Action::too_many_requests(Some("2")),
        Action::too_many_requests(Some("Thu, 01 Jan 1970 00:00:03 GMT")),
        Action::unavailable(None),
        Action::unavailable(Some("1")),
    ] {
        let case = format!("{action:?}");
        let (subject, seen) = observe_with(&start, action, |fault| fault.nth(1)).await;
        assert!(
            seen.keeps_its_word(&subject.contents(), &case),
            "{case}: {:?} {:?}",
            seen.end,
            seen.skipped
        );
        assert_eq!(seen.requests, subject.log().total(), "{case}");
    }
}

/// What is no answer of the registry is an error of its scope, once or always.
///
/// # Panics
/// Where the connector fails the case.
pub async fn broken_answers_are_never_believed<S: Subject>(start: impl AsyncFn() -> S) {
    for (action, code) in [
        (Action::TruncateBody, ErrorCode::ProtocolViolation),
        (Action::Html, ErrorCode::ProtocolViolation),
        (Action::status(500), ErrorCode::RegistryUnavailable),
        (Action::Reset, ErrorCode::NetworkConnectError),
        (Action::CutBody, ErrorCode::NetworkConnectError),
        (Action::Hang, ErrorCode::NetworkConnectError),
        (Action::too_many_requests(Some("1")), ErrorCode::RateLimited),
        (Action::unavailable(None), ErrorCode::RegistryUnavailable),
    ] {
        let case = format!("always {action:?}");
        let (subject, seen) = observe_with(&start, action, |fault| fault).await;
        assert!(
            !seen.keeps_its_word(&subject.contents(), &case),
            "{case}: a scope that was never read"
        );
        let mut told = seen.skipped.iter().map(|(_, error)| error.code());
        let fatal = seen.end.as_ref().err().map(|error| error.code());
        assert!(
            told.any(|told| told == code) || fatal == Some(code),
            "{case}: not told as {code}: {:?} {:?}",
            seen.skipped,
            seen.end
        );
    }
}

/// A page that repeats another, counts wrongly or comes in another order does not deceive.
///
/// # Panics
/// Where the connector fails the case.
pub async fn wrong_pages_are_never_believed<S: Subject>(start: impl AsyncFn() -> S) {
    let subject = start().await;
    observe(subject.connector()).await;
    let pages = requests_for(&subject, subject.entries());
    for action in [
        Action::RepeatPage,
        Action::TotalOffBy(1),
        Action::TotalOffBy(-1),
        Action::ReverseRows,
    ] {
        for k in 1..=pages {
            let case = format!("{action:?} at page {k}");
            let (subject, seen) = observe_with(&start, action.clone(), |fault| fault.nth(k)).await;
            seen.keeps_its_word(&subject.contents(), &case);
        }
        let case = format!("always {action:?}");
        let (subject, seen) = observe_with(&start, action, |fault| fault).await;
        seen.keeps_its_word(&subject.contents(), &case);
    }
}

/// A scope that is refused is told, and does not keep the others from being listed.
///
/// # Panics
/// Where the connector fails the case.
pub async fn refused_scopes_are_told_and_passed_over<S: Subject>(start: impl AsyncFn() -> S) {
    for status in [403, 404] {
        let case = format!("always {status}");
        let refusal = Action::status(status);
        let (subject, seen) = observe_with(&start, refusal, |fault| fault).await;
        assert!(!seen.keeps_its_word(&subject.contents(), &case), "{case}");
        assert_eq!(seen.skipped.len(), 1, "{case}: {:?}", seen.skipped);
        let (skipped, _) = &seen.skipped[0];
        for image in subject.contents() {
            let repository = image.repository.parse().expect("a repository's name");
            assert!(
                skipped.covers(&repository) || seen.images.contains(&image),
                "{case}: {image:?} lies in another scope"
            );
        }
    }
}
