//! The replay server gives what was recorded, and says what was not.

use crate::replay::{ReplayServer, recording::Recording, wire::send};

#[tokio::test]
async fn a_recorded_request_gets_its_recorded_answer_however_it_is_written() {
    let server = ReplayServer::start("harbor-2.15", &["keyset-paging"]).await;
    let recording = Recording::read("harbor-2.15", "keyset-paging");
    let exchange = &recording.exchanges[0];
    let rewritten = "/api/v2.0/projects/scratch/repositories/keyset/artifacts\
                     ?q=id=[1~]&sort=id&page_size=3&page=1";
    for target in [exchange.request.path.as_str(), rewritten] {
        let headers = exchange.request.headers();
        let received = send(server.address(), "GET", target, &headers).await;
        assert_eq!(received.status, 200);
        assert_eq!(received.body, exchange.response.body());
        assert_eq!(received.header("x-total-count"), Some("7"));
    }
    assert_eq!(server.requests(), 2);
    assert!(server.unmatched().is_empty());
}

#[tokio::test]
async fn repeated_requests_get_their_answers_in_order_and_the_last_for_ever() {
    let server = ReplayServer::start("harbor-2.15", &["update-time-semantics"]).await;
    let recording = Recording::read("harbor-2.15", "update-time-semantics");
    let target = "/api/v2.0/projects/scratch/repositories/uptime";
    let recorded: Vec<_> = recording
        .exchanges
        .iter()
        .filter(|exchange| exchange.request.path == target)
        .collect();
    let headers = recorded[0].request.headers();
    for exchange in &recorded {
        let received = send(server.address(), "GET", target, &headers).await;
        assert_eq!(received.body, exchange.response.body());
    }
    let again = send(server.address(), "GET", target, &headers).await;
    assert_eq!(again.status, 404);
}

#[tokio::test]
async fn another_account_or_path_is_unmatched() {
    let server = ReplayServer::start("harbor-2.15", &["keyset-paging"]).await;
    let target = "/api/v2.0/repositories?page_size=2";
    let received = send(server.address(), "GET", target, &[]).await;
    assert_eq!(received.status, 599);
    assert_eq!(server.unmatched(), [format!("GET {target} as nobody")]);
}
