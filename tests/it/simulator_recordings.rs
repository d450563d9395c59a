//! The simulated Harbor answers as the real ones were recorded: status, the headers that clients
//! read, and a body of the same shape with the same identities.

mod changes;
pub(crate) mod client;
pub(crate) mod compare;
pub(crate) mod seed;

use std::{sync::Arc, time::Duration};

use registry_intake::{
    clock::{ManualClock, Timestamp},
    simulator::{
        HarborV2,
        harbor_v2::{Account, Contents, Release},
    },
};

use self::{client::Client, compare::Rules, seed::Rows};
use crate::replay::recording::{Exchange, Recording};

/// Fields whose value must be the recorded one; of the others the type must be.
const IDENTITY: &[&str] = &[
    "architecture",
    "artifact_count",
    "artifact_type",
    "child_digest",
    "child_id",
    "code",
    "current_user_role_id",
    "digest",
    "harbor_version",
    "id",
    "manifest_media_type",
    "mediaType",
    "media_type",
    "message",
    "name",
    "operation",
    "os",
    "private_project_count",
    "private_repo_count",
    "project_id",
    "public",
    "public_project_count",
    "public_repo_count",
    "registry_id",
    "registry_url",
    "repo_count",
    "repository_id",
    "repository_name",
    "resource",
    "resource_type",
    "sysadmin_flag",
    "total_project_count",
    "total_repo_count",
    "type",
    "username",
    "variant",
];

/// Where numbers and names are the server's own: ids of tags, accessories and allowlists, what is
/// inside an image's config or a chart, and the parts of a manifest that has no real content.
const UNRELATED: &[&str] = &[
    ".tags[].id",
    ".accessories[].id",
    ".cve_allowlist.id",
    ".cve_whitelist.id",
    ".extra_attrs.name",
    ".config.digest",
];

const RULES: Rules = Rules {
    headers: &[
        "Content-Type",
        "X-Total-Count",
        "Link",
        "Www-Authenticate",
        "Docker-Content-Digest",
        "Location",
        "Vary",
    ],
    must_agree: |path| {
        let key = path.rsplit('.').next().unwrap_or_default();
        let is_identity =
            IDENTITY.contains(&key) && !UNRELATED.iter().any(|end| path.ends_with(end));
        is_identity || key == "token" || key.ends_with("[]")
    },
    opaque: &[".extra_attrs.config", ".layers"],
    optional: &[],
    unordered: &[],
};

/// The recordings of one server.
struct Server {
    release: Release,
    folder: &'static str,
    /// Where it listened, which is what it took for its external URL.
    host: &'static str,
    /// Each file with how many of its exchanges are compared.
    files: &'static [(&'static str, usize)],
}

/// What the simulator does not claim to serve: parts of the path and query, and why.
const NOT_CLAIMED: &[(&str, &str)] = &[
    ("/accessories", "not simulated"),
    ("/additions/", "not simulated"),
    ("/artifacts/a/tags", "tags of an artifact: not simulated"),
    ("/blobs/", "not simulated"),
    ("/health", "not simulated"),
    ("/logs?", "the log of a project: not simulated"),
    ("/projects/mixed/auditlog-exts", "not simulated"),
    ("/projects/pa-project/auditlog-exts", "not simulated"),
    ("/referrers/", "not simulated"),
    ("resource=~scratch/", "tells of other recordings too"),
    ("/registries", "not simulated"),
    ("/robots", "not simulated"),
    ("/search", "not simulated"),
    ("/summary", "not simulated"),
    ("/systeminfo/volumes", "not simulated"),
    ("/tags?page", "tags of an artifact: not simulated"),
    ("/users/current/permissions", "not simulated"),
    ("/users?", "not simulated"),
    ("/v2/zz-proxy/", "a cache asks the registry behind it"),
    ("latest_in_repository=", "not simulated"),
    (
        "sort=-update_time",
        "pulls change it, and are not simulated",
    ),
    ("sort=pull_count", "pulls are not simulated"),
    ("sort=update_time", "pulls change it, and are not simulated"),
];

/// Whether it is an audit log with rows of what was done before everything that is recorded.
fn tells_history(exchange: &Exchange) -> bool {
    exchange.request.path.contains("/audit")
        && !exchange.request.path.contains("scratch2/")
        && exchange.response.status == 200
        && exchange.response.body().trim() != "[]"
}

impl Server {
    fn claims(&self, exchange: &Exchange) -> bool {
        let request = &exchange.request;
        let headers = request.headers();
        let has = |wanted: &str, start: &str| {
            headers
                .iter()
                .any(|(name, value)| name == wanted && value.starts_with(start))
        };
        // Writing is not simulated, nor core without nginx before it; and only the server that
        // made a token can read it.
        let is_read = ["GET", "HEAD"].contains(&request.method.as_str());
        (is_read || request.path == "/c/login")
            && has("Host", self.host)
            && !tells_history(exchange)
            && !has("Authorization", "Bearer ey")
            && !NOT_CLAIMED
                .iter()
                .any(|(part, _)| request.path.contains(part))
    }

    fn file_names(&self) -> impl Iterator<Item = &'static str> {
        self.files.iter().map(|(name, _)| *name)
    }

    async fn start(
        &self,
        contents: Contents,
        accounts: &[Account],
        clock: &ManualClock,
    ) -> HarborV2 {
        let builder = HarborV2::builder()
            .clock(Arc::new(clock.clone()))
            .release(self.release)
            .contents(contents)
            .external_url(&format!("http://{}", self.host));
        let harbor = builder.start().await.unwrap();
        for account in accounts {
            harbor.accounts().add(account.clone());
        }
        harbor
    }

    async fn compare(&self) {
        let contents = Rows::read(self.folder, self.file_names()).contents();
        let accounts = seed::accounts(self.folder, self.file_names());
        let mut compared = Vec::new();
        let mut differences = Vec::new();
        for file in self.file_names() {
            let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
            let harbor = self.start(contents.clone(), &accounts, &clock).await;
            let rows = Rows::read(self.folder, [file]);
            let mut client = Client::default();
            let mut count = 0;
            let exchanges = Recording::read(self.folder, file).exchanges;
            for (index, exchange) in exchanges.iter().enumerate() {
                harbor.change(|contents| changes::before(file, index, &rows, contents));
                if self.claims(exchange) {
                    count += 1;
                    let found = difference(&mut client, &harbor, exchange).await;
                    differences.extend(found.map(|found| format!("{file} {index}: {found}")));
                }
            }
            compared.push((file, count));
        }
        assert!(differences.is_empty(), "{}", differences.join("\n"));
        assert_eq!(compared, self.files);
    }
}

/// Asks again what was asked when it was recorded, and says in what the answers differ.
async fn difference(client: &mut Client, harbor: &HarborV2, exchange: &Exchange) -> Option<String> {
    let request = &exchange.request;
    let (method, path) = (&request.method, &request.path);
    let served = client.send(harbor, exchange).await;
    let mut found = RULES.differences(method, &exchange.response, &served);
    found.extend(client::differences(exchange, &served));
    let account = request.account();
    let found = found.join("; ");
    (!found.is_empty()).then(|| format!("{method} {path} as {account:?}: {found}"))
}

#[tokio::test]
async fn harbor_2_0_answers_as_recorded() {
    let server = Server {
        release: Release::V2_0,
        folder: "harbor-2.0",
        host: "127.0.0.1:55300",
        files: &[("listing", 49), ("version-and-users", 22)],
    };
    server.compare().await;
}

#[tokio::test]
async fn harbor_2_5_answers_as_recorded() {
    let server = Server {
        release: Release::V2_5,
        folder: "harbor-2.5",
        host: "127.0.0.1:56200",
        files: &[
            ("artifacts-paging", 34),
            ("artifacts-paging-p1", 1),
            ("artifacts-paging-p2", 2),
            ("audit-logs", 6),
            ("empty-page", 18),
            ("empty-page-100", 8),
            ("errors", 100),
            ("keyset", 17),
            ("keyset-100-part1", 1),
            ("keyset-100-part2", 2),
            ("keyset-project-wide", 32),
            ("keyset-project-wide-list", 1),
            ("repositories", 46),
            ("robots", 59),
            ("session-login", 14),
            ("update-time", 24),
            ("version-and-users", 52),
        ],
    };
    server.compare().await;
}

#[tokio::test]
async fn harbor_2_11_answers_as_recorded() {
    let server = Server {
        release: Release::V2_11,
        folder: "harbor-2.11",
        host: "127.0.0.1:56100",
        files: &[
            ("artifacts-paging", 34),
            ("artifacts-paging-p1", 1),
            ("artifacts-paging-p2", 2),
            ("audit-logs", 6),
            ("empty-page", 12),
            ("errors", 100),
            ("keyset", 17),
            ("keyset-100-part1", 1),
            ("keyset-100-part2", 2),
            ("keyset-project-wide", 35),
            ("keyset-project-wide-list", 4),
            ("repositories", 46),
            ("robots", 59),
            ("session-login", 14),
            ("update-time", 24),
            ("version-and-users", 52),
        ],
    };
    server.compare().await;
}

#[tokio::test]
async fn harbor_2_12_answers_as_recorded() {
    let server = Server {
        release: Release::V2_12,
        folder: "harbor-2.12",
        host: "127.0.0.1:56300",
        files: &[
            ("artifacts-paging", 34),
            ("artifacts-paging-p1", 1),
            ("artifacts-paging-p2", 2),
            ("audit-logs", 6),
            ("empty-page", 15),
            ("empty-page-100", 8),
            ("errors", 100),
            ("keyset", 17),
            ("keyset-100-part1", 1),
            ("keyset-100-part2", 2),
            ("keyset-project-wide", 35),
            ("keyset-project-wide-list", 4),
            ("repositories", 46),
            ("robots", 59),
            ("session-login", 14),
            ("update-time", 24),
            ("version-and-users", 52),
        ],
    };
    server.compare().await;
}

#[tokio::test]
async fn harbor_2_15_answers_as_recorded() {
    let server = Server {
        release: Release::V2_15,
        folder: "harbor-2.15",
        host: "127.0.0.1:55200",
        files: &[
            ("artifact-single", 20),
            ("artifacts-flags", 12),
            ("artifacts-limits", 23),
            ("artifacts-of-project", 10),
            ("artifacts-paging-100-p1", 1),
            ("artifacts-paging-100-p2", 1),
            ("artifacts-paging-100-p3", 1),
            ("artifacts-paging-20", 4),
            ("audit-logs", 14),
            ("catalog-last", 6),
            ("changes-while-paging-artifacts", 9),
            ("changes-while-paging-projects", 9),
            ("errors", 16),
            ("full-keyset-1", 4),
            ("full-keyset-2", 1),
            ("full-keyset-3", 1),
            ("full-keyset-4", 20),
            ("full-per-repository", 34),
            ("gzip-keepalive", 13),
            ("keyset-paging", 10),
            ("project-get", 19),
            ("projects-by-user", 10),
            ("projects-paging-admin", 5),
            ("projects-paging-limits", 23),
            ("proxy-cache", 34),
            ("registry-catalog-tags", 28),
            ("registry-manifests", 19),
            ("registry-token", 31),
            ("repositories-all", 17),
            ("repositories-by-user", 49),
            ("repositories-of-project", 15),
            ("repository-names", 22),
            ("repository-sort-keys", 8),
            ("session-login", 14),
            ("time-filters", 10),
            ("update-time-semantics", 22),
            ("users-current", 22),
            ("version-admin", 16),
            ("version-anonymous", 20),
            ("wrong-password-lists", 10),
        ],
    };
    server.compare().await;
}

/// The one recording in which time counts.
#[tokio::test]
async fn a_failed_log_in_locks_its_name_as_recorded() {
    let server = Server {
        release: Release::V2_15,
        folder: "harbor-2.15",
        host: "127.0.0.1:55200",
        files: &[("lockout", 11)],
    };
    let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
    let contents = Rows::read(server.folder, ["full-keyset-1", "repositories-all"]).contents();
    let accounts = seed::accounts(server.folder, server.file_names());
    let harbor = Arc::new(server.start(contents, &accounts, &clock).await);
    let mut held = None;
    let mut compared = 0;
    for exchange in Recording::read(server.folder, "lockout").exchanges {
        compared += 1;
        let note = exchange.note.clone();
        if let Some((after, _)) = note
            .strip_prefix("t=")
            .and_then(|rest| rest.split_once(" s"))
        {
            let after = Duration::from_secs_f64(after.parse().unwrap());
            clock.advance(after.saturating_sub(clock_time(&clock)));
        }
        if exchange.response.status == 401 && exchange.request.credentials().unwrap().1 == "wrong" {
            let answer = hold(&harbor, exchange, &clock).await;
            if note.starts_with("t=0 s") {
                held = Some(answer);
                continue;
            }
            clock.advance(Duration::from_millis(1500));
            assert_eq!(answer.await.unwrap(), None);
        } else {
            let found = difference(&mut Client::default(), &harbor, &exchange).await;
            assert_eq!(found, None, "{note}");
        }
    }
    assert_eq!(held.unwrap().await.unwrap(), None);
    assert_eq!(compared, 11);
    assert_eq!(harbor.accounts().failed_logins("lockme"), 5);
}

fn clock_time(clock: &ManualClock) -> Duration {
    use registry_intake::clock::Clock as _;

    clock.monotonic()
}

/// Sends a request whose answer the simulator holds back, and waits until it does.
async fn hold(
    harbor: &Arc<HarborV2>,
    exchange: Exchange,
    clock: &ManualClock,
) -> tokio::task::JoinHandle<Option<String>> {
    let harbor = Arc::clone(harbor);
    let answer =
        tokio::spawn(async move { difference(&mut Client::default(), &harbor, &exchange).await });
    while clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    answer
}
