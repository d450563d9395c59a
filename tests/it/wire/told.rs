//! What a server says is data: it neither changes lines of a log or a terminal nor leads to plain http.

use std::{
    env, io,
    process::Command,
    sync::{Arc, Mutex},
};

use registry_intake::{
    config::{CaMode, Protocol},
    connector::{ConnectContext, connect_within},
    error::{ErrorCode, ErrorRecord, IntegrationError, Violation},
};
use tracing_subscriber::fmt::MakeWriter;

use super::{
    DOMAIN,
    authority::Authority,
    config, failure,
    front::{Front, Server, Trap},
};

const HOSTILE: &str =
    "\\u001b[2J\\u001b[31mall is well\\r\\nERROR forged line\\u0007\\u009b1m\\u202e";

/// What is left of control characters and the marks that turn text around.
fn is_clean(text: &str) -> bool {
    !text.chars().any(|letter| {
        (letter.is_control() && letter != '\n') || matches!(letter, '\u{202a}'..='\u{202e}')
    })
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn chain(error: &IntegrationError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Whether this process runs that test alone; if not, one is made that does, and has passed. Which log
/// lines are wanted is settled for a whole process, so that other tests can keep them from this one.
fn has_a_process_of_its_own(test: &str) -> bool {
    const ALONE: &str = "REGISTRY_INTAKE_TEST_ALONE";
    if env::var_os(ALONE).is_some() {
        return true;
    }
    let mut process = Command::new(env::current_exe().unwrap());
    let name = format!("wire::told::{test}");
    let output = process.args(["--exact", &name]).env(ALONE, "1").output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
    false
}

#[tokio::test]
async fn what_a_server_says_comes_out_escaped_in_errors_and_in_the_log() {
    let test = "what_a_server_says_comes_out_escaped_in_errors_and_in_the_log";
    if !has_a_process_of_its_own(test) {
        return;
    }
    let refusals = [
        // Harbor's own words for a refused password.
        (
            401,
            format!("{{\"errors\":[{{\"code\":\"X\",\"message\":\"{HOSTILE}\"}}]}}"),
        ),
        (403, format!("{{\"error\":\"{HOSTILE}\"}}")),
        (500, format!("{{\"message\":\"{HOSTILE}\"}}")),
        // A version that it states.
        (
            200,
            format!("{{\"version\":\"v2.0\",\"harbor_version\":\"{HOSTILE}\"}}"),
        ),
    ];
    for (status, body) in refusals {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .without_time()
            .with_writer(log.clone())
            .finish();
        let server = Server::start(move |head| {
            let body = if head.starts_with("GET /api/version ") && status != 200 {
                "{\"version\":\"v2.0\"}"
            } else if head.starts_with("GET /api/version ") {
                "{}"
            } else {
                body.as_str()
            };
            let status = if head.starts_with("GET /api/version ") { 200 } else { status };
            format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nx-request-id: \u{9b}31mforged\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes()
        })
        .await;
        let config = config(server.address.port())
            .protocol(Protocol::Http)
            .domain("127.0.0.1");
        let logging = tracing::subscriber::set_default(subscriber);
        let error = failure(config, &ConnectContext::new()).await;
        drop(logging);
        let record = ErrorRecord::from(&error);
        for text in [
            chain(&error),
            record.message,
            record.remedy,
            format!("{error:?}"),
        ] {
            assert!(is_clean(&text), "{status}: {text:?}");
        }
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(log.contains("request"), "{log}");
        assert!(is_clean(&log), "{status}: {log:?}");
        assert!(!log.contains("\nERROR forged"), "{log}");
    }
}

#[tokio::test]
async fn nothing_is_sent_over_http_after_https_was_configured() {
    let authority = Authority::new();
    let trap = Trap::set().await;
    let plain = format!("http://{}/", trap.address);
    let same = format!("http://{DOMAIN}:{}/api/v2.0/projects", trap.address.port());
    for target in [plain, same] {
        let redirecting =
            format!("HTTP/1.1 307 X\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n");
        let linking = format!(
            "HTTP/1.1 200 X\r\ncontent-type: application/json\r\nx-total-count: 5\r\nlink: <{target}>; rel=\"next\"\r\ncontent-length: 2\r\n\r\n[]"
        );
        let challenging = format!(
            "HTTP/1.1 401 X\r\nwww-authenticate: Bearer realm=\"{target}\",service=\"x\"\r\ncontent-length: 0\r\n\r\n"
        );
        for (answer, then) in [
            (redirecting, None),
            (linking.clone(), Some(linking)),
            (challenging.clone(), Some(challenging)),
        ] {
            let server = Server::start(move |head| match &then {
                Some(_) if head.starts_with("GET /api/version ") => {
                    b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 18\r\n\r\n{\"version\":\"v2.0\"}".to_vec()
                }
                _ => answer.clone().into_bytes(),
            })
            .await;
            let front = Front::start(authority.server(DOMAIN), server.address).await;
            let config = config(front.address.port())
                .ip(front.address.ip())
                .ca_bundle(authority.bundle(), CaMode::Replace)
                .realm_hosts(["127.0.0.1"])
                .build()
                .unwrap();
            let connector = connect_within(&config, &ConnectContext::new()).unwrap();
            let error = connector.verify().await.into_result().unwrap_err();
            assert_ne!(error.code(), ErrorCode::NetworkConnectError, "{error:?}");
            if let IntegrationError::ProtocolViolation { violation, .. } = &error {
                assert_ne!(*violation, Violation::Body);
            }
        }
    }
    assert_eq!(trap.caught(), 0);
}
