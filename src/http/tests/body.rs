use std::io::Write;

use flate2::{Compression, write::GzEncoder};

use super::{
    client,
    server::{Server, Then, raw, reply},
};
use crate::error::{IntegrationError, NetworkPhase, Step, Violation};

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn violation(error: IntegrationError) -> Violation {
    match error {
        IntegrationError::ProtocolViolation { violation, .. } => violation,
        other => panic!("no violation: {other:?}"),
    }
}

#[tokio::test]
async fn compressed_answers_are_asked_for_and_read() {
    let body = gzip(br#"{"total": 7}"#);
    let server = Server::answering(move |_| reply(200, "content-encoding: gzip\r\n", &body)).await;
    let (client, _) = client(&server.url("/"));
    let answer = client.get(Step::Listing, server.url("/")).send().await;
    assert_eq!(answer.unwrap().body(), br#"{"total": 7}"#);
    let seen = &server.seen()[0];
    assert_eq!(seen.header("accept-encoding"), Some("gzip"));
    assert_eq!(seen.header("accept"), Some("application/json"));
    let agent = concat!("registry-intake/", env!("CARGO_PKG_VERSION"));
    assert_eq!(seen.header("user-agent"), Some(agent));
}

#[tokio::test]
async fn the_limit_holds_for_what_comes_out_of_a_compressed_body() {
    const LIMIT: usize = 64 << 20;
    let body = vec![b' '; LIMIT + 1];
    let (fits, bomb) = (gzip(&body[1..]), gzip(&body));
    assert!(bomb.len() < 1 << 20);
    let server = Server::answering(move |seen| {
        let body = if seen.before == 0 { &fits } else { &bomb };
        reply(200, "content-encoding: gzip\r\n", body)
    })
    .await;
    let (client, _) = client(&server.url("/"));
    let get = || client.get(Step::Listing, server.url("/")).send();
    assert_eq!(get().await.unwrap().body().len(), LIMIT);
    let error = get().await.unwrap_err();
    assert_eq!(error.context().status, Some(200));
    let limit = LIMIT as u64;
    assert_eq!(violation(error), Violation::TooLarge { limit });
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn of_an_error_answer_only_the_beginning_is_kept() {
    let server = Server::answering(|_| reply(404, "", vec![b'x'; 1 << 20])).await;
    let (client, _) = client(&server.url("/"));
    let answer = client.get(Step::Registry, server.url("/")).send().await;
    assert_eq!(answer.unwrap().body().len(), 64 << 10);
}

#[tokio::test]
async fn a_compressed_body_that_ends_early_is_broken_and_one_that_is_cut_is_interrupted() {
    let whole = gzip(&[b'x'; 1000]);
    let half = whole[..whole.len() / 2].to_vec();
    let server = Server::answering(move |seen| match seen.path() {
        "/broken" => reply(200, "content-encoding: gzip\r\n", &half),
        _ => {
            let mut bytes = reply(200, "content-encoding: gzip\r\n", &whole).bytes;
            bytes.truncate(bytes.len() - 10);
            raw(bytes, Then::Close)
        }
    })
    .await;
    let (client, _) = client(&server.url("/"));
    let get = |path| client.get(Step::Listing, server.url(path)).send();
    assert_eq!(
        violation(get("/broken").await.unwrap_err()),
        Violation::Body
    );
    assert_eq!(super::phase(get("/cut").await), NetworkPhase::Interrupted);
}

#[tokio::test]
async fn a_head_has_headers_and_no_body() {
    let server = Server::answering(|_| {
        let headers = "content-encoding: gzip\r\ndocker-content-digest: sha256:0\r\n";
        raw(
            format!("HTTP/1.1 200 OK\r\n{headers}content-length: 400\r\n\r\n"),
            Then::Stay,
        )
    })
    .await;
    let (client, _) = client(&server.url("/"));
    let answer = client
        .head(Step::Pull, server.url("/v2/"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.header("Docker-Content-Digest"), Some("sha256:0"));
    assert!(answer.body().is_empty());
    assert!(server.seen()[0].head.starts_with("HEAD /v2/ "));
}

#[tokio::test]
async fn json_is_read_only_where_the_content_type_promises_it() {
    let server = Server::answering(|seen| {
        let kind = &seen.path()[1..];
        let body = r#"{"version":"v2.0"}"#;
        raw(
            format!(
                "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
            Then::Stay,
        )
    })
    .await;
    let (client, _) = client(&server.url("/"));
    for (kind, is_json) in [
        ("application/json", true),
        ("Application/JSON;charset=utf-8", true),
        ("application/vnd.oci.image.index.v1+json", true),
        ("text/plain", false),
        ("text/html;application/json", false),
        ("application/jsonp", false),
    ] {
        let url = server.url(&format!("/{kind}"));
        let answer = client.get(Step::Version, url).send().await.unwrap();
        assert_eq!(answer.is_json(), is_json, "{kind}");
        match answer.json::<serde_json::Value>() {
            Ok(value) => assert!(is_json && value["version"] == "v2.0"),
            Err(error) => assert!(!is_json && violation(error) == Violation::ContentType),
        }
        assert!(answer.json_of_any_type::<serde_json::Value>().is_ok());
    }
}

#[tokio::test]
async fn an_unreadable_body_is_named_by_place_and_never_quoted() {
    let server = Server::answering(
        |seen| match seen.path().trim_end_matches("?token=hunter2") {
            "/shape" => reply(200, "x-request-id: 5f\r\n", r#"[7, "hunter2"]"#),
            "/cut" => reply(200, "", "[7, 8"),
            _ => reply(200, "", "hunter2"),
        },
    )
    .await;
    let (client, _) = client(&server.url("/"));
    for (path, said) in [
        ("/shape", "JSON of another shape at line 1 column 13"),
        ("/cut", "JSON that ends at line 1 column 5"),
        ("/syntax", "no JSON at line 1 column 1"),
    ] {
        let url = server.url(&format!("{path}?token=hunter2"));
        let answer = client.get(Step::Listing, url).send().await.unwrap();
        let error = answer.json::<Vec<u64>>().unwrap_err();
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), said);
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        assert_eq!(error.context().subject.as_deref(), Some(path));
        assert_eq!(error.context().status, Some(200));
    }
}

#[tokio::test]
async fn what_a_server_puts_into_an_error_is_bounded_and_escaped() {
    let id = "i".repeat(5000);
    let server =
        Server::answering(move |_| reply(200, &format!("x-request-id: {id}\r\n"), "<html>")).await;
    let (client, _) = client(&server.url("/"));
    let url = server.url(&format!("/{}", "p".repeat(5000)));
    let answer = client.get(Step::Registry, url).send().await.unwrap();
    let context = answer.context();
    assert_eq!(context.request_id.unwrap().len(), 256);
    assert_eq!(context.subject.unwrap().len(), 256);
    let server = Server::answering(|_| {
        raw(
            "HTTP/1.1 200 OK\r\nx-request-id: a\x1b[31m\r\n\r\n",
            Then::Close,
        )
    })
    .await;
    let (client, _) = super::client(&server.url("/"));
    let outcome = client.get(Step::Registry, server.url("/")).send().await;
    let context = match outcome {
        Ok(answer) => answer.context().to_string(),
        Err(error) => error.to_string(),
    };
    assert!(!context.contains('\x1b'));
}
