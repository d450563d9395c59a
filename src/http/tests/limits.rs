use std::time::Duration;

use super::super::{
    answer::KEPT_TEXT,
    budget::SLOWEST,
    client::BODY_TIMEOUTS,
    request::REDIRECTS,
    retry::{
        BRIEF_ATTEMPTS, CONNECTION_ATTEMPTS, FIRST_DELAY, LONGEST_BRIEF_THROTTLE, LONGEST_DELAY,
        LONGEST_RETRY_AFTER, LONGEST_THROTTLE, THROTTLED_ATTEMPTS,
    },
    transport::{IDLE, READ_AGAIN},
};
use super::{
    client,
    server::{Server, Then, raw, reply},
};
use crate::{
    config::{AcrSettings, IntegrationConfig, Pem, Secret, SizeLimits, Timeouts},
    error::{IntegrationError, Step},
};

const DOCUMENT: &str = include_str!("../../../docs/limits.md");

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs())
}

/// Each limit of the table by the beginning of its row, its default and its range.
#[test]
fn the_table_of_limits_says_what_the_code_does() {
    let (sizes, times) = (SizeLimits::default(), Timeouts::default());
    let size_range = format!("{} to {}", SizeLimits::LEAST, SizeLimits::MOST);
    let time_range = "0.001 s to 3600 s".to_owned();
    let none = String::new;
    let rows = [
        (
            "until a connection stands",
            seconds(times.connect),
            time_range.clone(),
        ),
        ("a name alone", seconds(times.connect / 5 * 4), none()),
        ("the head of an answer", seconds(times.read), time_range),
        (
            "the whole body",
            seconds(times.read * BODY_TIMEOUTS),
            none(),
        ),
        ("a connection that nothing uses", seconds(IDLE), none()),
        (
            "the first pause",
            format!("{} ms", FIRST_DELAY.as_millis()),
            none(),
        ),
        ("the longest pause", seconds(LONGEST_DELAY), none()),
        (
            "the longest `Retry-After`",
            seconds(LONGEST_RETRY_AFTER),
            none(),
        ),
        (
            "the longest that a throttled",
            seconds(LONGEST_THROTTLE),
            none(),
        ),
        (
            "the longest that a verification",
            seconds(LONGEST_BRIEF_THROTTLE),
            none(),
        ),
        ("certificates and secrets", seconds(READ_AGAIN), none()),
        (
            "a page of a list",
            sizes.page.to_string(),
            size_range.clone(),
        ),
        ("a manifest", sizes.manifest.to_string(), size_range.clone()),
        (
            "an answer that tells of an error",
            sizes.error_body.to_string(),
            size_range,
        ),
        ("of a server's words", KEPT_TEXT.to_string(), none()),
        (
            "a secret's file",
            Secret::MAX_FILE_LENGTH.to_string(),
            none(),
        ),
        (
            "a file of certificates",
            Pem::MAX_FILE_LENGTH.to_string(),
            none(),
        ),
        (
            "requests in flight",
            "4, or 2 for Harbor `V1` and for `quay` without a session".to_owned(),
            format!("1 to {}", IntegrationConfig::MAX_REQUESTS_IN_FLIGHT),
        ),
        (
            "requests a second",
            AcrSettings::REQUESTS_PER_SECOND.to_string(),
            format!("1 to {}", AcrSettings::MAX_REQUESTS_PER_SECOND),
        ),
        ("redirects in a row", REDIRECTS.to_string(), none()),
        (
            "attempts at a request whose connection",
            CONNECTION_ATTEMPTS.to_string(),
            none(),
        ),
        (
            "attempts at a request that the registry puts off",
            THROTTLED_ATTEMPTS.to_string(),
            none(),
        ),
        (
            "the same while a verification",
            BRIEF_ATTEMPTS.to_string(),
            none(),
        ),
        ("the longest period", seconds(SLOWEST), none()),
        ("header lines", "100".to_owned(), none()),
    ];
    let mut left: Vec<_> = DOCUMENT
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| what |"))
        .collect();
    for (beginning, default, range) in rows {
        let found = left
            .iter()
            .position(|line| line.starts_with(&format!("| {beginning}")));
        let line = left.remove(found.unwrap_or_else(|| panic!("no row: {beginning}")));
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        assert_eq!(
            (cells[3], cells[4]),
            (default.as_str(), range.as_str()),
            "{line}"
        );
    }
    assert!(left.is_empty(), "{left:#?}");
}

#[tokio::test]
async fn an_answer_of_more_header_lines_than_the_table_says_is_no_registrys() {
    let server = Server::answering(|seen| {
        let lines = if seen.path() == "/few" { 99 } else { 100 };
        let headers: String = (0..lines).map(|line| format!("x-{line}: y\r\n")).collect();
        raw(
            format!("HTTP/1.1 200 X\r\n{headers}content-length: 2\r\n\r\n[]"),
            Then::Close,
        )
    })
    .await;
    let (client, _) = client(&server.url("/"));
    let get = |path| client.get(Step::Listing, server.url(path)).send();
    assert_eq!(get("/few").await.unwrap().status(), 200);
    let error = get("/many").await.unwrap_err();
    assert!(
        matches!(error, IntegrationError::RegistryTypeError { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_manifest_has_a_limit_of_its_own() {
    let size = SizeLimits::default().manifest + 1;
    let server = Server::answering(move |_| reply(200, "", vec![b' '; size])).await;
    let (client, _) = client(&server.url("/"));
    for (path, is_cut) in [
        ("/v2/prod/api/manifests/latest", true),
        ("/api/v1/repository/prod/api/manifest/sha256:0", true),
        ("/api/v2.0/projects/manifests", false),
    ] {
        let outcome = client.get(Step::Listing, server.url(path)).send().await;
        assert_eq!(outcome.is_err(), is_cut, "{path}");
    }
}
