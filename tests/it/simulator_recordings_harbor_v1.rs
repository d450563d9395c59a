//! The simulated Harbor 1.10 answers as a real one was recorded: status, the headers that clients
//! read, and a body of the same shape with the same identities.

mod changes;
pub(crate) mod seed;

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, prelude::*};
use flate2::read::GzDecoder;
use registry_intake::{
    clock::{ManualClock, Timestamp},
    simulator::{HarborV1, harbor_v1::Contents},
};
use serde_json::Value;

use self::seed::FOLDER;
use crate::{
    replay::{
        recording::{Exchange, Recording},
        wire::{self, Received},
    },
    simulator_recordings::{
        client,
        compare::Rules,
        seed::{number, text},
    },
};

/// Where the real server listened, which is what it was configured with.
const HOST: &str = "127.0.0.1:55100";

/// Each file with how many of its exchanges are compared.
const FILES: &[(&str, usize)] = &[
    ("errors", 8),
    ("full-listing-1", 78),
    ("full-listing-2", 37),
    ("gzip-keepalive", 8),
    ("logs", 13),
    ("project-get", 10),
    ("projects-by-user", 7),
    ("projects-paging-admin", 5),
    ("projects-paging-limits", 17),
    ("registry-catalog-tags", 18),
    ("registry-manifests", 12),
    ("registry-token", 20),
    ("repositories-by-user", 35),
    ("repositories-of-project", 17),
    ("search", 6),
    ("search-all", 1),
    ("tags", 31),
    ("tags-250", 1),
    ("tags-250-nodetail", 1),
    ("update-time-semantics", 16),
    ("users-current", 18),
    ("version-admin", 17),
    ("version-anonymous", 18),
    ("wrong-password-lists", 9),
];

/// What the simulator does not claim to serve: parts of the path and query, and why.
const NOT_CLAIMED: &[(&str, &str)] = &[
    ("/api/configurations", "not simulated"),
    ("/api/health", "not simulated"),
    ("/api/projects/4/logs", "not simulated"),
    ("/api/repositories/top", "not simulated"),
    ("/api/systeminfo/volumes", "not simulated"),
    ("/api/users?", "not simulated"),
    ("/manifest", "the API's, not simulated"),
    ("/metadatas", "not simulated"),
    ("/signatures", "not simulated"),
    ("/summary", "not simulated"),
    ("/users/current/permissions", "not simulated"),
];

/// Fields whose value must be the recorded one; of the others the type must be.
const IDENTITY: &[&str] = &[
    "architecture",
    "code",
    "current_user_role_id",
    "digest",
    "harbor_version",
    "has_admin_role",
    "id",
    "log_id",
    "mediaType",
    "message",
    "name",
    "op_time",
    "operation",
    "os",
    "private_project_count",
    "private_repo_count",
    "project_id",
    "project_name",
    "public",
    "public_project_count",
    "public_repo_count",
    "pull_count",
    "registry_url",
    "repo_count",
    "repo_name",
    "repo_tag",
    "repository_name",
    "tags_count",
    "total_project_count",
    "total_repo_count",
    "user_id",
    "username",
];

const RULES: Rules = Rules {
    headers: &[
        "Content-Type",
        "Docker-Content-Digest",
        "Docker-Distribution-Api-Version",
        "Link",
        "Location",
        "Www-Authenticate",
        "X-Total-Count",
    ],
    must_agree: |path| {
        // Ids of allowlists, and what is in manifests without content.
        const UNRELATED: &[&str] = &[".cve_whitelist.id", ".config.digest"];
        let key = path.rsplit('.').next().unwrap_or_default();
        let is_identity =
            IDENTITY.contains(&key) && !UNRELATED.iter().any(|end| path.ends_with(end));
        is_identity || key == "token" || key.ends_with("[]")
    },
    opaque: &[
        ".config.labels",
        ".fsLayers",
        ".history",
        ".layers",
        ".signatures",
    ],
    optional: &[],
    unordered: &[".tags"],
};

fn claims(exchange: &Exchange) -> bool {
    let request = &exchange.request;
    // Writing is not simulated.
    let is_read = ["GET", "HEAD", "PATCH"].contains(&request.method.as_str());
    let is_of_registry = request.path.starts_with("/v2/");
    let mut not_claimed = NOT_CLAIMED.iter();
    // Compressed: a test of its own.
    let is_text = exchange.response.header("Content-Encoding").is_none();
    (is_read || request.path == "/c/login")
        && request.path != "/api/users"
        && is_text
        && (is_of_registry || !not_claimed.any(|(part, _)| request.path.contains(part)))
}

fn files() -> Vec<&'static str> {
    FILES.iter().map(|(name, _)| *name).collect()
}

async fn start(clock: &ManualClock, contents: Contents) -> HarborV1 {
    let files = files();
    let mut builder = HarborV1::builder()
        .clock(Arc::new(clock.clone()))
        .contents(contents)
        .external_url(&format!("http://{HOST}"));
    for account in seed::accounts(&files) {
        builder = builder.account(account);
    }
    builder.start().await.unwrap()
}

/// Asks again what was asked when it was recorded.
async fn send(harbor: &HarborV1, exchange: &Exchange) -> Received {
    let request = &exchange.request;
    let mut headers = request.headers();
    for (name, value) in &mut headers {
        if name == "Authorization" {
            *value = authorization(harbor, value).await;
        }
    }
    let (method, body) = (request.method.as_str(), request.body());
    if body.is_empty() {
        wire::send(harbor.address(), method, &request.path, &headers).await
    } else {
        wire::ask(harbor.address(), method, &request.path, &headers, body).await
    }
}

/// Only the server that signed a token can read it, so that another is fetched for the same account
/// and the same things.
async fn authorization(harbor: &HarborV1, sent: &str) -> String {
    let claims = sent.strip_prefix("Bearer ").and_then(claims_of);
    let Some(claims) = claims else {
        return sent.to_owned();
    };
    let mut target = "/service/token?service=harbor-registry".to_owned();
    for entry in claims["access"].as_array().into_iter().flatten() {
        let (kind, name) = (text(entry, "type"), text(entry, "name"));
        target.push_str(&format!("&scope={kind}:{name}:*"));
    }
    let name = text(&claims, "sub");
    let secret = secrets().find(|(present, _)| *present == name);
    let mut headers = vec![("Host".to_owned(), HOST.to_owned())];
    if let Some((name, secret)) = secret {
        let basic = BASE64_STANDARD.encode(format!("{name}:{secret}"));
        headers.push(("Authorization".to_owned(), format!("Basic {basic}")));
    }
    let served = wire::send(harbor.address(), "GET", &target, &headers).await;
    let body: Value = serde_json::from_str(&served.body).unwrap();
    format!("Bearer {}", text(&body, "token"))
}

/// Right ones.
fn secrets() -> impl Iterator<Item = (String, String)> {
    let exchanges = Recording::read(FOLDER, "users-current").exchanges;
    exchanges.into_iter().filter_map(|exchange| {
        let is_right = [200, 500].contains(&exchange.response.status);
        exchange.request.credentials().filter(|_| is_right)
    })
}

fn claims_of(token: &str) -> Option<Value> {
    let claims = BASE64_URL_SAFE_NO_PAD
        .decode(token.split('.').nth(1)?)
        .ok()?;
    serde_json::from_slice(&claims).ok()
}

fn differences(exchange: &Exchange, served: &Received) -> Vec<String> {
    let recorded = &exchange.response;
    let mut found = RULES.differences(&exchange.request.method, recorded, served);
    found.extend(client::differences(exchange, served));
    let media_type = recorded.header("Content-Type").unwrap_or_default();
    if media_type.ends_with("prettyjws") {
        // No content, no digest of a conversion of it.
        found.retain(|difference| !difference.starts_with("Docker-Content-Digest: Some"));
    }
    found
}

/// In what the answers differ.
async fn difference(harbor: &HarborV1, exchange: &Exchange) -> Option<String> {
    let served = send(harbor, exchange).await;
    let found = differences(exchange, &served).join("; ");
    let (method, path) = (&exchange.request.method, &exchange.request.path);
    let account = exchange.request.account();
    (!found.is_empty()).then(|| format!("{method} {path} as {account:?}: {found}"))
}

#[tokio::test]
async fn harbor_1_10_answers_as_recorded() {
    let contents = seed::contents(&files());
    let mut compared = Vec::new();
    let mut found = Vec::new();
    for (file, _) in FILES {
        let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
        let contents = match *file {
            "logs" => seed::logged(),
            _ => contents.clone(),
        };
        let harbor = start(&clock, contents).await;
        let exchanges = Recording::read(FOLDER, file).exchanges;
        let mut count = 0;
        for (index, exchange) in exchanges.iter().enumerate() {
            harbor.change(|contents| changes::before(file, index, &exchanges, contents));
            if claims(exchange) {
                count += 1;
                let difference = difference(&harbor, exchange).await;
                found.extend(difference.map(|it| format!("{file} {index}: {it}")));
            }
        }
        compared.push((*file, count));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert_eq!(compared, FILES);
}

#[tokio::test]
async fn json_is_compressed_for_who_takes_that_as_recorded() {
    let exchanges = Recording::read(FOLDER, "gzip-keepalive").exchanges;
    let (request, recorded) = (&exchanges[0].request, &exchanges[0].response);
    assert_eq!(recorded.header("Content-Encoding").unwrap(), "gzip");
    let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
    let harbor = start(&clock, seed::contents(&files())).await;
    let (address, headers) = (harbor.address(), request.headers());
    let served = wire::send_for_bytes(address, "GET", &request.path, &headers).await;
    let end = served
        .windows(4)
        .position(|end| end == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8_lossy(&served[..end]);
    for name in ["Content-Encoding", "Content-Type", "Link", "X-Total-Count"] {
        let line = format!("{name}: {}", recorded.header(name).unwrap());
        assert!(
            head.lines().any(|ours| ours == line),
            "{line} is not in {head}"
        );
    }
    let theirs = BASE64_STANDARD.decode(recorded.body()).unwrap();
    assert_eq!(unzipped(&served[end + 4..]), unzipped(&theirs));
}

/// Names and ids of the rows.
fn unzipped(body: &[u8]) -> Vec<(String, u64)> {
    let rows: Vec<Value> = serde_json::from_reader(GzDecoder::new(body)).unwrap();
    let identity = |row: &Value| (text(row, "name"), number(row, "project_id"));
    rows.iter().map(identity).collect()
}

/// The one recording in which time counts.
#[tokio::test]
async fn a_failed_log_in_locks_its_name_as_1_10_was_recorded_to() {
    let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
    let harbor = Arc::new(start(&clock, seed::contents(&files())).await);
    let exchanges = Recording::read(FOLDER, "lockout").exchanges;
    let [before, wrong, while_locked @ .., later] = exchanges.as_slice() else {
        panic!("{} exchanges", exchanges.len());
    };
    assert_eq!(difference(&harbor, before).await, None);
    let (server, exchange) = (Arc::clone(&harbor), wrong.clone());
    let held = tokio::spawn(async move { difference(&server, &exchange).await });
    while clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_millis(400));
    assert_eq!(while_locked.len(), 3);
    for exchange in while_locked {
        assert_eq!(
            difference(&harbor, exchange).await,
            None,
            "{}",
            exchange.note
        );
    }
    assert!(!held.is_finished());
    clock.advance(Duration::from_millis(1100));
    assert_eq!(held.await.unwrap(), None);
    assert_eq!(difference(&harbor, later).await, None);
    assert_eq!(harbor.accounts().failed_logins("lockme"), 1);
}
