//! The contents and accounts of a real server, as its recordings show them.

use std::{collections::BTreeMap, time::Duration};

use registry_intake::{
    clock::Timestamp,
    simulator::{
        Platform,
        quay::{
            Child, Contents, Organization, Push, Repository, Robot, Scope, State, Team, Token, User,
        },
    },
};
use serde_json::Value;

use crate::replay::recording::Recording;

pub(crate) const FOLDER: &str = "quay-3";

/// Where all repositories stand that their owner sees, in the order of their creation.
const ALL_REPOSITORIES: &str = "repository_list_no_namespace_public";

/// What shows tags.
const TAG_LISTS: &[&str] = &[
    "tag_list_history",
    "full_enumeration_buynlarge",
    "tag_list_kinds",
    "user_namespace",
];

/// Whose tags came and went while they were recorded.
const CHANGING: &str = "buynlarge/sync";

/// The OAuth tokens: value, user and scopes. Revoked ones are not there.
const TOKENS: &[(&str, &str, &[Scope])] = {
    use Scope::{OrgAdmin, RepoCreate, RepoRead, SuperUser, UserRead};
    &[
        (
            "O24NMPWTUI9VVC9PC0HKE9FD1A1ZH4R19R1I5VSY",
            "quayadmin",
            &Scope::ALL,
        ),
        (
            "mRNQGUXwZhpfMSaSVgaS7Ncq8T2V5XcxedXwizCa",
            "orgowner",
            &[RepoRead, OrgAdmin, UserRead],
        ),
        (
            "d5jU8BTNf9qVSxqnETuaWoZk6955rTYnRZYGW4YM",
            "orgowner",
            &[RepoRead],
        ),
        (
            "htMomXfz73MuiIfBVkgpSouPdyknEScgEzd3fRyc",
            "orgowner",
            &[OrgAdmin],
        ),
        (
            "tNM2CxKAomSyQ2yw1VDZ3U6QA6vIn93nKqvqcdw4",
            "orgowner",
            &[UserRead],
        ),
        (
            "3iQWfSIhfHwDDHZw9CurK1eiju71fwaCVvi1MzLk",
            "orgowner",
            &[RepoRead, UserRead],
        ),
        (
            "Wm5KUzq1xUQ656PbYzV8E827XePB8l8wk4pknfG4",
            "orgowner",
            &[RepoRead, OrgAdmin],
        ),
        (
            "P5For9hSH5aF9PK5KHFX5McQxvrK3JVXEip6HIYd",
            "orgowner",
            &[RepoCreate],
        ),
        (
            "CpwAlLsJqh3hJjKKQDZIyFJXUjM526102836AGho",
            "orgowner",
            &[RepoRead, OrgAdmin, UserRead],
        ),
        (
            "VC4pbiKF5Ybp8SFAmeD0IP6RohJJ4EUHaCAjHucB",
            "orgmember",
            &[RepoRead, OrgAdmin, UserRead],
        ),
        (
            "9aRE4OQBZKIx1DnmWCs9a9FHNqmqiumGrNntqw6E",
            "outsider",
            &[RepoRead, OrgAdmin, UserRead],
        ),
        (
            "fh6tdhlHo1moNmxKXJRJn49bnfRJufDrPlWVRP8y",
            "quayadmin",
            &[RepoRead, OrgAdmin, UserRead, SuperUser],
        ),
        (
            "Do0vroU4320qGHgOnoh501kfTMi0cNXoqoeIGnMB",
            "quayadmin",
            &[RepoRead, OrgAdmin, UserRead],
        ),
        (
            "IVvDFQ85e7aUIuVCogfrG0eQBDqDZclKV5pv7JLi",
            "quayadmin",
            &[SuperUser],
        ),
        (
            "WdZS7dwsVG552mlqEKE1VxVxla65ETXnohKMkwta",
            "disableduser",
            &[RepoRead, OrgAdmin, UserRead],
        ),
        (EXPIRED, "orgowner", &[RepoRead, OrgAdmin, UserRead]),
    ]
};

const EXPIRED: &str = "h0qXMochBo6vMozed4MEMMyGv4iw6yuP0z1HS9Rr";

pub(crate) fn tokens() -> impl Iterator<Item = Token> {
    TOKENS.iter().map(|(value, user, scopes)| {
        let token = Token::new(value, user, scopes);
        match *value {
            EXPIRED => token.expires(Timestamp::UNIX_EPOCH),
            _ => token,
        }
    })
}

/// Each user's password is the name with `pass` behind it.
pub(crate) fn users() -> impl Iterator<Item = User> {
    [
        "quayadmin",
        "orgowner",
        "orgmember",
        "outsider",
        "disableduser",
        "lockme",
    ]
    .into_iter()
    .map(|name| {
        let user = User::new(name, &format!("{name}pass"));
        match name {
            "quayadmin" => user.superuser(),
            "orgmember" => user.member_of("buynlarge", "readers"),
            "disableduser" => user.disabled(),
            _ => user,
        }
    })
}

/// The tokens of the robots by name, as an administrator was shown them.
pub(crate) fn robot_tokens() -> BTreeMap<String, String> {
    let shown = bodies("organization_admin_endpoints");
    let shown = shown.iter().flat_map(|body| rows(body, "robots"));
    shown
        .filter(|row| row["token"].is_string())
        .map(|row| (text(row, "name"), text(row, "token")))
        .collect()
}

pub(crate) fn robots() -> impl Iterator<Item = Robot> {
    robot_tokens().into_iter().map(|(name, token)| {
        let robot = Robot::new(&name, &token);
        match name.as_str() {
            "buynlarge+adminbot" => robot.member_of("owners"),
            "buynlarge+scanner" => robot.reads_all(),
            _ => robot,
        }
    })
}

/// The contents before anything was changed for a single recording.
pub(crate) fn contents() -> Contents {
    let mut contents = Contents::empty();
    let readers = Team::members("readers").reads("orgrepo");
    let buynlarge = Organization::new("buynlarge").team(readers);
    for (organization, creator) in [
        (buynlarge.team(Team::creators("creators")), "orgowner"),
        (Organization::new("bigorg"), "orgowner"),
        (Organization::new("emptyorg"), "orgowner"),
        (Organization::new("otherorg"), "outsider"),
        (Organization::new("adminorg"), "quayadmin"),
    ] {
        contents.create_organization(organization.created_by(creator));
    }
    let manifests = Manifests::read();
    let tags = tags();
    for body in bodies(ALL_REPOSITORIES) {
        for row in rows(&body, "repositories") {
            let path = format!("{}/{}", text(row, "namespace"), text(row, "name"));
            if path == "otherorg/open" {
                // Its owner does not see that one, and no list shows it.
                contents.create_repository(Repository::private("otherorg/secret"));
            }
            contents.create_repository(repository(&path, row));
            if path == CHANGING {
                continue;
            }
            match tags.get(&path) {
                Some(tags) => tell(&mut contents, &path, tags, &manifests),
                None => {
                    if let Some(newest) = row["last_modified"].as_i64() {
                        contents
                            .at(time(newest))
                            .push(&path, Push::image().tag("latest"));
                    }
                }
            }
        }
    }
    contents
}

fn repository(path: &str, row: &Value) -> Repository {
    let repository = match row["is_public"].as_bool() {
        Some(true) => Repository::public(path),
        _ => Repository::private(path),
    };
    let state = match text(row, "state").as_str() {
        "MIRROR" => State::Mirror,
        "READ_ONLY" => State::ReadOnly,
        _ => State::Normal,
    };
    repository
        .description(&text(row, "description"))
        .state(state)
}

/// Every life of every tag by repository, newest first.
fn tags() -> BTreeMap<String, Vec<Value>> {
    let mut tags = BTreeMap::<_, Vec<Value>>::new();
    for name in TAG_LISTS {
        let mut exchanges = Recording::read(FOLDER, name).exchanges;
        // Whole histories first, so that the order of all rows is known.
        exchanges.sort_by_key(|exchange| exchange.request.path.contains("onlyActiveTags=true"));
        for exchange in exchanges {
            let (path, _) = exchange.request.path_and_query();
            let path = path
                .trim_start_matches("/api/v1/repository/")
                .replace("%2F", "/");
            let Some(path) = path.strip_suffix("/tag/") else {
                continue;
            };
            let body = parsed(exchange.response.body());
            let known = tags.entry(path.to_owned()).or_default();
            for row in rows(&body, "tags") {
                let is_known = known.iter().any(|other| {
                    ["name", "start_ts"]
                        .iter()
                        .all(|key| other[key] == row[key])
                });
                if !is_known {
                    known.push(row.clone());
                }
            }
        }
    }
    tags.retain(|_, rows| !rows.is_empty());
    tags
}

/// Lets everything happen again in its order.
fn tell(contents: &mut Contents, path: &str, rows: &[Value], manifests: &Manifests) {
    let mut last = 0;
    let mut events: Vec<(Timestamp, &Value, bool)> = Vec::new();
    for (place, row) in rows.iter().rev().enumerate() {
        last = last.max(seconds(row, "start_ts"));
        let offset = Duration::from_millis(place as u64);
        events.push((
            time(seconds(row, "start_ts")).saturating_add(offset),
            row,
            true,
        ));
        let end = seconds(row, "end_ts");
        let is_superseded = rows
            .iter()
            .any(|other| other["name"] == row["name"] && seconds(other, "start_ts") == end);
        if end > 0 && !is_superseded && text(row, "name") != "expires-later" {
            events.push((time(end), row, false));
        }
    }
    events.sort_by_key(|(time, _, _)| *time);
    for (time, row, is_start) in events {
        contents.at(time);
        if is_start {
            contents.push(path, push(path, row, manifests));
        } else {
            assert!(
                contents.delete_tag(path, &text(row, "name")),
                "{path} {row}"
            );
        }
    }
}

/// A push of what the row of a tag shows.
pub(crate) fn push(path: &str, row: &Value, manifests: &Manifests) -> Push {
    let digest = text(row, "manifest_digest");
    let name = text(row, "name");
    let push = match manifests.0.get(&digest) {
        Some(manifest) if row["is_manifest_list"] == true => index(manifest),
        _ if row["size"] == 0 => Push::schema_1(),
        _ if name.starts_with("chart") => Push::chart(),
        _ => Push::image(),
    };
    // Only the manifests tell, and few of them are recorded.
    let is_oci = path.contains("/team/") || path.ends_with("/artifacts") || name == "oci-index";
    let push = if is_oci { push } else { push.docker() };
    let push = match row["size"].as_u64() {
        Some(size) => push.size(size),
        None => push,
    };
    let push = match seconds(row, "end_ts") {
        end if name == "expires-later" => push.expires(time(end)),
        _ => push,
    };
    push.digest(&digest).tag(&name)
}

fn index(manifest: &Value) -> Push {
    Push::index(rows(manifest, "manifests").map(|row| {
        let attested = row["annotations"]["vnd.docker.reference.digest"].as_str();
        let platform = &row["platform"];
        let child = match (attested, platform["variant"].as_str()) {
            (Some(digest), _) => Child::attestation_of(digest),
            (None, variant) => {
                let platform =
                    Platform::new(&text(platform, "os"), &text(platform, "architecture"));
                Child::new(match variant {
                    Some(variant) => platform.variant(variant),
                    None => platform,
                })
            }
        };
        child.digest(&text(row, "digest"))
    }))
}

/// Manifests by digest.
pub(crate) struct Manifests(BTreeMap<String, Value>);

impl Manifests {
    pub(crate) fn read() -> Self {
        let recording = Recording::read(FOLDER, "v2_manifests_and_blobs");
        let answers = recording
            .exchanges
            .into_iter()
            .map(|exchange| exchange.response);
        let manifests = answers.filter_map(|answer| {
            let digest = answer.header("Docker-Content-Digest")?;
            Some((digest, serde_json::from_str(answer.body()).ok()?))
        });
        Self(manifests.collect())
    }
}

fn bodies(file: &str) -> Vec<Value> {
    let exchanges = Recording::read(FOLDER, file).exchanges;
    exchanges
        .iter()
        .map(|exchange| parsed(exchange.response.body()))
        .collect()
}

pub(crate) fn parsed(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_default()
}

pub(crate) fn rows<'a>(body: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    body[name].as_array().into_iter().flatten()
}

pub(crate) fn text(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap_or_default().to_owned()
}

pub(crate) fn seconds(row: &Value, name: &str) -> i64 {
    row[name].as_i64().unwrap_or_default()
}

pub(crate) fn time(seconds: i64) -> Timestamp {
    Timestamp::from_unix_nanos(seconds * 1_000_000_000)
}
