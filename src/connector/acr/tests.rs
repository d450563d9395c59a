//! The API over real sockets: what goes onto the wire, and what is made of what comes back.
#![allow(clippy::unwrap_used)]

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use url::Url;

use super::{
    api::{Api, Call},
    connection::Connection,
    credentials::AccessKey,
    signature::{Canonical, encode, payload_hash, query},
    signer::{Signer, nonces},
};
use crate::{
    clock::{Clock, ManualClock, Timestamp},
    config::{AcrCredentials, AcrInstance, IntegrationConfig, RegistryType, Secret},
    connector::{ConnectContext, Outcome, Verification, connect_within},
    error::{ErrorCode, IntegrationError, Step, Violation},
    http::{ConnectionSettings, HttpClient, Patience, RequestCount},
    image::{Location, Reference},
};

const ANSWERS: &str = include_str!("../../../tests/recordings/acr/acr-constructed-responses.json");

/// One request as it came.
#[derive(Debug, Clone)]
pub(super) struct Came {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: String,
}

impl Came {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The headers that it says are signed.
    fn signed_headers(&self) -> Vec<(&'static str, String)> {
        let authorization = self.header("authorization");
        let (_, rest) = authorization.split_once("SignedHeaders=").unwrap();
        let (names, _) = rest.split_once(',').unwrap();
        names
            .split(';')
            .map(|name| (&*name.to_owned().leak(), self.header(name).to_owned()))
            .collect()
    }

    /// Read from the bytes that came, by the rules of the signature alone.
    fn with_canonical<T>(&self, then: impl FnOnce(Canonical<'_>) -> T) -> T {
        let (headers, payload_hash) = (self.signed_headers(), payload_hash(self.body.as_bytes()));
        then(Canonical {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &headers,
            payload_hash: &payload_hash,
        })
    }
}

/// A server that answers by a function and keeps what came.
pub(super) struct Loopback {
    pub(super) url: Url,
    pub(super) came: Arc<Mutex<Vec<Came>>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Loopback {
    pub(super) async fn start(
        answer: impl Fn(&Came) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let came: Arc<Mutex<Vec<Came>>> = Arc::default();
        let (log, answer) = (Arc::clone(&came), Arc::new(answer));
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                tokio::spawn(async move {
                    let _ = serve(stream, &log, &*answer).await;
                });
            }
        });
        Self {
            url: url.parse().unwrap(),
            came,
            accepting,
        }
    }

    pub(super) fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<Came>>,
    answer: &(dyn Fn(&Came) -> (u16, String) + Send + Sync),
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse().unwrap())
            });
            break (head, end + 4 + length.unwrap_or(0_usize));
        }
    };
    while bytes.len() < length {
        stream.read_buf(&mut bytes).await?;
    }
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap(), first.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let came = Came {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect(),
        body: String::from_utf8(bytes[head.len() + 4..].to_vec()).unwrap(),
    };
    log.lock().unwrap().push(came.clone());
    let (status, body) = answer(&came);
    let answer = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json;charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

pub(super) fn clock_at(wall: &str) -> ManualClock {
    ManualClock::jumping_at(wall.parse().unwrap())
}

fn clock() -> ManualClock {
    clock_at("2026-01-02T03:04:05Z")
}

fn config(server: &Loopback, registry_type: RegistryType) -> IntegrationConfig {
    let builder = IntegrationConfig::builder("acr")
        .registry_type(registry_type)
        .region_id("cn-hangzhou")
        .api_endpoint(server.url.as_str())
        .connect_timeout(Duration::from_millis(300))
        .read_timeout(Duration::from_millis(300))
        .credentials(AcrCredentials::AccessKey {
            id: "testid".to_owned(),
            secret: Secret::new("testsecret"),
            security_token: None,
        });
    let builder = match registry_type {
        RegistryType::AcrEnterprise => {
            builder.instance(AcrInstance::Id("cri-fakeinstance01".to_owned()))
        }
        _ => builder,
    };
    builder.build().unwrap()
}

fn api(server: &Loopback, clock: &ManualClock, patience: Patience) -> Api {
    let context = ConnectContext::with_clock(Arc::new(clock.clone()));
    let config = config(server, RegistryType::AcrEnterprise);
    let connection = Arc::new(Connection::new(&config, &context).unwrap());
    Api::new(&connection, &RequestCount::new(), patience)
}

fn call() -> Call<'static> {
    Call::rpc("ListInstance", Step::Credentials).with("PageNo", "1")
}

/// The constructed body of a call, of whichever edition it is.
fn constructed(came: &Came) -> (u16, String) {
    let answers: Value = serde_json::from_str(ANSWERS).unwrap();
    let action = came.header("x-acs-action");
    let edition = match came.header("x-acs-version") {
        "2018-12-01" => "enterprise_2018_12_01",
        _ => "personal_2016_06_07",
    };
    (200, answers[edition][action]["body"].to_string())
}

fn client(server: &Loopback, clock: &ManualClock) -> HttpClient {
    let settings = ConnectionSettings::from(&config(server, RegistryType::AcrEnterprise));
    HttpClient::new(settings, Arc::new(clock.clone())).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_signed_is_what_is_sent_byte_for_byte(
        values in prop::collection::vec("\\PC{0,16}", 0..5),
        segments in prop::option::of(prop::collection::vec("\\PC{1,12}", 1..4)),
        body in prop::option::of("[a-z=&]{0,16}"),
        token in prop::option::of("[A-Za-z0-9+/=]{1,24}"),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let came = runtime.block_on(async {
            let server = Loopback::start(|_| (200, "{}".to_owned())).await;
            let clock = clock();
            let client = client(&server, &clock);
            let mut url = server.url.clone();
            if let Some(segments) = &segments {
                let path: Vec<_> = segments.iter().map(|segment| encode(segment)).collect();
                url.set_path(&format!("/repos/{}", path.join("/")));
            }
            let names = ["PageNo", "A.10", "A.2", "b", "InstanceId"];
            let pairs: Vec<_> = names.into_iter().zip(values.iter().map(String::as_str)).collect();
            if !pairs.is_empty() {
                url.set_query(Some(&query(&pairs)));
            }
            let key = AccessKey {
                id: "testid".to_owned(),
                secret: "testsecret".to_owned().into(),
                security_token: token.map(Into::into),
                ends: None,
            };
            let signer = Signer {
                key: Arc::new(key),
                action: "ListInstance",
                version: "2018-12-01",
                clock: Arc::new(clock.clone()),
                nonce: nonces(),
            };
            let mut request = client.post(Step::Listing, url).signed(Arc::new(signer));
            if let Some(body) = &body {
                request = request.form(&[("field", body)]);
            }
            request.send().await.unwrap();
            server.came().remove(0)
        });
        let authorization = came.with_canonical(|sent| sent.authorization("testid", "testsecret"));
        prop_assert_eq!(came.header("authorization"), authorization);
        let hash = payload_hash(came.body.as_bytes());
        prop_assert_eq!(came.header("x-acs-content-sha256"), hash);
        for name in came.headers.keys().filter(|name| name.starts_with("x-acs-")) {
            prop_assert!(came.header("authorization").contains(name.as_str()), "{} is not signed", name);
        }
    }
}

#[tokio::test]
async fn each_attempt_is_signed_anew_and_throttling_is_waited_out_whatever_its_status() {
    let answers = Mutex::new(vec![
        (400, "Throttling.User"),
        (503, "ServiceUnavailable"),
        (500, "InternalError"),
        (400, "SignatureNonceUsed"),
        (429, "Throttling"),
    ]);
    let server = Loopback::start(move |_| match answers.lock().unwrap().pop() {
        Some((status, code)) => (status, json!({"Code": code, "RequestId": "1"}).to_string()),
        None => (
            200,
            json!({"IsSuccess": true, "Code": "success", "RequestId": "1"}).to_string(),
        ),
    })
    .await;
    let clock = clock();
    api(&server, &clock, Patience::Run)
        .ask(&call())
        .await
        .unwrap();
    let came = server.came();
    assert_eq!(came.len(), 6);
    let nonces: std::collections::HashSet<_> = came
        .iter()
        .map(|came| came.header("x-acs-signature-nonce").to_owned())
        .collect();
    assert_eq!(nonces.len(), 6);
    let dates: std::collections::BTreeSet<_> = came
        .iter()
        .map(|came| came.header("x-acs-date").to_owned())
        .collect();
    assert!(dates.len() > 1, "{dates:?}");
    assert!(clock.monotonic() > Duration::from_secs(2), "nobody waited");
    for came in &came {
        let right = came.with_canonical(|sent| sent.authorization("testid", "testsecret"));
        assert_eq!(came.header("authorization"), right);
        assert_eq!(came.method, "POST");
    }
}

async fn told(status: u16, body: Value) -> IntegrationError {
    let server = Loopback::start(move |_| (status, body.to_string())).await;
    let api = api(&server, &clock(), Patience::Probe);
    api.ask(&call()).await.unwrap_err()
}

#[tokio::test]
async fn every_constructed_error_has_its_code_whatever_its_status() {
    let answers: Value = serde_json::from_str(ANSWERS).unwrap();
    let expected = |name: &str| match name {
        "rpc-invalid-access-key-id"
        | "rpc-access-key-inactive"
        | "rpc-incomplete-signature"
        | "rpc-missing-security-token"
        | "rpc-security-token-expired"
        | "roa-user-not-exist"
        | "roa-gateway-error" => ErrorCode::FailedToVerifyUsernameOrPwd,
        // The quoted string is made up, so that it is not ours.
        "rpc-signature-does-not-match" => ErrorCode::ProtocolViolation,
        "rpc-timestamp-expired" => ErrorCode::ClockSkew,
        "rpc-nonce-used" => ErrorCode::ProtocolViolation,
        "rpc-no-permission" | "rpc-forbidden-ram" => ErrorCode::RamPermissionDenied,
        "rpc-invalid-product" | "rpc-invalid-api" => ErrorCode::WrongRegionOrEdition,
        "ee-instance-not-exist-200" | "ee-instance-not-exist-http" => {
            ErrorCode::WrongRegionOrEdition
        }
        "rpc-throttling-api" | "rpc-throttling-user" | "rpc-throttling-retry-after" => {
            ErrorCode::RateLimited
        }
        "rpc-service-unavailable" | "rpc-internal-error" => ErrorCode::RegistryUnavailable,
        "roa-repo-not-exist" | "roa-namespace-not-exist" => ErrorCode::NamespaceNotFound,
        other => panic!("no code for {other}"),
    };
    for (name, answer) in answers["errors"].as_object().unwrap() {
        let status = answer["http_status"].as_u64().unwrap();
        let error = told(status.try_into().unwrap(), answer["body"].clone()).await;
        assert_eq!(error.code(), expected(name), "{name}: {error:?}");
        let id = answer["body"]["RequestId"]
            .as_str()
            .or_else(|| answer["body"]["requestId"].as_str());
        assert_eq!(error.context().request_id.as_deref(), id, "{name}");
    }
}

#[tokio::test]
async fn a_missing_right_is_named_by_the_answer_or_by_what_the_call_takes() {
    let denied = json!({"Code": "NoPermission", "RequestId": "1",
        "AccessDeniedDetail": {"AuthAction": "cr:ListInstance"}});
    let silent = json!({"Code": "Forbidden.RAM", "RequestId": "1"});
    for body in [denied, silent] {
        let error = told(403, body).await;
        let IntegrationError::RamPermissionDenied { action, .. } = error else {
            panic!("{error:?}");
        };
        assert_eq!(action, "cr:ListInstance");
    }
    let tags = Call::rpc("ListRepoTag", Step::Listing);
    assert_eq!(tags.permission(), "cr:ListRepositoryTag");
}

#[tokio::test]
async fn a_wrong_secret_is_told_from_a_changed_request_by_the_servers_own_string() {
    let refusal = |string: &str| {
        let message = format!(
            "Specified signature does not match our calculation. server string to sign is:{string}"
        );
        (
            400,
            json!({"Code": "SignatureDoesNotMatch", "Message": message, "RequestId": "1"})
                .to_string(),
        )
    };
    let same =
        Loopback::start(move |came| refusal(&came.with_canonical(|sent| sent.string_to_sign())))
            .await;
    let error = api(&same, &clock(), Patience::Run)
        .ask(&call())
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::FailedToVerifyUsernameOrPwd);
    assert_eq!(same.came().len(), 1);
    assert!(!format!("{error:?}").contains("testsecret"));
    let other = Loopback::start(move |_| refusal("ACS3-HMAC-SHA256\n0000")).await;
    let error = api(&other, &clock(), Patience::Run)
        .ask(&call())
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            IntegrationError::ProtocolViolation {
                violation: Violation::Signature,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_refused_key_is_not_sent_again_in_the_same_run() {
    let body = json!({"Code": "InvalidAccessKeyId.NotFound", "Message": "no", "RequestId": "1"});
    let server = Loopback::start(move |_| (404, body.to_string())).await;
    let api = api(&server, &clock(), Patience::Run);
    for _ in 0..3 {
        let error = api.ask(&call()).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::FailedToVerifyUsernameOrPwd);
    }
    assert_eq!(server.came().len(), 1);
}

#[tokio::test]
async fn the_skew_of_the_clocks_is_told() {
    let body = json!({"Code": "InvalidTimeStamp.Expired", "RequestId": "1"});
    let error = told(400, body).await;
    let IntegrationError::ClockSkew { skew, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(
        skew,
        Duration::from_mins(15),
        "no date: at least what is tolerated"
    );
}

#[tokio::test]
async fn integrations_of_one_account_share_its_budget_and_others_do_not() {
    let server = Loopback::start(constructed).await;
    let clock = clock();
    let context = ConnectContext::with_clock(Arc::new(clock.clone()));
    let config = config(&server, RegistryType::AcrEnterprise);
    let apis = [0, 1].map(|_| {
        let connection = Arc::new(Connection::new(&config, &context).unwrap());
        Api::new(&connection, &RequestCount::new(), Patience::Run)
    });
    for _ in 0..15 {
        for api in &apis {
            api.ask(&call()).await.unwrap();
        }
    }
    // 30 requests at 15 a second: the last one begins 29 periods after the first.
    assert_eq!(clock.monotonic(), Duration::from_nanos(29 * 66_666_667));
    let alone = ConnectContext::with_clock(Arc::new(clock.clone()));
    let connection = Arc::new(Connection::new(&config, &alone).unwrap());
    let before = clock.monotonic();
    let alone = Api::new(&connection, &RequestCount::new(), Patience::Run);
    alone.ask(&call()).await.unwrap();
    assert_eq!(clock.monotonic(), before);
}

async fn verified(registry_type: RegistryType) -> (Verification, Vec<Came>) {
    let server = Loopback::start(constructed).await;
    let clock: Arc<dyn Clock> = Arc::new(clock());
    let context = ConnectContext::with_clock(clock);
    let connector = connect_within(&config(&server, registry_type), &context).unwrap();
    (connector.verify().await, server.came())
}

#[tokio::test]
async fn the_constructed_answers_verify_both_editions() {
    let (report, came) = verified(RegistryType::AcrEnterprise).await;
    assert!(report.is_ok(), "{report:#?}");
    assert_eq!(report.version.as_deref(), Some("2018-12-01"));
    assert_eq!(report.seen.repositories, Some(2));
    let passed = |step| {
        report
            .probes
            .iter()
            .any(|probe| probe.step == step && matches!(probe.outcome, Outcome::Passed))
    };
    for step in [
        Step::Config,
        Step::Registry,
        Step::Credentials,
        Step::Role,
        Step::Listing,
        Step::Pull,
        Step::Vpc,
    ] {
        assert!(passed(step), "{step}: {report:#?}");
    }
    assert!(came.iter().all(|came| came.path == "/"));
    let (report, came) = verified(RegistryType::AcrPersonal).await;
    assert!(report.is_ok(), "{report:#?}");
    assert_eq!(report.version.as_deref(), Some("2016-06-07"));
    assert_eq!(report.seen.repositories, Some(2));
    assert!(
        came.iter()
            .all(|came| came.method == "GET" && came.body.is_empty())
    );
}

#[tokio::test]
async fn the_constructed_answers_resolve_and_give_access_in_both_editions() {
    for (registry_type, host, repository) in [
        (
            RegistryType::AcrEnterprise,
            "registry.example.com",
            "apps/web",
        ),
        (
            RegistryType::AcrPersonal,
            "registry.cn-hangzhou.aliyuncs.com",
            "team-a/web",
        ),
    ] {
        let server = Loopback::start(constructed).await;
        // Before the made-up log-ins end.
        let clock: Arc<dyn Clock> = Arc::new(clock_at("2018-01-01T00:00:00Z"));
        let context = ConnectContext::with_clock(clock);
        let connector = connect_within(&config(&server, registry_type), &context).unwrap();
        let repository = repository.parse().unwrap();
        let tag: Reference = "v0.1".parse().unwrap();
        let image = connector.resolve(&repository, &tag).await.unwrap();
        assert!(image.digest.as_str().starts_with("sha256:67bfbcc1"));
        let digest = Reference::Digest(image.digest.clone());
        let again = connector.resolve(&repository, &digest).await.unwrap();
        assert_eq!((again.digest, again.tags.len()), (image.digest.clone(), 0));
        let location = Location {
            repository,
            digest: image.digest,
            tags: Vec::new(),
        };
        let access = connector.pull_access(&location).await.unwrap();
        assert_eq!((access.host.as_str(), access.port), (host, 443));
        assert!(access.expires_at.is_some());
        let realm = "dockerauth-ee.cn-hangzhou.aliyuncs.com".to_owned();
        assert!(access.realm_hosts.contains(&realm));
        assert!(!format!("{access:?}").contains("fakefake"));
        let before = server.came().len();
        connector.pull_access(&location).await.unwrap();
        assert_eq!(
            server.came().len(),
            before,
            "a log-in that has time left is kept"
        );
    }
}

#[tokio::test]
async fn a_log_in_is_renewed_before_it_ends() {
    let asked = Arc::new(Mutex::new(0_i64));
    let start: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    let server = Loopback::start(move |came| {
        if came.header("x-acs-action") != "GetAuthorizationToken" {
            return constructed(came);
        }
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        let ends = start.as_unix_nanos() / 1_000_000 + *asked * 3_600_000;
        let body = json!({"IsSuccess": true, "Code": "success", "RequestId": "1",
            "TempUsername": "u", "AuthorizationToken": format!("token-{asked}"), "ExpireTime": ends});
        (200, body.to_string())
    })
    .await;
    let clock = clock();
    let context = ConnectContext::with_clock(Arc::new(clock.clone()));
    let config = config(&server, RegistryType::AcrEnterprise);
    let connector = connect_within(&config, &context).unwrap();
    let location = Location {
        repository: "apps/web".parse().unwrap(),
        digest: format!("sha256:{}", "0f".repeat(32)).parse().unwrap(),
        tags: Vec::new(),
    };
    let first = connector.pull_access(&location).await.unwrap();
    clock.advance(Duration::from_mins(44));
    let kept = connector.pull_access(&location).await.unwrap();
    assert_eq!(first.expires_at, kept.expires_at);
    clock.advance(Duration::from_mins(2));
    let renewed = connector.pull_access(&location).await.unwrap();
    assert!(renewed.expires_at > first.expires_at);
}

#[tokio::test]
async fn a_list_goes_on_by_the_token_that_the_server_has_told() {
    let server = Loopback::start(|came| {
        let page = |rows: std::ops::Range<u32>, token: &str| {
            let rows = rows.map(|row| json!({"Tag": format!("v{row}"), "Digest": "0f".repeat(32)}));
            json!({"IsSuccess": true, "Code": "success", "RequestId": "1", "TotalCount": "250",
                "Images": rows.collect::<Vec<_>>(), "NextToken": token})
        };
        let body = match (came.header("x-acs-action"), came.query.as_str()) {
            ("ListRepoTag", query) if query.contains("NextToken=a%2B%3D") => {
                assert!(
                    query.contains("MaxResults=100") && !query.contains("PageNo"),
                    "{query}"
                );
                page(100..200, "b")
            }
            ("ListRepoTag", query) if query.contains("NextToken=b") => page(200..250, ""),
            ("ListRepoTag", query) => {
                assert!(query.contains("PageNo=1&PageSize=100"), "{query}");
                page(0..100, "a+=")
            }
            ("ListRepository", _) => json!({"IsSuccess": true, "Code": "success", "RequestId": "1",
                "TotalCount": 1, "Repositories": [{"RepoId": "crr-1", "RepoName": "web",
                "RepoNamespaceName": "apps"}]}),
            _ => json!({"IsSuccess": true, "Code": "success", "RequestId": "1", "RepoUsage": "1"}),
        };
        (200, body.to_string())
    })
    .await;
    let context = ConnectContext::with_clock(Arc::new(clock()));
    let config = config(&server, RegistryType::AcrEnterprise);
    let connector = connect_within(&config, &context).unwrap();
    let requests = RequestCount::new();
    let mut events = crate::connector::list(connector, requests.clone());
    let mut tags = 0;
    while let Some(event) = futures_util::StreamExt::next(&mut events).await {
        if let crate::connector::ListingEvent::Page { images, .. } = event.unwrap() {
            tags += images.iter().map(|image| image.tags.len()).sum::<usize>();
        }
    }
    assert_eq!(tags, 250);
    // The repositories and their count, three pages of tags, and the first of them again.
    assert_eq!(requests.get(), 2 + 3 + 1);
}

#[tokio::test]
async fn the_right_region_is_named_where_the_endpoint_tells_it() {
    let server = Loopback::start(|came| match came.header("x-acs-action") {
        "GetInstance" => (
            200,
            json!({"IsSuccess": false, "Code": "INSTANCE_NOT_EXIST", "RequestId": "1"}).to_string(),
        ),
        _ => constructed(came),
    })
    .await;
    for instance in [
        AcrInstance::Id("cri-fakeinstance01".to_owned()),
        AcrInstance::Name("team-a".to_owned()),
    ] {
        let config = config(&server, RegistryType::AcrEnterprise).to_builder();
        let config = config
            .region_id("cn-shanghai")
            .instance(instance)
            .build()
            .unwrap();
        let context = ConnectContext::with_clock(Arc::new(clock()));
        let report = connect_within(&config, &context).unwrap().verify().await;
        let Some(IntegrationError::WrongRegionOrEdition { right, .. }) = report.failure() else {
            panic!("{report:#?}");
        };
        assert_eq!(right.as_deref(), Some("cn-hangzhou"));
    }
}
