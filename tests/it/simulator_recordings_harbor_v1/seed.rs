//! The contents and accounts of the real server, as its recordings show them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use registry_intake::{
    clock::Timestamp,
    simulator::{
        HarborV1, Platform,
        harbor_v1::{Account, Child, Contents, Project, Push, Role},
    },
};
use serde_json::Value;

use crate::{
    replay::recording::{Exchange, Recording},
    simulator_recordings::seed::{number, text},
};

pub(super) const FOLDER: &str = "harbor-1.10";

/// The project that was made for single recordings.
pub(super) const SCRATCH: &str = "scratch";

/// How many names the registry has that Harbor hides: the catalog's first hundred lack so many.
const HIDDEN: usize = 11;

/// Rows of all files.
#[derive(Debug, Default)]
struct Rows {
    projects: BTreeMap<u64, Value>,
    repositories: BTreeMap<u64, Value>,
    /// By path and name.
    tags: BTreeMap<(String, String), Value>,
    /// Media types and entries of indexes, by path and tag.
    lists: BTreeMap<(String, String), (String, Value)>,
}

impl Rows {
    fn read(files: &[&str]) -> Self {
        let mut rows = Self::default();
        for file in files {
            for exchange in Recording::read(FOLDER, file).exchanges {
                rows.add(&exchange);
            }
        }
        rows
    }

    fn add(&mut self, exchange: &Exchange) {
        let body: Value = serde_json::from_str(exchange.response.body()).unwrap_or_default();
        let (path, query) = exchange.request.path_and_query();
        let path = path.replace("%2F", "/");
        if let Some((path, tag)) = path
            .strip_prefix("/v2/")
            .and_then(|path| path.split_once("/manifests/"))
        {
            let digest = exchange.response.header("Docker-Content-Digest");
            if let (Value::Array(_), Some(digest)) = (&body["manifests"], digest) {
                let place = (path.to_owned(), tag.to_owned());
                self.lists
                    .insert(place, (digest, body["manifests"].clone()));
            }
            return;
        }
        let home = path.strip_prefix("/api/repositories/");
        let home = home.and_then(|path| path.strip_suffix("/tags"));
        let is_bare = ["detail=false", "detail=0"].contains(&query);
        let Value::Array(found) = body else { return };
        for row in found {
            if row.get("owner_id").is_some() {
                self.projects
                    .entry(number(&row, "project_id"))
                    .or_insert(row);
            } else if row.get("star_count").is_some() {
                self.repositories.entry(number(&row, "id")).or_insert(row);
            } else if let Some(home) = home.filter(|_| !is_bare) {
                self.tags.insert((home.to_owned(), text(&row, "name")), row);
            }
        }
    }
}

/// Before anything was changed for a single recording.
pub(crate) fn contents(files: &[&str]) -> Contents {
    let rows = Rows::read(files);
    let mut contents = Contents::empty();
    for (id, row) in &rows.projects {
        let name = text(row, "name");
        let project = match text(&row["metadata"], "public").as_str() {
            "true" => Project::public(&name),
            _ => Project::private(&name),
        };
        contents.at(time(row, "creation_time"));
        assert_eq!(contents.create_project(project), *id, "{name}");
    }
    for (id, row) in &rows.repositories {
        let path = text(row, "name");
        if !path.starts_with(SCRATCH) {
            contents.at(time(row, "creation_time"));
            assert_eq!(contents.create_repository(&path), *id, "{path}");
        }
    }
    for ((path, _), row) in &rows.tags {
        if !path.starts_with(SCRATCH) {
            push(&rows, &mut contents, path, row);
        }
    }
    for hidden in 0..HIDDEN {
        let path = format!("mixed/hidden-{hidden:02}");
        contents.push(&path, Push::oci_image().tag("latest"));
    }
    contents
}

fn push(rows: &Rows, contents: &mut Contents, path: &str, row: &Value) {
    let name = text(row, "name");
    let digest = text(row, "digest");
    let platform = Platform::new(&text(row, "os"), &text(row, "architecture"));
    let image = Push::image().digest(&digest).platform(platform);
    let pushed = text(row, "push_time");
    let list = rows.lists.get(&(path.to_owned(), name.clone()));
    let push = if digest.is_empty() {
        Push::oci_image()
    } else if let Some((digest, entries)) = list {
        let entries = entries.as_array().unwrap().iter().map(|entry| {
            let row = &entry["platform"];
            let mut platform = Platform::new(&text(row, "os"), &text(row, "architecture"));
            if let Some(variant) = row["variant"].as_str() {
                platform = platform.variant(variant);
            }
            Child::new(platform).digest(&text(entry, "digest"))
        });
        Push::list(entries).digest(digest)
    } else if pushed.starts_with("0001") {
        image.legacy()
    } else {
        contents.at(pushed.parse().unwrap());
        image
    };
    contents.push(path, push.tag(&name));
}

pub(super) fn time(row: &Value, name: &str) -> Timestamp {
    text(row, name).parse().unwrap()
}

/// The accounts whose credentials a recording shows.
pub(super) fn accounts(files: &[&str]) -> Vec<Account> {
    let mut credentials = BTreeSet::new();
    for file in files.iter().chain(&["lockout"]) {
        for exchange in Recording::read(FOLDER, file).exchanges {
            credentials.extend(exchange.request.credentials());
        }
    }
    // In this order, which their ids follow.
    const USERS: &[&str] = &[
        "padmin",
        "plain",
        "devel",
        "lockme",
        "admin2",
        "robot$projbot2",
    ];
    let is_right = |secret: &str| secret.ends_with("12345") || secret.starts_with("eyJ");
    credentials.retain(|(_, secret)| is_right(secret));
    let right = |name: &&str| credentials.iter().find(|(present, _)| present == name);
    let users = USERS.iter().filter_map(right);
    users
        .filter_map(|(name, secret)| account(name, secret))
        .collect()
}

fn account(name: &str, secret: &str) -> Option<Account> {
    let user = Account::user(name, secret).email(&format!("{name}@example.test"));
    Some(match name {
        "admin2" => Account::administrator(name, secret),
        "padmin" => user.member_of("pa-project", Role::ProjectAdmin),
        "devel" => user.member_of("team-a", Role::Developer),
        "plain" | "lockme" => user,
        "robot$projbot2" => Account::robot("team-a", "projbot2", secret),
        _ => return None,
    })
}

/// Projects and repositories of which the access log tells what the recording of it shows, row by
/// row, and of all other rows as much as makes the recorded totals.
pub(super) fn logged() -> Contents {
    let mut known = BTreeMap::new();
    let files = ["logs", "update-time-semantics"];
    let recordings = files.map(|file| Recording::read(FOLDER, file).exchanges);
    for exchange in recordings.into_iter().flatten() {
        let rows = serde_json::from_str(exchange.response.body()).unwrap_or_default();
        if let Value::Array(rows) = rows {
            let logged = rows.into_iter().filter(|row| row.get("log_id").is_some());
            known.extend(logged.map(|row| (number(&row, "log_id"), row)));
        }
    }
    let mut history = History {
        contents: Contents::empty(),
        time: "2026-11-21T19:28:00Z".parse().unwrap(),
    };
    // Not logged.
    history.contents.create_project(Project::public("library"));
    history.contents.number_log(1);
    let mut unknown = unknown().into_iter();
    for id in 1..=979 {
        match known.get(&id) {
            Some(row) => history.repeat(row),
            None if id == 970 => history.make(("create", SCRATCH, "")),
            None => history.make(unknown.next().unwrap_or(("push", "fill/only", "latest"))),
        }
    }
    history.contents
}

/// Operation, path and tag of what was done and is not shown: projects by the ids that they have,
/// some that are gone, and as many deletions as there were.
fn unknown() -> Vec<(&'static str, &'static str, &'static str)> {
    let mut rows: Vec<_> = ["p2", "p3", "mixed", "p5", "pa-project", "fill"]
        .iter()
        .chain(&["p8", "p9", "p10", "p11", "p12", "p13", "p14", "p15", "p16"])
        .chain(&["p17", "p18", "p19", "p20", "p21", "p22"])
        .map(|project| ("create", *project, ""))
        .collect();
    for gone in ["gone-23", "gone-24", "gone-25", "gone-26"] {
        rows.extend([("create", gone, ""), ("delete", gone, "")]);
    }
    for _ in 0..7 {
        rows.extend([
            ("push", "fill/only", "gone"),
            ("delete", "fill/only", "gone"),
        ]);
    }
    for _ in 0..2 {
        let path = "mixed/twotags";
        rows.extend([("push", path, "a"), ("push", path, "b")]);
    }
    rows
}

struct History {
    contents: Contents,
    time: Timestamp,
}

impl History {
    /// A millisecond later than what was before.
    fn make(&mut self, (operation, path, tag): (&str, &str, &str)) {
        self.time = self.time.saturating_add(Duration::from_millis(1));
        self.apply(HarborV1::USERNAME, operation, path, tag);
    }

    fn repeat(&mut self, row: &Value) {
        self.time = time(row, "op_time");
        let path = text(row, "repo_name");
        let (user, operation) = (text(row, "username"), text(row, "operation"));
        let (path, tag) = match path.strip_suffix('/') {
            Some(project) => (project, String::new()),
            None => (path.as_str(), text(row, "repo_tag")),
        };
        self.apply(&user, &operation, path, &tag);
    }

    fn apply(&mut self, user: &str, operation: &str, path: &str, tag: &str) {
        let contents = &mut self.contents;
        // Whatever was pulled is there.
        let missing = ["mixed/legacy-list", "library/hello-world"].contains(&path);
        if operation == "pull" && missing {
            contents.push(path, Push::image().legacy().tag("latest"));
        }
        contents.at(self.time);
        match (operation, path.contains('/')) {
            ("create", _) => {
                contents.create_project(Project::private(path));
            }
            ("delete", false) => assert!(contents.delete_project(path)),
            ("delete", true) => assert!(contents.delete_tag(path, tag), "{path}:{tag}"),
            ("pull", _) if tag.is_empty() => {
                let mut listed = contents.listed().into_iter();
                let image = listed.find(|row| row.repository == path).unwrap();
                assert!(contents.pull_as(user, path, &image.digest));
            }
            ("pull", _) => assert!(contents.pull_as(user, path, tag), "{path}:{tag}"),
            _ => {
                // The one that was moved; the others are of one digest, and deleted together.
                let digest = format!("sha256:{:064x}", u8::from(tag == "two"));
                contents.push(path, Push::image().digest(&digest).tag(tag));
            }
        }
    }
}
