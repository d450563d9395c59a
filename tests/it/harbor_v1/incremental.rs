//! What has changed since a mark, by the access log.

use std::sync::Arc;

use registry_intake::{
    config::RequiredRole,
    connector::RegistryConnector,
    image::BlindSpot,
    simulator::{
        Action, Fault, HarborV1,
        harbor_v1::{Contents, Push},
    },
};

use super::{as_admin, as_plain, connector, plain, start};
use crate::incremental::{full, repositories, since};

/// So many repositories with one image each.
fn contents(repositories: u64) -> Contents {
    let mut contents = Contents::empty();
    for number in 0..repositories {
        let path = format!("team/app-{number}");
        contents.push(&path, Push::image().tag("1"));
    }
    contents
}

async fn harbor(contents: Contents) -> (HarborV1, Arc<dyn RegistryConnector>) {
    let (harbor, clock) = start(HarborV1::builder().contents(contents)).await;
    let connector = connector(as_admin(&harbor), &clock);
    (harbor, connector)
}

#[tokio::test]
async fn only_an_administrator_of_a_recorded_release_leaves_a_mark() {
    let (_harbor, by_admin) = harbor(contents(2)).await;
    assert!(full(&by_admin).await.is_some());
    let builder = HarborV1::builder().account(plain()).contents(contents(2));
    let (server, clock) = start(builder).await;
    let by_user = as_plain(&server).required_role(RequiredRole::List);
    assert!(full(&connector(by_user, &clock)).await.is_none());
    let older = HarborV1::builder()
        .version("v1.9.4-a1b2c3d4")
        .contents(contents(2));
    let (server, clock) = start(older).await;
    assert!(full(&connector(as_admin(&server), &clock)).await.is_none());
}

#[tokio::test]
async fn pushes_moves_and_deletions_name_their_repositories_and_nothing_else_is_read() {
    let (harbor, connector) = harbor(contents(300)).await;
    let mark = full(&connector).await.unwrap();
    let quiet = since(&connector, &mark).await.unwrap();
    assert!(quiet.scopes.is_empty());
    assert_eq!(quiet.requests, 3, "the account, and two logs");

    harbor.change(|contents| {
        contents.push("team/app-7", Push::image().tag("2"));
        contents.push("team/app-8", Push::image().tag("1"));
        contents.push("team/new/one", Push::image().tag("1"));
        contents.pull("team/app-9", "1");
        contents.push("team/app-10", Push::image().tag("2"));
        contents.delete_tag("team/app-10", "1");
    });
    let told = since(&connector, &quiet.mark.unwrap()).await.unwrap();
    let changed = ["team/app-10", "team/app-7", "team/app-8", "team/new/one"];
    assert_eq!(told.scopes, repositories(&changed));
    assert_eq!(told.blind_to, [BlindSpot::Deletions]);
    let tags = |repository: &str, tags: &[&str]| {
        let tags = tags.iter().map(|&tag| tag.to_owned()).collect::<Vec<_>>();
        (repository.to_owned(), tags)
    };
    assert!(told.images.contains(&tags("team/app-7", &["2"])));
    assert!(!told.images.contains(&tags("team/app-10", &["1"])));
    // Not more than a request for each hundred changes and each changed repository, and five.
    assert!(told.requests <= 1 + 4 + 5, "{}", told.requests);

    let settled = since(&connector, &told.mark.unwrap()).await.unwrap();
    assert!(settled.scopes.is_empty(), "{:?}", settled.scopes);
}

#[tokio::test]
async fn many_changes_cost_a_request_for_each_page_of_the_log() {
    let (harbor, connector) = harbor(contents(10)).await;
    let mark = full(&connector).await.unwrap();
    harbor.change(|contents| {
        for number in 0..1300 {
            let tag = format!("v{number}");
            contents.push("team/app-3", Push::image().tag(&tag));
        }
    });
    let told = since(&connector, &mark).await.unwrap();
    assert_eq!(told.scopes, repositories(&["team/app-3"]));
    assert_eq!(told.images.len(), 1301);
    assert!(told.requests <= 13 + 1 + 5, "{}", told.requests);
}

#[tokio::test]
async fn rows_pushed_while_the_log_is_paged_are_lost_to_no_page() {
    let (harbor, connector) = harbor(contents(10)).await;
    let mark = full(&connector).await.unwrap();
    harbor.change(|contents| {
        for number in 0..700 {
            contents.push("team/app-3", Push::image().tag(&format!("v{number}")));
        }
        contents.push("team/app-4", Push::image().tag("2"));
    });
    harbor.before_request(|_, target, contents| {
        if target.contains("operation=push") && target.contains("page=2") {
            contents.push("team/app-5", Push::image().tag("late"));
        }
    });
    let first = since(&connector, &mark).await;
    harbor.before_request(|_, _, _| {});
    // Whatever the first did not tell lies behind its mark, or a full listing is due.
    let Some(first) = first else { return };
    let second = since(&connector, &first.mark.unwrap()).await.unwrap();
    let told = &first.scopes | &second.scopes;
    assert_eq!(
        told,
        repositories(&["team/app-3", "team/app-4", "team/app-5"])
    );
}

#[tokio::test]
async fn a_log_that_contradicts_its_mark_sends_for_a_full_listing() {
    let (harbor, connector) = harbor(contents(10)).await;
    let mark = full(&connector).await.unwrap();
    harbor.change(|contents| contents.push("team/app-3", Push::image().tag("2")));
    for action in [
        // The oldest rows are gone, as after a purge.
        Action::Shrink(3),
        Action::TotalOffBy(1),
        Action::TotalOffBy(-1),
    ] {
        let fault = Fault::new(action.clone()).on_path("operation=push");
        harbor.faults().arm(fault);
        assert!(since(&connector, &mark).await.is_none(), "{action:?}");
        harbor.faults().clear();
    }
    assert!(since(&connector, &mark).await.is_some());
}
