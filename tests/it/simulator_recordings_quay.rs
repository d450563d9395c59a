//! The simulated Quay answers as a real one was recorded: status, the headers that clients read,
//! whether the connection is kept, and a body of the same shape with the same values.

mod changes;
mod seed;

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, prelude::*};
use percent_encoding::percent_decode_str;
use registry_intake::{clock::ManualClock, simulator::Quay};
use serde_json::Value;

use self::seed::{FOLDER, parsed, text};
use crate::{
    replay::{
        recording::{Exchange, Recording},
        wire::{self, Received},
    },
    simulator_recordings::compare::Rules,
};

/// Where the real server listened, which is what it was configured with.
const HOST: &str = "localhost:58080";

/// What the simulator does not claim to serve: parts of the path and query, and why.
const NOT_CLAIMED: &[(&str, &str)] = &[
    ("/_internal_ping", "not simulated"),
    ("/aggregatelogs", "not simulated"),
    ("/api/v1/error/", "not simulated"),
    ("/applications", "not simulated"),
    ("/blobs/", "not simulated"),
    ("/collaborators", "not simulated"),
    ("/find/", "not simulated"),
    ("/health/endtoend", "not simulated"),
    ("/image/", "gone"),
    ("/images", "gone"),
    ("/labels", "not simulated"),
    ("/messages", "not simulated"),
    ("/pull_statistics", "not simulated"),
    ("/referrers/", "not simulated"),
    ("/registry/capabilities", "not simulated"),
    ("/security", "not simulated"),
    ("/status", "not simulated"),
    ("/superuser/", "not simulated"),
    ("/user/starred", "stars are not simulated"),
    ("/users/", "not simulated"),
    ("includeStats=true", "not simulated"),
    ("starred=true", "stars are not simulated"),
];

/// The same by the note of the exchange.
const NOT_CLAIMED_NOTES: &[(&str, &str)] = &[
    ("$app token", "tokens for applications are not simulated"),
    ("user:encrypted password", "not simulated"),
];

/// What the recorded features of a variant add.
const FEATURES: &[&str] = &[".quota_report", ".quotas", ".immutable"];

const RULES: Rules = Rules {
    headers: &[
        "Allow",
        "Content-Type",
        "Docker-Content-Digest",
        "Docker-Distribution-API-Version",
        "Link",
        "Location",
        "Retry-After",
        "WWW-Authenticate",
        "X-Docker-Registry-Version",
    ],
    must_agree: |path| {
        // What is made up, what is the server's own, and what is in manifests without content.
        const FREE: &[&str] = &[
            ".avatar.color",
            ".avatar.hash",
            ".config.digest",
            ".config.size",
            ".created",
            ".csrf_token",
            ".is_starred",
            ".layers_compressed_size",
            ".manifest_data",
            ".manifests[].size",
            ".next_page",
            ".robots[].description",
            ".status_token",
        ];
        let is_free = FREE.iter().any(|end| path.ends_with(end));
        let is_team = path.starts_with(".teams.") && path.ends_with(".description");
        !is_free && !is_team
    },
    opaque: &[
        ".fsLayers",
        ".history",
        ".last_accessed",
        ".layers",
        ".members[].repositories",
        ".signatures",
    ],
    optional: FEATURES,
    unordered: &[".members", ".organizations", ".robots"],
};

/// Recordings, each with how many of its exchanges are compared.
struct Server {
    superusers_full_access: bool,
    files: &'static [(&'static str, usize)],
}

impl Server {
    async fn start(&self, clock: &ManualClock) -> Quay {
        let mut builder = Quay::builder()
            .clock(Arc::new(clock.clone()))
            .superusers_full_access(self.superusers_full_access)
            .external_url(&format!("http://{HOST}"))
            .contents(seed::contents());
        for user in seed::users() {
            builder = builder.user(user);
        }
        for robot in seed::robots() {
            builder = builder.robot(robot);
        }
        for token in seed::tokens() {
            builder = builder.token(token);
        }
        builder.start().await.unwrap()
    }

    async fn compare(&self) {
        let mut compared = Vec::new();
        let mut differences = Vec::new();
        for (file, _) in self.files {
            let clock = ManualClock::at("2026-11-21T20:05:00Z".parse().unwrap());
            let quay = self.start(&clock).await;
            let exchanges = Recording::read(FOLDER, file).exchanges;
            let mut client = Client::default();
            let mut count = 0;
            for (index, exchange) in exchanges.iter().enumerate() {
                changes::before(file, index, &exchanges, &quay, &clock).await;
                if !claims(file, exchange) {
                    continue;
                }
                count += 1;
                let served = client.send(&quay, exchange).await;
                let mut found = differ(exchange, &served);
                // The variant was asked without nginx before it, which ends connections.
                if !file.starts_with("variant") {
                    found.extend(connections_differ(exchange, &served));
                }
                if !found.is_empty() {
                    let (method, path) = (&exchange.request.method, &exchange.request.path);
                    let (note, found) = (&exchange.note, found.join("; "));
                    differences.push(format!("{file} {index}: {method} {path} ({note}): {found}"));
                }
            }
            compared.push((*file, count));
        }
        assert!(differences.is_empty(), "{}", differences.join("\n"));
        assert_eq!(compared, self.files);
    }
}

fn claims(file: &str, exchange: &Exchange) -> bool {
    let listed =
        |parts: &[(&str, &str)], text: &str| parts.iter().any(|(part, _)| text.contains(part));
    // In the variant this user is one who may read everything, which is not simulated.
    let is_other_feature = file.starts_with("variant") && exchange.note == "outsider_full";
    !listed(NOT_CLAIMED, &exchange.request.path)
        && !listed(NOT_CLAIMED_NOTES, &exchange.note)
        && !is_other_feature
}

/// A client that was handed out other secrets than the recorded one.
#[derive(Default)]
struct Client {
    /// What stands for a recorded page token, cookie or the like.
    ours: BTreeMap<String, String>,
}

impl Client {
    async fn send(&mut self, quay: &Quay, exchange: &Exchange) -> Received {
        let request = &exchange.request;
        let mut path = request.path.clone();
        let mut headers = Vec::new();
        for (name, mut value) in request.headers() {
            if name == "Authorization" && path.starts_with("/v2/") {
                value = self.authorization(quay, &value, &exchange.note).await;
            }
            for (theirs, ours) in &self.ours {
                value = value.replace(theirs, ours);
            }
            headers.push((name, value));
        }
        if let Some((before, theirs)) = path.split_once("next_page=") {
            let theirs = percent_decode_str(theirs).decode_utf8_lossy();
            let ours = self
                .ours
                .get(theirs.as_ref())
                .map_or_else(|| theirs.as_ref(), String::as_str);
            path = format!("{before}next_page={}", ours.replace('=', "%3D"));
        }
        let served = wire::ask(
            quay.address(),
            &request.method,
            &path,
            &headers,
            request.body(),
        )
        .await;
        self.learn(exchange, &served);
        served
    }

    /// Keeps what was handed out in the place of what was recorded.
    fn learn(&mut self, exchange: &Exchange, served: &Received) {
        let recorded = &exchange.response;
        let [theirs, ours] = [parsed(recorded.body()), parsed(&served.body)];
        let mut pairs: Vec<_> = ["next_page", "csrf_token"]
            .map(|key| (text(&theirs, key), text(&ours, key)))
            .into();
        for name in ["X-Next-CSRF-Token", "Set-Cookie"] {
            let value = |header: Option<&str>| {
                let value = header.unwrap_or_default().split(';').next();
                value.unwrap_or_default().replace("_csrf_token=", "")
            };
            let theirs = recorded.header(name);
            pairs.push((value(theirs.as_deref()), value(served.header(name))));
        }
        pairs.retain(|(theirs, ours)| !theirs.is_empty() && !ours.is_empty());
        self.ours.extend(pairs);
    }

    /// The credentials for `/v2/`. Only the server that signed a token can read it, so that
    /// another is fetched for the same user and the same repositories.
    async fn authorization(&self, quay: &Quay, sent: &str, note: &str) -> String {
        let Some(claims) = sent.strip_prefix("Bearer ").and_then(claims_of) else {
            return sent.to_owned();
        };
        let name = text(&claims, "sub");
        let robot = seed::robot_tokens().remove(&name);
        let secret = robot.unwrap_or_else(|| format!("{name}pass"));
        let mut target = format!("/v2/auth?service={}", text(&claims, "aud"));
        for entry in seed::rows(&claims, "access") {
            target.push_str(&format!("&scope=repository:{}:pull", text(entry, "name")));
        }
        let basic = BASE64_STANDARD.encode(format!("{name}:{secret}"));
        let headers = [
            ("Host".to_owned(), HOST.to_owned()),
            ("Authorization".to_owned(), format!("Basic {basic}")),
        ];
        let served = wire::ask(quay.address(), "GET", &target, &headers, "").await;
        let token = text(&parsed(&served.body), "token");
        assert!(!token.is_empty(), "{target}: {served:?}");
        if note.contains("broken signature") {
            return format!("Bearer {token}x");
        }
        format!("Bearer {token}")
    }
}

fn claims_of(token: &str) -> Option<Value> {
    let claims = BASE64_URL_SAFE_NO_PAD
        .decode(token.split('.').nth(1)?)
        .ok()?;
    serde_json::from_slice(&claims).ok()
}

fn differ(exchange: &Exchange, served: &Received) -> Vec<String> {
    let recorded = &exchange.response;
    let mut found = RULES.differences(&exchange.request.method, recorded, served);
    let is_converted = recorded
        .header("Content-Type")
        .is_some_and(|media_type| media_type.ends_with("manifest.v1+json"));
    if is_converted {
        // No content, no digest of a conversion of it.
        found.retain(|difference| !difference.starts_with("Docker-Content-Digest: Some"));
    }
    for name in ["Set-Cookie", "X-Next-CSRF-Token"] {
        let (ours, theirs) = (served.header(name), recorded.header(name));
        if ours.is_some() != theirs.is_some() {
            found.push(format!("{name}: {ours:?} for {theirs:?}"));
        }
    }
    found
}

fn connections_differ(exchange: &Exchange, served: &Received) -> Option<String> {
    let ours = served.header("Connection") == Some("close");
    let theirs = exchange.response.header("Connection").as_deref() == Some("close");
    (ours != theirs).then(|| format!("the connection is closed: {ours} for {theirs}"))
}

#[tokio::test]
async fn quay_3_answers_as_recorded() {
    let server = Server {
        superusers_full_access: false,
        files: &[
            ("full_enumeration_buynlarge", 19),
            ("http_behaviour_api", 9),
            ("incremental_last_modified", 18),
            ("manifest_api", 14),
            ("organization_admin_endpoints", 18),
            ("organization_by_credential", 27),
            ("probe_version_and_kind", 25),
            ("repository_deleted", 4),
            ("repository_details", 25),
            ("repository_list_by_credential", 27),
            ("repository_list_no_namespace_public", 2),
            ("repository_list_options", 18),
            ("repository_list_paging", 3),
            ("session_signin", 8),
            ("tag_list_errors", 27),
            ("tag_list_filters", 11),
            ("tag_list_history", 4),
            ("tag_list_kinds", 14),
            ("tag_list_limits", 11),
            ("tag_list_paging", 4),
            ("user_endpoint_by_credential", 37),
            ("user_namespace", 3),
            ("v2_auth_lockout_429", 7),
            ("v2_auth_many_scopes", 3),
            ("v2_manifests_and_blobs", 28),
            ("v2_ping_and_auth", 41),
            ("v2_tags_list", 24),
            ("v2_tags_list_cache", 10),
        ],
    };
    server.compare().await;
}

#[tokio::test]
async fn quay_3_with_superusers_who_see_all_answers_as_recorded() {
    let server = Server {
        superusers_full_access: true,
        files: &[("variant_superusers_full_access", 20)],
    };
    server.compare().await;
}
