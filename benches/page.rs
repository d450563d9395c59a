//! What the connector makes of a page, against serde_json alone: 100 rows of a real Harbor 2.15.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod ratio;

use std::{
    fs,
    hint::black_box,
    time::{Duration, Instant},
};

use ratio::{Way, compare};
use registry_intake::{
    config::{IntegrationConfig, Protocol, RegistryType, RegistryVersion, Secret},
    connector::{Listing, RequestCount, connect},
    image::Scope,
    simulator::{
        Action, Fault, HarborV2,
        harbor_v2::{Contents, Project},
    },
};
use serde::Deserialize;
use tokio::runtime::Runtime;

const ROWS: usize = 100;

/// Rounds from which a ratio is taken.
const ROUNDS: usize = 601;

/// Each way is measured twice, with the page and with an empty list of the same length, and the
/// difference counts: the connector's way to the bytes, over HTTP, is none of its parsing.
fn main() {
    let page = recorded_page();
    let empty = format!("[{}]", " ".repeat(page.len() - 2));
    let runtime = Runtime::new().unwrap();
    let harbor = runtime.block_on(registry(&page, &empty));
    let listing = runtime.block_on(listing(&harbor));
    let (full_scope, empty_scope) = (scope("full"), scope("empty"));
    let entries = |scope: &Scope| {
        let begun = Instant::now();
        let page = runtime.block_on(listing.entries(scope, None)).unwrap();
        let taken = begun.elapsed();
        (taken, page.entries.len())
    };
    // The listing keeps its very first page.
    entries(&full_scope);
    assert_eq!(entries(&full_scope).1, ROWS);
    assert_eq!(entries(&empty_scope).1, 0);
    let parsed = |body: &str| {
        // As the connector meets it: newly received, behind work that left the caches to others.
        entries(&empty_scope);
        let body = body.to_owned();
        let begun = Instant::now();
        let rows: Vec<ArtifactRow> = serde_json::from_str(black_box(&body)).unwrap();
        let taken = begun.elapsed();
        black_box(rows);
        taken
    };
    let ways = vec![
        Way::new("serde_json alone", |times| {
            difference(times, || parsed(&page), || parsed(&empty))
        }),
        Way::new("the connector", |times| {
            difference(times, || entries(&full_scope).0, || entries(&empty_scope).0)
        }),
    ];
    compare("page of 100 artifacts", ROUNDS, 1, ways);
}

fn difference(times: u64, with: impl Fn() -> Duration, without: impl Fn() -> Duration) -> Duration {
    let (mut more, mut less) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..times {
        more += with();
        less += without();
    }
    more.saturating_sub(less)
}

fn recorded_page() -> String {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/recordings/harbor-2.15/full-keyset-1.json"
    );
    let recording: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let exchanges = recording["exchanges"].as_array().unwrap();
    let bodies = exchanges
        .iter()
        .filter_map(|exchange| exchange["response"]["body"].as_str());
    bodies.max_by_key(|body| body.len()).unwrap().to_owned()
}

/// Two projects, whose artifacts are answered with these bodies.
async fn registry(full: &str, empty: &str) -> HarborV2 {
    let mut contents = Contents::empty();
    let bodies = [("full", full, ROWS), ("empty", empty, 0)];
    let faults = bodies.map(|(name, body, total)| {
        let id = contents.create_project(Project::private(name));
        Fault::new(Action::Answer {
            status: 200,
            headers: vec![
                ("Content-Type".to_owned(), "application/json".to_owned()),
                ("X-Total-Count".to_owned(), total.to_string()),
            ],
            body: body.to_owned(),
        })
        .on_path(format!("/projects/{id}/artifacts"))
    });
    let harbor = HarborV2::builder()
        .contents(contents)
        .start()
        .await
        .unwrap();
    for fault in faults {
        harbor.faults().arm(fault);
    }
    harbor
}

async fn listing(harbor: &HarborV2) -> Box<dyn Listing> {
    let config = IntegrationConfig::builder("bench")
        .registry_type(RegistryType::Harbor)
        .version(RegistryVersion::V2)
        .protocol(Protocol::Http)
        .domain("127.0.0.1")
        .port(harbor.address().port())
        .username(HarborV2::USERNAME)
        .password(Secret::new(HarborV2::PASSWORD));
    let connector = connect(&config.build().unwrap()).unwrap();
    let listing = connector.open_listing(&RequestCount::new()).await.unwrap();
    listing.scopes(None).await.unwrap();
    listing
}

fn scope(project: &str) -> Scope {
    Scope::Namespace(project.to_owned())
}

/// What the connector reads of a row, as text.
#[derive(Deserialize)]
#[allow(dead_code)]
struct ArtifactRow {
    id: u64,
    digest: String,
    #[serde(rename = "type", default)]
    kind: String,
    manifest_media_type: Option<String>,
    size: Option<i64>,
    push_time: Option<String>,
    tags: Option<Vec<TagRow>>,
    extra_attrs: Option<PlatformRow>,
    references: Option<Vec<ReferenceRow>>,
    repository_name: Option<String>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct TagRow {
    name: String,
    push_time: Option<String>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct ReferenceRow {
    platform: Option<PlatformRow>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct PlatformRow {
    os: Option<String>,
    architecture: Option<String>,
}
