use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::Semaphore;

use super::{
    Request, client, ended,
    server::{Reply, Server, Then, raw, reply},
    settings, until, with_clock,
};
use crate::{
    clock::{Clock, ManualClock, Timestamp},
    error::{ErrorCode, Step},
    http::{ConnectionSettings, Patience, RequestCount},
};

#[tokio::test]
async fn a_wait_in_seconds_is_kept_to_the_second() {
    let server = Server::answering(|seen| match seen.before {
        0 => reply(429, "retry-after: 7\r\n", ""),
        _ => reply(200, "", "[]"),
    })
    .await;
    let (client, clock) = client(&server.url("/"));
    let count = RequestCount::new();
    let request = client.get(Step::Listing, server.url("/")).counted(&count);
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(clock.monotonic(), Duration::from_secs(7));
    assert_eq!(count.get(), 2);
}

#[tokio::test]
async fn a_wait_until_a_date_is_kept_by_the_clock() {
    let server = Server::answering(|seen| match seen.before {
        0 => reply(503, "retry-after: Thu, 01 Jan 1970 00:02:00 GMT\r\n", ""),
        _ => reply(200, "", "[]"),
    })
    .await;
    let (client, clock) = client(&server.url("/"));
    let outcome = client.get(Step::Listing, server.url("/")).send().await;
    assert_eq!(outcome.unwrap().status(), 200);
    assert_eq!(clock.now().to_string(), "1970-01-01T00:02:00Z");
}

#[tokio::test]
async fn patience_ends_after_five_attempts_with_growing_pauses() {
    for (status, body, code) in [
        (429, "", ErrorCode::RateLimited),
        (502, "", ErrorCode::RegistryUnavailable),
        (503, "", ErrorCode::RegistryUnavailable),
        (504, "<html>", ErrorCode::RegistryUnavailable),
        (
            503,
            r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#,
            ErrorCode::RateLimited,
        ),
        (
            400,
            r#"{"errors":[{"code":"TOOMANYREQUESTS"}]}"#,
            ErrorCode::RateLimited,
        ),
    ] {
        let server = Server::answering(move |_| reply(status, "", body)).await;
        let (client, clock) = client(&server.url("/"));
        let outcome = client.get(Step::Listing, server.url("/")).send().await;
        let error = outcome.unwrap_err();
        assert_eq!(error.code(), code);
        assert_eq!(error.retry_after(), None);
        assert_eq!(error.context().status, Some(status));
        assert_eq!(server.seen().len(), 5);
        let waited = clock.monotonic();
        assert!(waited >= Duration::from_millis(3750) && waited <= Duration::from_millis(7500));
    }
}

#[tokio::test]
async fn a_request_is_put_off_for_five_minutes_in_all() {
    for (wait, requests, waited) in [(120, 3, 240), (300, 2, 300), (86_400, 2, 300)] {
        let header = format!("retry-after: {wait}\r\n");
        let server = Server::answering(move |_| reply(503, &header, "")).await;
        let (client, clock) = client(&server.url("/"));
        let outcome = client.get(Step::Listing, server.url("/")).send().await;
        let error = outcome.unwrap_err();
        assert_eq!(error.code(), ErrorCode::RegistryUnavailable);
        assert_eq!(
            error.retry_after(),
            Some(Duration::from_secs(wait.min(300)))
        );
        assert_eq!(server.seen().len(), requests);
        assert_eq!(clock.monotonic(), Duration::from_secs(waited));
    }
}

#[tokio::test]
async fn a_probe_is_told_at_once_and_how_long_to_wait() {
    let server = Server::answering(|_| reply(429, "retry-after: 31\r\n", "")).await;
    let (client, clock) = client(&server.url("/"));
    let probe = client.get(Step::Registry, server.url("/"));
    let error = probe.patience(Patience::Probe).send().await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(31)));
    assert_eq!(server.seen().len(), 1);
    assert_eq!(clock.monotonic(), Duration::ZERO);
}

#[tokio::test]
async fn a_server_that_asks_for_no_wait_is_not_hammered() {
    let server = Server::answering(|_| reply(429, "retry-after: 0\r\n", "")).await;
    let (client, clock) = client(&server.url("/"));
    let outcome = client.get(Step::Listing, server.url("/")).send().await;
    assert!(outcome.is_err());
    assert!(clock.monotonic() >= Duration::from_millis(3750));
}

#[tokio::test]
async fn other_statuses_are_answers() {
    for status in [400, 401, 403, 404, 412, 422, 500, 501] {
        let server = Server::answering(move |_| reply(status, "", "{}")).await;
        let (client, _) = client(&server.url("/"));
        let outcome = client.get(Step::Listing, server.url("/")).send().await;
        assert_eq!(outcome.unwrap().status(), status);
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_refusal_of_credentials_is_none_of_haste_whatever_it_says() {
    let server =
        Server::answering(|_| reply(401, "", r#"{"errors":[{"code":"TOOMANYREQUESTS"}]}"#)).await;
    let (client, _) = client(&server.url("/"));
    let outcome = client.get(Step::Credentials, server.url("/")).send().await;
    assert_eq!(outcome.unwrap().status(), 401);
}

#[tokio::test]
async fn one_throttled_request_puts_all_others_at_rest() {
    let server = Server::answering(|seen| match seen.before {
        0 => reply(429, "retry-after: 60\r\n", ""),
        _ => reply(200, "", "[]"),
    })
    .await;
    let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
    let client = with_clock(settings(&server.url("/")), &clock);
    let get = |path: &str| {
        let (client, url) = (client.clone(), server.url(path));
        tokio::spawn(async move { client.get(Step::Listing, url).send().await })
    };
    let mut running = vec![get("/first")];
    until(|| clock.sleepers() >= 1).await;
    running.extend((0..3).map(|_| get("/later")));
    until(|| clock.sleepers() >= 4).await;
    clock.advance(Duration::from_secs(59));
    tokio::task::yield_now().await;
    assert_eq!(server.seen().len(), 1);
    clock.advance(Duration::from_secs(1));
    for request in running {
        assert_eq!(ended(request).await.unwrap().status(), 200);
    }
    assert_eq!(server.seen().len(), 5);
}

#[tokio::test]
async fn no_more_requests_are_in_flight_than_allowed_bodies_included() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counted = (Arc::clone(&now), Arc::clone(&most));
    let server = Server::start(move |_| {
        let (now, most) = (Arc::clone(&counted.0), Arc::clone(&counted.1));
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            now.fetch_sub(1, Ordering::SeqCst);
            reply(200, "", "[]")
        }
    })
    .await;
    let (client, _) = client(&server.url("/"));
    let requests = (0..20).map(|_| client.get(Step::Listing, server.url("/")).send());
    let answers = futures_util::future::join_all(requests).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(most.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_dropped_request_gives_its_place_to_the_next() {
    let server = Server::start(|seen| async move {
        match seen.path() {
            "/hang" => std::future::pending().await,
            _ => reply(200, "", "[]"),
        }
    })
    .await;
    let (client, _) = client(&server.url("/"));
    let count = RequestCount::new();
    let hanging: Vec<_> = (0..4)
        .map(|_| {
            let (client, url, count) = (client.clone(), server.url("/hang"), count.clone());
            tokio::spawn(async move { client.get(Step::Listing, url).counted(&count).send().await })
        })
        .collect();
    until(|| server.seen().len() >= 4).await;
    assert_eq!(client.pacing().free(), 0);
    for request in &hanging {
        request.abort();
    }
    let answer = client.get(Step::Listing, server.url("/")).send().await;
    assert_eq!(answer.unwrap().status(), 200);
    for request in hanging {
        assert!(request.await.unwrap_err().is_cancelled());
    }
    assert_eq!(client.pacing().free(), 4);
    assert_eq!(count.get(), 4);
}

/// One place, which the first request holds while the second waits for it.
async fn one_after_another(first: Reply) -> (Server, ManualClock, Vec<Request>) {
    let (arrived, release) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let gates = (Arc::clone(&arrived), Arc::clone(&release));
    let server = Server::start(move |seen| {
        let (arrived, release) = (Arc::clone(&gates.0), Arc::clone(&gates.1));
        let first = first.clone();
        async move {
            if seen.before > 0 {
                return reply(200, "", "[]");
            }
            arrived.add_permits(1);
            release.acquire().await.unwrap().forget();
            first
        }
    })
    .await;
    let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
    let settings = ConnectionSettings {
        requests_in_flight: NonZeroUsize::MIN,
        ..settings(&server.url("/"))
    };
    let client = with_clock(settings, &clock);
    let get = |path: &str| {
        let (client, url) = (client.clone(), server.url(path));
        tokio::spawn(async move { client.get(Step::Listing, url).send().await })
    };
    let running = vec![get("/first"), get("/second")];
    arrived.acquire().await.unwrap().forget();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    release.add_permits(1);
    (server, clock, running)
}

#[tokio::test]
async fn a_request_that_waited_for_its_place_still_keeps_a_pause_that_began_meanwhile() {
    let throttled = reply(429, "retry-after: 60\r\n", "");
    let (server, clock, running) = one_after_another(throttled).await;
    until(|| clock.sleepers() >= 2).await;
    assert_eq!(server.seen().len(), 1);
    clock.advance(Duration::from_secs(60));
    for request in running {
        assert_eq!(ended(request).await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_request_that_waits_to_be_repeated_holds_no_place() {
    let (server, clock, mut running) = one_after_another(raw("", Then::Reset)).await;
    let second = ended(running.remove(1)).await;
    assert_eq!(second.unwrap().status(), 200);
    assert_eq!(server.seen().len(), 2);
    until(|| clock.sleepers() >= 1).await;
    clock.advance(Duration::from_secs(1));
    let first = ended(running.remove(0)).await;
    assert_eq!(first.unwrap().status(), 200);
}
