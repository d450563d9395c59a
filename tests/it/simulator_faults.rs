//! What goes wrong with a simulated registry, when it is told to, and what it remembers of it.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use registry_intake::{
    clock::{ManualClock, Timestamp},
    simulator::{Action, Fault, HarborV2, harbor_v2::Push},
};
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};

use crate::replay::wire::{Received, send};

const PROJECTS: &str = "/api/v2.0/projects?page_size=2";

async fn harbor() -> HarborV2 {
    HarborV2::builder().start().await.unwrap()
}

fn basic(name: &str, password: &str) -> Vec<(String, String)> {
    let encoded = BASE64_STANDARD.encode(format!("{name}:{password}"));
    vec![("Authorization".to_owned(), format!("Basic {encoded}"))]
}

async fn get(harbor: &HarborV2, target: &str) -> Received {
    let headers = basic(HarborV2::USERNAME, HarborV2::PASSWORD);
    send(harbor.address(), "GET", target, &headers).await
}

fn rows(received: &Received) -> Vec<Value> {
    serde_json::from_str(&received.body).unwrap()
}

fn length(received: &Received) -> usize {
    received.header("content-length").unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_reset_comes_before_any_answer_and_only_where_it_was_armed() {
    let harbor = harbor().await;
    harbor
        .faults()
        .arm(Fault::new(Action::Reset).on_path("/projects").nth(2));
    assert_eq!(get(&harbor, PROJECTS).await.status, 200);
    assert_eq!(get(&harbor, "/api/version").await.status, 200);
    let struck = get(&harbor, PROJECTS).await;
    assert_eq!((struck.status, struck.body.as_str()), (0, ""));
    assert_eq!(get(&harbor, PROJECTS).await.status, 200);
    assert_eq!(harbor.faults().struck(), 1);
}

#[tokio::test]
async fn a_cut_body_is_shorter_than_announced_and_a_truncated_one_is_not() {
    let harbor = harbor().await;
    let whole = get(&harbor, PROJECTS).await;
    harbor.faults().arm(Fault::new(Action::CutBody).times(1));
    let cut = get(&harbor, PROJECTS).await;
    assert_eq!((cut.status, length(&cut)), (200, length(&whole)));
    assert!(!cut.body.is_empty() && whole.body.starts_with(&cut.body));
    assert!(cut.body.len() < length(&cut));

    harbor
        .faults()
        .arm(Fault::new(Action::TruncateBody).times(1));
    let truncated = get(&harbor, PROJECTS).await;
    assert_eq!(truncated.body.len(), length(&truncated));
    assert!(truncated.body.len() < whole.body.len());
    assert!(serde_json::from_str::<Value>(&truncated.body).is_err());
}

#[tokio::test]
async fn a_request_that_hangs_holds_up_no_other() {
    let harbor = harbor().await;
    harbor
        .faults()
        .arm(Fault::new(Action::Hang).on_path("statistics"));
    let hanging = get(&harbor, "/api/v2.0/statistics");
    assert!(timeout(Duration::from_millis(100), hanging).await.is_err());
    assert_eq!(get(&harbor, PROJECTS).await.status, 200);
    assert_eq!(harbor.log().total(), 2);
}

#[tokio::test]
async fn stripped_credentials_show_the_public_part_as_a_success() {
    let harbor = harbor().await;
    let all = get(&harbor, PROJECTS).await;
    harbor
        .faults()
        .arm(Fault::new(Action::StripCredentials).of_account("admin"));
    let public = get(&harbor, PROJECTS).await;
    assert_eq!(public.status, 200);
    assert_eq!(all.header("x-total-count"), Some("7"));
    assert_eq!(public.header("x-total-count"), Some("2"));
    let host = harbor.address().to_string();
    assert_eq!(harbor.log().authorizations(&host).len(), 1);
}

#[tokio::test]
async fn lists_can_lie_in_every_way_that_a_client_must_notice() {
    let harbor = harbor().await;
    let second = format!("{PROJECTS}&page=2");
    harbor.faults().arm(Fault::new(Action::RepeatPage).nth(2));
    let first = get(&harbor, PROJECTS).await;
    assert_eq!(get(&harbor, &second).await.body, first.body);
    let truth = get(&harbor, &second).await;
    assert_ne!(truth.body, first.body);

    harbor
        .faults()
        .arm(Fault::new(Action::TotalOffBy(-3)).times(1));
    let off = get(&harbor, &second).await;
    assert_eq!(off.header("x-total-count"), Some("4"));
    assert_eq!(off.body, truth.body);

    harbor
        .faults()
        .arm(Fault::new(Action::ReverseRows).times(1));
    let mut reversed = rows(&get(&harbor, &second).await);
    reversed.reverse();
    assert_eq!(reversed, rows(&truth));

    harbor.faults().arm(Fault::new(Action::Shrink(1)).times(1));
    let shrunk = get(&harbor, &second).await;
    assert_eq!(rows(&shrunk), rows(&truth)[..1]);
    assert_eq!(shrunk.header("x-total-count"), Some("6"));
}

#[tokio::test]
async fn refusals_and_pages_of_other_products_need_no_registry() {
    let harbor = harbor().await;
    for (action, status, retry_after) in [
        (Action::too_many_requests(Some("7")), 429, Some("7")),
        (Action::too_many_requests(None), 429, None),
        (Action::unavailable(None), 503, None),
        (Action::status(418), 418, None),
        (Action::Html, 200, None),
    ] {
        harbor.faults().arm(Fault::new(action).times(1));
        let refused = get(&harbor, PROJECTS).await;
        assert_eq!(refused.status, status);
        assert_eq!(refused.header("retry-after"), retry_after);
        assert!(serde_json::from_str::<Value>(&refused.body).is_err());
    }
    harbor.faults().arm(Fault::new(Action::Reset));
    harbor.faults().clear();
    assert_eq!(get(&harbor, PROJECTS).await.status, 200);
}

#[tokio::test]
async fn a_delay_is_one_of_the_clock_that_was_given() {
    let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
    let builder = HarborV2::builder().clock(Arc::new(clock.clone()));
    let harbor = Arc::new(builder.start().await.unwrap());
    let hour = Duration::from_secs(3600);
    harbor
        .faults()
        .arm(Fault::new(Action::Delay(hour)).times(1));
    let asked = Arc::clone(&harbor);
    let delayed = tokio::spawn(async move { get(&asked, "/api/version").await });
    while clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(get(&harbor, "/api/version").await.status, 200);
    assert!(!delayed.is_finished());
    clock.advance(hour);
    assert_eq!(delayed.await.unwrap().status, 200);
    assert_eq!(harbor.log().max_in_flight(), 2);
}

#[tokio::test]
async fn a_throttle_refuses_what_is_too_much_until_a_second_has_passed() {
    let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
    let builder = HarborV2::builder().clock(Arc::new(clock.clone()));
    let harbor = builder.throttle(2).start().await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(get(&harbor, "/api/version").await.status);
    }
    clock.advance(Duration::from_secs(1));
    seen.push(get(&harbor, "/api/version").await.status);
    harbor.throttle(Some(0));
    seen.push(get(&harbor, "/api/version").await.status);
    harbor.throttle(None);
    seen.push(get(&harbor, "/api/version").await.status);
    assert_eq!(seen, [200, 200, 429, 200, 429, 200]);
}

#[tokio::test]
async fn contents_can_change_right_before_a_certain_request() {
    let harbor = harbor().await;
    let list = "/api/v2.0/projects/library/artifacts?sort=id&page_size=100";
    harbor.before_request(|number, target, contents| {
        if number == 2 && target.contains("/artifacts") {
            contents.push("library/nginx", Push::image().tag("new"));
        }
    });
    let before = rows(&get(&harbor, list).await);
    let after = rows(&get(&harbor, list).await);
    assert_eq!(after.len(), before.len() + 1);
    assert_eq!(after[before.len()]["tags"][0]["name"], "new");
}

#[tokio::test]
async fn the_log_tells_what_was_asked_and_forgets_it_on_demand() {
    let harbor = harbor().await;
    get(&harbor, PROJECTS).await;
    get(&harbor, &format!("{PROJECTS}&page=2")).await;
    get(&harbor, "/api/version").await;
    let log = harbor.log();
    assert_eq!(log.total(), 3);
    assert_eq!(log.of_path("/api/v2.0/projects"), 2);
    let recent = log.recent();
    assert_eq!(recent[1].target, format!("{PROJECTS}&page=2"));
    assert_eq!(recent[2].account.as_deref(), Some("admin"));
    assert!(!format!("{harbor:?}").contains(HarborV2::PASSWORD));
    log.reset();
    assert_eq!((log.total(), log.by_path().len()), (0, 0));
}

#[tokio::test]
async fn a_dropped_registry_listens_no_more() {
    let harbor = harbor().await;
    let address = harbor.address();
    let connected = TcpStream::connect(address).await.unwrap();
    drop(harbor);
    // The end of the connection shows that the server is gone, its port included.
    let mut byte = [0];
    let _ = connected.readable().await;
    assert!(matches!(connected.try_read(&mut byte), Ok(0) | Err(_)));
    assert!(TcpStream::connect(address).await.is_err());
}
