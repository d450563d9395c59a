use std::net::Ipv4Addr;

use url::Url;

use super::{
    client,
    server::{Reply, Seen, Server, Then, raw, reply},
    settings, with_clock,
};
use crate::{
    clock::{ManualClock, Timestamp},
    error::{ErrorCode, IntegrationError, Step, Violation},
    http::{Account, Cookies, HttpClient},
};

const COOKIES: &str = "set-cookie: sid=s3cr3t; Path=/; HttpOnly\r\n\
                       set-cookie: csrf=f0rg3d=; Max-Age=43200; SameSite=Strict\r\n\
                       set-cookie: old=; Max-Age=0\r\n";

/// The cookies that a server of these replies sets, and the client that got them.
async fn visited(
    answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
) -> (Server, HttpClient, Cookies) {
    let server = Server::answering(move |seen| match seen.path() {
        "/visit" => reply(200, COOKIES, "{}"),
        _ => answer(seen),
    })
    .await;
    let (client, _) = client(&server.url("/"));
    let visit = client.get(Step::Credentials, server.url("/visit"));
    let mut cookies = Cookies::default();
    cookies.take(&visit.send().await.unwrap());
    (server, client, cookies)
}

#[tokio::test]
async fn a_session_sends_its_cookies_and_where_it_comes_from_and_no_password() {
    let (server, client, cookies) = visited(|_| reply(200, "", "{}")).await;
    let session = Account::session(client.origin(), &cookies, None);
    let request = client.get(Step::Listing, server.url("/list"));
    request.account(&session).send().await.unwrap();
    let seen = server.seen().pop().unwrap();
    let origin = server.url("/");
    assert_eq!(seen.header("cookie"), Some("csrf=f0rg3d=; sid=s3cr3t"));
    assert_eq!(
        seen.header("origin"),
        Some(origin.as_str().trim_end_matches('/'))
    );
    assert_eq!(seen.header("referer"), Some(origin.as_str()));
    assert_eq!(seen.header("authorization"), None);
}

#[tokio::test]
async fn a_deleted_cookie_is_not_sent_any_more() {
    let (server, client, mut cookies) =
        visited(|_| reply(200, "set-cookie: csrf=; Max-Age=0\r\n", "{}")).await;
    let request = client.get(Step::Listing, server.url("/delete"));
    cookies.take(&request.send().await.unwrap());
    let session = Account::session(client.origin(), &cookies, None);
    let request = client.get(Step::Listing, server.url("/list"));
    request.account(&session).send().await.unwrap();
    assert_eq!(
        server.seen().pop().unwrap().header("cookie"),
        Some("sid=s3cr3t")
    );
}

#[tokio::test]
async fn cookies_never_leave_the_origin_though_a_realm_may_be_sent_a_password() {
    let other = Server::answering(|_| reply(200, "", "{}")).await;
    let (server, _, cookies) = visited(|_| reply(200, "", "{}")).await;
    let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
    let mut settings = settings(&server.url("/"));
    settings.realm_hosts = vec!["localhost".to_owned()];
    let client = with_clock(settings, &clock);
    let session = Account::session(client.origin(), &cookies, None);
    let port = other.address.port();
    for host in [Ipv4Addr::LOCALHOST.to_string(), "localhost".to_owned()] {
        let url = Url::parse(&format!("http://{host}:{port}/")).unwrap();
        let outcome = client
            .get(Step::Listing, url)
            .account(&session)
            .send()
            .await;
        assert!(
            matches!(
                outcome,
                Err(IntegrationError::ProtocolViolation {
                    violation: Violation::ForeignHost,
                    ..
                })
            ),
            "{outcome:?}"
        );
    }
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn a_session_ends_with_a_401_or_with_a_cookie_for_a_stranger_whatever_the_status() {
    for (status, headers) in [(401, ""), (200, "set-cookie: sid=fresh\r\n")] {
        let (server, client, cookies) = visited(move |_| reply(status, headers, "{}")).await;
        let session = Account::session(client.origin(), &cookies, Some("sid"));
        for _ in 0..2 {
            let request = client.get(Step::Listing, server.url("/list"));
            let error = request.account(&session).send().await.unwrap_err();
            assert_eq!(error.code(), ErrorCode::FailedToVerifyUsernameOrPwd);
        }
        assert_eq!(server.seen().len(), 2, "the visit, and one request");
    }
}

#[tokio::test]
async fn another_cookie_that_is_set_ends_nothing_and_neither_does_one_that_is_deleted() {
    for headers in [
        "set-cookie: language=en\r\n",
        "set-cookie: sid=; Path=/; Max-Age=0; HttpOnly\r\n",
    ] {
        let (server, client, cookies) = visited(move |_| reply(200, headers, "{}")).await;
        let session = Account::session(client.origin(), &cookies, Some("sid"));
        for _ in 0..2 {
            let request = client.get(Step::Listing, server.url("/list"));
            assert_eq!(
                request.account(&session).send().await.unwrap().status(),
                200
            );
        }
    }
}

#[tokio::test]
async fn forms_and_json_are_sent_as_such() {
    let (server, client, _) = visited(|_| reply(200, "", "{}")).await;
    let url = server.url("/login");
    let form = client.post(Step::Credentials, url.clone());
    let form = form.form(&[("principal", "ada"), ("password", "a&b =ü")]);
    form.send().await.unwrap();
    let json = client.post(Step::Credentials, url);
    let body = serde_json::json!({ "username": "ada" });
    json.json(&body).send().await.unwrap();
    let seen = server.seen();
    let sent = |at: usize| {
        let seen: &Seen = &seen[at];
        (
            seen.header("content-type").unwrap().to_owned(),
            seen.body.clone(),
        )
    };
    let form = "principal=ada&password=a%26b+%3D%C3%BC".to_owned();
    assert_eq!(
        sent(1),
        ("application/x-www-form-urlencoded".to_owned(), form)
    );
    assert_eq!(sent(2), ("application/json".to_owned(), body.to_string()));
    assert!(seen[1].head.starts_with("POST /login "));
}

#[tokio::test]
async fn a_post_is_sent_once_whatever_comes_back() {
    for (redirects, answer) in [
        (false, raw("", Then::Reset)),
        (false, reply(503, "retry-after: 1\r\n", "")),
        (false, reply(429, "", "")),
        (true, reply(307, "location: /elsewhere\r\n", "")),
        (true, reply(302, "location: /\r\n", "")),
    ] {
        let (server, client, _) = visited(move |_| answer.clone()).await;
        let post = client.post(Step::Credentials, server.url("/login"));
        let outcome = post.form(&[("password", "secret")]).send().await;
        let redirect = outcome.ok().map(|answer| answer.status() / 100);
        assert_eq!(redirect, redirects.then_some(3));
        assert_eq!(server.seen().len(), 2, "the visit and the form");
    }
}

#[tokio::test]
async fn nothing_shows_a_cookie() {
    let (_server, client, cookies) = visited(|_| reply(200, "", "{}")).await;
    let session = Account::session(client.origin(), &cookies, None);
    let request = client.get(Step::Listing, client.origin().clone());
    let shown = format!("{cookies:?} {session:?} {:?}", request.account(&session));
    assert!(
        !shown.contains("s3cr3t") && !shown.contains("f0rg3d"),
        "{shown}"
    );
}
