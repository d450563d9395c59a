//! How much is read, how long is waited, and how much is asked at once.

use std::{io::Write, time::Duration};

use flate2::{Compression, write::GzEncoder};
use registry_intake::{
    config::{IntegrationConfigBuilder, Protocol},
    connector::ConnectContext,
    error::{ErrorCode, IntegrationError, Violation},
    simulator::{Action, Fault, HarborV2},
};

use super::{config, connected, failure, front::Server, harbor, listed};

fn over_http(port: u16) -> IntegrationConfigBuilder {
    config(port).protocol(Protocol::Http).domain("127.0.0.1")
}

fn too_large(error: &IntegrationError) -> Option<u64> {
    match error {
        IntegrationError::ProtocolViolation {
            violation: Violation::TooLarge { limit },
            ..
        } => Some(*limit),
        _ => None,
    }
}

fn zipped(megabytes: usize) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let spaces = vec![b' '; 1 << 20];
    for _ in 0..megabytes {
        gzip.write_all(&spaces).unwrap();
    }
    gzip.finish().unwrap()
}

#[tokio::test]
async fn no_more_of_a_page_is_read_than_is_allowed_decompressed_too() {
    // A gigabyte of 64 members.
    let bomb = zipped(16).repeat(64);
    assert!(bomb.len() < 2 << 20, "{}", bomb.len());
    let head = format!(
        "HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        bomb.len()
    );
    let answer = [head.into_bytes(), bomb].concat();
    let server = Server::start(move |_| answer.clone()).await;
    let config = over_http(server.address.port()).page_limit(1 << 20);
    let error = failure(config, &ConnectContext::new()).await;
    assert_eq!(too_large(&error), Some(1 << 20), "{error:?}");
}

#[tokio::test]
async fn a_listing_stops_at_a_page_that_is_too_large() {
    let harbor = harbor().await;
    let port = harbor.address().port();
    let small = connected(over_http(port).page_limit(1024));
    let outcome = listed(&small).await;
    assert_eq!(too_large(&outcome.unwrap_err()), Some(1024));
    assert!(listed(&connected(over_http(port))).await.is_ok());
}

#[tokio::test]
async fn an_endless_error_body_is_read_to_its_limit_alone() {
    let endless = || {
        let body = "x".repeat(8 << 20);
        format!("HTTP/1.1 500 X\r\ncontent-type: text/html\r\n\r\n{body}").into_bytes()
    };
    let server = Server::start(move |_| endless()).await;
    let config = over_http(server.address.port()).error_body_limit(1024);
    let error = failure(config, &ConnectContext::new()).await;
    assert_eq!(error.code(), ErrorCode::RegistryUnavailable, "{error:?}");
}

#[tokio::test]
async fn endless_headers_and_many_of_them_end_in_a_typed_error() {
    let many: String = (0..10_000)
        .map(|number| format!("x-{number}: y\r\n"))
        .collect();
    let long = format!("x-long: {}\r\n", "y".repeat(16 << 20));
    for headers in [many, long] {
        let answer = format!("HTTP/1.1 200 X\r\n{headers}content-length: 2\r\n\r\n{{}}");
        let server = Server::start(move |_| answer.clone().into_bytes()).await;
        let error = failure(over_http(server.address.port()), &ConnectContext::new()).await;
        let is_told = matches!(
            error.code(),
            ErrorCode::RegistryTypeError | ErrorCode::NetworkConnectError
        );
        assert!(is_told, "{error:?}");
    }
}

#[tokio::test]
async fn a_redirect_loop_ends() {
    let answer = b"HTTP/1.1 302 X\r\nlocation: /again\r\ncontent-length: 0\r\n\r\n";
    let server = Server::start(|_| answer.to_vec()).await;
    let error = failure(over_http(server.address.port()), &ConnectContext::new()).await;
    assert_eq!(error.code(), ErrorCode::ProtocolViolation, "{error:?}");
}

#[tokio::test]
async fn as_many_requests_are_in_flight_as_are_allowed() {
    let harbor = HarborV2::builder().sized(8, 32, 64).start().await.unwrap();
    let slow = Fault::new(Action::Delay(Duration::from_millis(20)));
    harbor.faults().arm(slow.on_path("/api/"));
    for allowed in [1, 3] {
        harbor.log().reset();
        let config = over_http(harbor.address().port()).requests_in_flight(allowed);
        listed(&connected(config)).await.unwrap();
        let most = harbor.log().max_in_flight();
        assert!(most <= allowed, "{most} of {allowed}");
        assert!(allowed == 1 || most > 1, "{most}");
    }
}
