use super::{
    account, client,
    server::{Server, reply},
};
use crate::{
    error::{IntegrationError, Step, Violation},
    http::RequestCount,
};

#[tokio::test]
async fn a_redirect_within_the_origin_is_followed_with_credentials_and_counted() {
    let server = Server::answering(|seen| match seen.path() {
        "/old" => reply(308, "location: /new?page=2\r\n", ""),
        _ => reply(200, "", "[]"),
    })
    .await;
    let (client, _) = client(&server.url("/"));
    let count = RequestCount::new();
    let request = client.get(Step::Listing, server.url("/old"));
    let answer = request.account(&account()).counted(&count).send().await;
    assert_eq!(answer.unwrap().status(), 200);
    let seen = server.seen();
    assert_eq!(seen[1].path(), "/new?page=2");
    assert!(
        seen.iter()
            .all(|seen| seen.header("authorization").is_some())
    );
    assert_eq!(count.get(), 2);
}

#[tokio::test]
async fn a_redirect_to_another_origin_is_an_error_and_nobody_is_asked() {
    let other = Server::answering(|_| reply(200, "", "[]")).await;
    let port = other.address.port();
    for location in [
        format!("http://127.0.0.1:{port}/"),
        format!("//127.0.0.1:{port}/"),
        "https://{self}/".to_owned(),
        "http://user:secret@{self}/".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        let server = Server::answering(move |seen| {
            let own = seen.header("host").unwrap();
            reply(
                302,
                &format!("location: {}\r\n", location.replace("{self}", own)),
                "",
            )
        })
        .await;
        let (client, _) = client(&server.url("/"));
        let outcome = client
            .get(Step::Registry, server.url("/"))
            .account(&account());
        let error = outcome.send().await.unwrap_err();
        assert!(
            matches!(
                error,
                IntegrationError::ProtocolViolation {
                    violation: Violation::ForeignRedirect,
                    ..
                }
            ),
            "{error:?}"
        );
        assert_eq!(server.seen().len(), 1);
    }
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let server = Server::answering(|_| reply(301, "location: /\r\n", "")).await;
    let (client, _) = client(&server.url("/"));
    let outcome = client.get(Step::Registry, server.url("/")).send().await;
    let error = outcome.unwrap_err();
    assert_eq!(error.context().status, Some(301));
    assert_eq!(server.seen().len(), 6);
}

#[tokio::test]
async fn a_redirect_that_leads_nowhere_is_an_answer() {
    let server = Server::answering(|_| reply(301, "", "")).await;
    let (client, _) = client(&server.url("/"));
    let outcome = client.get(Step::Registry, server.url("/")).send().await;
    assert_eq!(outcome.unwrap().status(), 301);
}
