//! What has changed since a mark, by `last_modified`.

use std::sync::Arc;

use registry_intake::{
    clock::{Clock, ManualClock, Timestamp},
    connector::RegistryConnector,
    image::{BlindSpot, ChangeMark},
    simulator::{
        Action, Fault, Quay,
        quay::{Contents, Organization, Push},
    },
};

use super::{as_owner, connector};
use crate::incremental::{full, repositories, since};

/// Later than all that the contents tell.
fn late() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

async fn quay(contents: Contents) -> (Quay, ManualClock, Arc<dyn RegistryConnector>) {
    let clock = ManualClock::jumping_at(late());
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let builder = Quay::builder()
        .contents(contents)
        .clock(Arc::clone(&shared));
    let quay = builder.start().await.unwrap();
    let connector = connector(as_owner(&quay), &shared);
    (quay, clock, connector)
}

fn contents(repositories: u64) -> Contents {
    let mut contents = Contents::empty();
    contents.create_organization(Organization::new("acme"));
    for number in 0..repositories {
        let image = Push::image().tag("1").tag("latest");
        contents.push(&format!("acme/app-{number}"), image);
    }
    contents
}

/// Changes at the present, and lets some time pass.
fn change<T>(quay: &Quay, clock: &ManualClock, change: impl FnOnce(&mut Contents) -> T) -> T {
    let changed = quay.change(|contents| change(contents.at(clock.now())));
    clock.advance(std::time::Duration::from_secs(60));
    changed
}

#[tokio::test]
async fn changes_cost_the_pages_of_the_list_and_the_changed_repositories() {
    let (quay, clock, connector) = quay(contents(130)).await;
    let mark = full(&connector).await.unwrap();
    let told = since(&connector, &mark).await.unwrap();
    assert!(told.scopes.is_empty(), "{:?}", told.scopes);
    assert_eq!(told.requests, 2);

    let digest = change(&quay, &clock, |contents| {
        contents.push("acme/app-0", Push::image().tag("2"))
    });
    change(&quay, &clock, |contents| {
        contents.tag("acme/app-0", &digest, "latest")
    });
    change(&quay, &clock, |contents| {
        contents.push("acme/new", Push::image().tag("1"))
    });
    let told = since(&connector, &told.mark.unwrap()).await.unwrap();
    assert_eq!(told.scopes, repositories(&["acme/app-0", "acme/new"]));
    assert_eq!(told.requests, 2 + 2);
    assert_eq!(
        told.blind_to,
        [BlindSpot::Deletions, BlindSpot::RemovedTags]
    );

    // Deleting the newest tag lowers the time, which is another one too.
    change(&quay, &clock, |contents| {
        contents.delete_tag("acme/app-0", "latest")
    });
    let told = since(&connector, &told.mark.unwrap()).await.unwrap();
    assert_eq!(told.scopes, repositories(&["acme/app-0"]));
}

#[tokio::test]
async fn what_changed_while_the_list_was_sent_counts_as_changed_the_next_time() {
    let (quay, clock, connector) = quay(contents(3)).await;
    quay.change(|contents| {
        contents.at(clock.now());
        contents.push("acme/app-0", Push::image().tag("2"))
    });
    // Within the second of that push: one more would show the same time.
    let mark = full(&connector).await.unwrap();
    quay.change(|contents| {
        contents.at(clock.now());
        contents.push("acme/app-0", Push::image().tag("3"))
    });
    let told = since(&connector, &mark).await.unwrap();
    assert_eq!(told.scopes, repositories(&["acme/app-0"]));
    clock.advance(std::time::Duration::from_secs(60));
    let told = since(&connector, &told.mark.unwrap()).await.unwrap();
    assert_eq!(told.scopes, repositories(&["acme/app-0"]));
    let told = since(&connector, &told.mark.unwrap()).await.unwrap();
    assert!(told.scopes.is_empty(), "{:?}", told.scopes);
}

#[tokio::test]
async fn an_organisation_that_shows_nothing_is_proved_by_its_token() {
    let (quay, _, connector) = quay(contents(3)).await;
    let mark = full(&connector).await.unwrap();
    let stripped = Fault::new(Action::StripCredentials).on_path("/api/v1/repository?");
    quay.faults().arm(stripped.nth(1));
    let told = since(&connector, &mark).await.unwrap();
    assert!(told.scopes.is_empty(), "{:?}", told.scopes);
    assert_eq!(told.requests, 1 + 1 + 1);
    quay.accounts().revoke_token(Quay::AUTH_TOKEN);
    let requests = registry_intake::connector::RequestCount::new();
    assert!(connector.open_changes(&mark, &requests).await.is_err());
}

#[tokio::test]
async fn marks_of_others_send_for_a_full_listing() {
    let (_quay, _, connector) = quay(contents(3)).await;
    for text in ["", "another connector's", "[]"] {
        assert!(since(&connector, &ChangeMark::new(text)).await.is_none());
    }
    // Nothing is known of any organisation: everything counts as changed.
    let told = since(&connector, &ChangeMark::new("{}")).await.unwrap();
    assert_eq!(told.scopes.len(), 3);
}
