use std::sync::Arc;

use super::{Subject, observe};
use crate::{
    error::ErrorCode,
    inventory::Inventory,
    simulator::{Action, Fault},
    sync::InventorySync,
};

/// Whichever request arrives without its credentials, the listing is whole or says that it is not.
///
/// # Panics
/// Where the connector fails the case.
pub async fn stripped_credentials_never_hide<S: Subject>(start: impl AsyncFn() -> S) {
    let subject = start().await;
    let requests = observe(subject.connector()).await.requests;
    for k in 1..=requests {
        let subject = start().await;
        subject
            .faults()
            .arm(Fault::new(Action::StripCredentials).nth(k));
        let seen = observe(subject.connector()).await;
        seen.keeps_its_word(&subject.contents(), &format!("request {k} stripped"));
        assert_eq!(subject.failed_logins(), 0);
    }
    for k in 1..=requests {
        let subject = start().await;
        let from_now_on = Fault::new(Action::StripCredentials).after(k - 1);
        subject.faults().arm(from_now_on);
        let seen = observe(subject.connector()).await;
        seen.keeps_its_word(&subject.contents(), &format!("stripped from {k} on"));
    }
}

/// A password that changes in mid-run ends the run with one failed log-in.
///
/// # Panics
/// Where the connector fails the case.
pub async fn a_changed_password_costs_one_failed_log_in<S: Subject>(start: impl AsyncFn() -> S) {
    let subject = start().await;
    let requests = observe(subject.connector()).await.requests;
    let subject = start().await;
    subject.change_password_after(requests / 2);
    let connector = subject.connector();
    let seen = observe(Arc::clone(&connector)).await;
    let error = seen.end.expect_err("a listing by a wrong password");
    assert_eq!(error.code(), ErrorCode::FailedToVerifyUsernameOrPwd);
    assert_eq!(subject.failed_logins(), 1);
    let again = observe(connector).await;
    assert!(again.end.is_err());
    assert_eq!(subject.failed_logins(), 1, "a refused password tried again");
}

/// Whichever request of a sync arrives without its credentials, no image is marked as gone, by this
/// run or the next.
///
/// # Panics
/// Where the connector fails the case.
pub async fn stripped_credentials_lose_nothing<S: Subject>(
    start: impl AsyncFn() -> S,
    inventory: impl AsyncFn() -> Arc<dyn Inventory>,
) {
    let subject = start().await;
    let requests = observe(subject.connector()).await.requests;
    for k in 1..=requests {
        let subject = start().await;
        let inventory = inventory().await;
        let sync = InventorySync::new("subject", subject.connector(), inventory);
        let first = sync.run().await.expect("a store that works");
        assert!(first.is_complete(), "{first:?}");
        subject
            .faults()
            .arm(Fault::new(Action::StripCredentials).nth(k));
        for run in ["stripped", "next"] {
            let report = sync.run().await.expect("a store that works");
            let marked = (report.gone, report.held);
            assert_eq!(marked, (0, 0), "request {k}, {run} run: {report:?}");
            assert!(
                run == "stripped" || report.unchanged == first.listed,
                "request {k}: {report:?}"
            );
        }
    }
}
