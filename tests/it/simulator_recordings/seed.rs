//! The contents and accounts of a real server, as its recordings show them.

use std::collections::{BTreeMap, BTreeSet};

use registry_intake::{
    clock::Timestamp,
    simulator::{
        Platform,
        harbor_v2::{Account, Child, Contents, Permission, Project, Push, Role},
    },
};
use serde_json::Value;

use crate::replay::recording::Recording;

/// Rows of all files of a folder, by id.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    projects: BTreeMap<u64, Value>,
    repositories: BTreeMap<u64, Value>,
    artifacts: BTreeMap<u64, Value>,
    /// The numbers of the rows of audit logs.
    logged: BTreeSet<u64>,
}

impl Rows {
    pub(crate) fn read<'a>(folder: &str, files: impl IntoIterator<Item = &'a str>) -> Self {
        let mut rows = Self::default();
        for name in files {
            for exchange in Recording::read(folder, name).exchanges {
                let body: Value =
                    serde_json::from_str(exchange.response.body()).unwrap_or_default();
                match body {
                    Value::Array(found) => found.into_iter().for_each(|row| rows.add(row)),
                    row => rows.add(row),
                }
            }
        }
        rows
    }

    fn add(&mut self, row: Value) {
        if row.get("owner_id").is_some() && row.get("metadata").is_some() {
            self.projects.insert(number(&row, "project_id"), row);
        } else if row.get("op_time").is_some() {
            self.logged.insert(number(&row, "id"));
        } else if row.get("artifact_count").is_some() {
            self.repositories.entry(number(&row, "id")).or_insert(row);
        } else if row.get("manifest_media_type").is_some() {
            let id = number(&row, "id");
            let richness = |row: &Value| {
                u8::from(!row["tags"].is_null()) + u8::from(row["accessories"].is_array())
            };
            let is_richer = |known: &Value| richness(known) < richness(&row);
            if self.artifacts.get(&id).is_none_or(is_richer) {
                self.artifacts.insert(id, row);
            }
        }
    }

    /// The contents before anything was changed for a single recording.
    pub(crate) fn contents(&self) -> Contents {
        let mut contents = Contents::empty();
        for (id, row) in lasting(&self.projects) {
            let name = text(row, "name");
            let project = match text(&row["metadata"], "public").as_str() {
                "true" => Project::public(&name),
                _ => Project::private(&name),
            };
            assert_eq!(contents.create_project(project), *id, "{name}");
        }
        for (id, row) in lasting(&self.repositories) {
            let path = text(row, "name");
            contents.at(time(row, "creation_time"));
            assert_eq!(contents.create_repository(&path), *id, "{path}");
        }
        for (id, (path, pushed, push)) in self.pushes() {
            contents.at(pushed);
            assert_eq!(contents.push(&path, push.id(id)).id, id, "{path}");
        }
        contents
    }

    /// Every artifact that some row shows or names, by id.
    fn pushes(&self) -> BTreeMap<u64, (String, Timestamp, Push)> {
        let mut pushes = BTreeMap::new();
        for (id, row) in &self.artifacts {
            let path = self.repository_of(row).unwrap_or_default();
            if path.is_empty() || is_temporary(&path) {
                continue;
            }
            let pushed = time(row, "push_time");
            let mut put = |id: u64, push: Push| {
                pushes
                    .entry(id)
                    .or_insert_with(|| (path.clone(), pushed, push));
            };
            for reference in rows_of(row, "references") {
                let digest = text(reference, "child_digest");
                let child = self.artifacts.get(&number(reference, "child_id"));
                let push = child.map_or_else(
                    || Push::image().platform(platform(&reference["platform"])),
                    |row| self.push(row),
                );
                put(number(reference, "child_id"), push.digest(&digest));
            }
            for accessory in rows_of(row, "accessories") {
                let subject = text(row, "digest");
                let push = match text(accessory, "type").as_str() {
                    "signature.cosign" => Push::signature_of(&subject),
                    _ => Push::referrer_of(&subject),
                };
                put(
                    number(accessory, "artifact_id"),
                    push.digest(&text(accessory, "digest")),
                );
            }
            put(*id, self.push(row));
        }
        self.signatures_between(&mut pushes);
        self.fill(&mut pushes);
        pushes
    }

    /// The signatures of `big-tags/app`: its rows leave out their ids, and each follows its image.
    fn signatures_between(&self, pushes: &mut BTreeMap<u64, (String, Timestamp, Push)>) {
        let ids = self.ids_in("big-tags/app");
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else {
            return;
        };
        for missing in (*first..*last).filter(|id| !ids.contains(id)) {
            let image = &self.artifacts[&(missing - 1)];
            let push = Push::signature_of(&text(image, "digest"));
            pushes
                .entry(missing)
                .or_insert_with(|| ("big-tags/app".to_owned(), time(image, "push_time"), push));
        }
    }

    pub(crate) fn push(&self, row: &Value) -> Push {
        let media_type = text(row, "media_type");
        let push = match media_type.as_str() {
            "application/vnd.docker.container.image.v1+json" => Push::image().docker(),
            "application/vnd.oci.image.config.v1+json" => Push::image(),
            "application/vnd.docker.distribution.manifest.list.v2+json" => index(row).docker(),
            "application/vnd.oci.image.index.v1+json" => index(row),
            "application/vnd.cncf.helm.config.v1+json" => Push::chart(),
            // 2.5 lists the referrer and tells nothing of its subject.
            "application/vnd.oci.empty.v1+json" if row.get("artifact_type").is_none() => {
                Push::referrer_of(&text(&self.artifacts[&(number(row, "id") - 2)], "digest"))
            }
            _ => Push::other(&media_type),
        };
        let push = match row["artifact_type"].as_str() {
            Some(artifact_type) => push.artifact_type(artifact_type),
            None => push,
        };
        let newest_first = rows_of(row, "tags").map(|tag| text(tag, "name"));
        let tags: Vec<_> = newest_first.collect();
        tags.iter()
            .rev()
            .fold(push, |push, tag| push.tag(tag))
            .digest(&text(row, "digest"))
            .platform(platform(&row["extra_attrs"]))
    }

    /// Makes up the artifacts of which only the count is recorded, with ids that are left over.
    fn fill(&self, pushes: &mut BTreeMap<u64, (String, Timestamp, Push)>) {
        let attached: BTreeSet<u64> = self.artifacts.values().flat_map(attached_to).collect();
        let mut free = 1;
        for (id, row) in lasting(&self.repositories) {
            let known = self.artifacts.iter().filter(|(artifact, row)| {
                number(row, "repository_id") == *id && !attached.contains(artifact)
            });
            let missing = number(row, "artifact_count").saturating_sub(known.count() as u64);
            for _ in 0..missing {
                while pushes.contains_key(&free) {
                    free += 1;
                }
                let made_up = Push::image().docker().tag("made-up");
                let pushed = time(row, "creation_time");
                pushes.insert(free, (text(row, "name"), pushed, made_up));
            }
        }
    }

    pub(crate) fn first_logged(&self) -> u64 {
        self.logged.first().copied().unwrap_or_default()
    }

    pub(crate) fn artifact(&self, id: u64) -> &Value {
        &self.artifacts[&id]
    }

    /// The ids of the artifacts of a repository that some row shows.
    pub(crate) fn ids_in(&self, path: &str) -> Vec<u64> {
        let is_home = |row: &Value| self.repository_of(row).as_deref() == Some(path);
        let rows = self.artifacts.iter().filter(|(_, row)| is_home(row));
        rows.map(|(id, _)| *id).collect()
    }

    fn repository_of(&self, row: &Value) -> Option<String> {
        if let Some(home) = self.repositories.get(&number(row, "repository_id")) {
            return Some(text(home, "name"));
        }
        if let Some(name) = row["repository_name"].as_str() {
            return Some(name.to_owned());
        }
        let links = row["addition_links"]["build_history"]["href"].as_str()?;
        let (_, rest) = links.split_once("/projects/")?;
        let (project, rest) = rest.split_once("/repositories/")?;
        let (name, _) = rest.split_once("/artifacts/")?;
        Some(format!("{project}/{}", name.replace("%252F", "/")))
    }
}

/// The children and the accessories that a row names: rows of no list.
fn attached_to(row: &Value) -> Vec<u64> {
    let children = rows_of(row, "references").map(|it| number(it, "child_id"));
    let accessories = rows_of(row, "accessories").map(|it| number(it, "artifact_id"));
    children.chain(accessories).collect()
}

/// Without those that were made for a single recording.
fn lasting(rows: &BTreeMap<u64, Value>) -> impl Iterator<Item = (&u64, &Value)> {
    rows.iter()
        .filter(|(_, row)| !is_temporary(&text(row, "name")))
}

fn is_temporary(name: &str) -> bool {
    ["scratch", "zz-proxy", "aa-temp"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

fn index(row: &Value) -> Push {
    Push::index(rows_of(row, "references").map(|reference| {
        let attests = reference["annotations"]["vnd.docker.reference.digest"].as_str();
        let child = match attests {
            Some(digest) => Child::attestation_of(digest),
            None => Child::new(platform(&reference["platform"])),
        };
        child.digest(&text(reference, "child_digest"))
    }))
}

fn platform(value: &Value) -> Platform {
    let field = |name: &str| value[name].as_str();
    let mut platform = Platform::new(
        field("os").unwrap_or("linux"),
        field("architecture").unwrap_or("amd64"),
    );
    if let Some(variant) = field("variant") {
        platform = platform.variant(variant);
    }
    if let Some(version) = field("OsVersion") {
        platform = platform.os_version(version);
    }
    platform
}

fn rows_of<'a>(row: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    row[name].as_array().into_iter().flatten()
}

pub(crate) fn text(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap_or_default().to_owned()
}

pub(crate) fn number(row: &Value, name: &str) -> u64 {
    row[name].as_u64().unwrap_or_default()
}

fn time(row: &Value, name: &str) -> Timestamp {
    text(row, name).parse().unwrap()
}

/// The accounts whose credentials a recording shows.
pub(crate) fn accounts<'a>(folder: &str, files: impl IntoIterator<Item = &'a str>) -> Vec<Account> {
    let mut credentials = BTreeSet::new();
    for name in files {
        for exchange in Recording::read(folder, name).exchanges {
            credentials.extend(exchange.request.credentials());
        }
    }
    let is_wrong = |secret: &str| ["", "wrong", "wrongsecret", "x"].contains(&secret);
    credentials
        .iter()
        .filter(|(_, secret)| !is_wrong(secret))
        .filter_map(|(name, secret)| account(name, secret))
        .collect()
}

fn account(name: &str, secret: &str) -> Option<Account> {
    use Permission::{
        ArtifactList, AuditLogList, CatalogRead, RepositoryList, RepositoryPull, System,
    };

    let everything = [Permission::LISTING, &[AuditLogList, CatalogRead, System]].concat();
    let email = format!("{name}@example.test");
    let user = Account::user(name, secret).email(&email);
    let system =
        |permissions: &[Permission]| Account::system_robot("", secret, permissions).named(name);
    Some(match name {
        "admin2" => Account::administrator(name, secret).email(&email),
        "padmin" => user.member_of("pa-project", Role::ProjectAdmin),
        "devel" => user.member_of("team-a", Role::Developer),
        "plain" | "lockme" => user,
        "robot$sysall" => system(&everything),
        "robot$syspull" => system(&[RepositoryPull]),
        "robot$listall" => system(Permission::LISTING),
        "robot$listall2" | "robot$listall3" => system(&[RepositoryList, ArtifactList]),
        "robot$disabledbot" => system(Permission::LISTING).disabled(),
        "robot$team-a+projbot" => {
            Account::project_robot("team-a", "projbot", secret, Permission::LISTING)
        }
        // The robot of 2.0, which may pull from one project.
        name if name.starts_with("robot$bot") => {
            Account::project_robot("two", "", secret, &[RepositoryPull]).named(name)
        }
        _ => return None,
    })
}
