//! The connector against answers of a real 1.10.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use registry_intake::{
    config::{
        IntegrationConfig, IntegrationConfigBuilder, Protocol, RegistryType, RegistryVersion,
        RequiredRole, Secret,
    },
    conformance::observe,
    connector::{RegistryConnector, RequestCount, connect_with_clock},
    error::{AccountKind, ErrorCode, IntegrationError},
    image::{Proof, Reference, Scope},
    simulator::HarborV1,
};

use super::{as_admin, connector, jumping_clock, shown, start};
use crate::{
    harbor_v2::pull_token::{code, place},
    replay::{
        ReplayServer,
        recording::{Exchange, Recording},
    },
    simulator_recordings_harbor_v1::seed,
};

const FOLDER: &str = "harbor-1.10";

/// The exchanges of these files. Lists were recorded with pages of 100, and none of them filled one.
fn recorded(files: &[&str]) -> Vec<Exchange> {
    let files = files.iter().map(|file| Recording::read(FOLDER, file));
    let exchanges = files.flat_map(|recording| recording.exchanges);
    let paged_by_500 = exchanges.map(|mut exchange| {
        let path = &mut exchange.request.path;
        *path = path.replace("page_size=100", "page_size=500");
        exchange
    });
    paged_by_500.collect()
}

fn as_user(server: &ReplayServer, name: &str) -> IntegrationConfigBuilder {
    IntegrationConfig::builder("recorded")
        .registry_type(RegistryType::Harbor)
        .version(RegistryVersion::V1)
        .protocol(Protocol::Http)
        .domain(server.address().ip().to_string())
        .port(server.address().port())
        .username(name)
        .password(Secret::new("any"))
}

fn connect(config: IntegrationConfigBuilder) -> Arc<dyn RegistryConnector> {
    connect_with_clock(&config.build().unwrap(), jumping_clock()).unwrap()
}

#[tokio::test]
async fn all_of_a_1_10_is_listed_in_one_request_for_each_list() {
    let server = ReplayServer::of(recorded(&[
        "full-listing-1",
        "full-listing-2",
        "tags-250",
        "users-current",
        "version-admin",
        "registry-token",
        "registry-catalog-tags",
    ]))
    .await;
    let seen = observe(connect(as_user(&server, "admin"))).await;
    let proof = seen.end.unwrap();
    assert_eq!(proof.proof, Some(Proof::Totals));
    // Of these Harbor knows no time of their pushes, and the registry is asked what they hold: no
    // recording shows that. Pushes to the last two it did see, and could not read their names.
    let uncertain = [
        "mixed/legacy-list",
        "mixed/legacy-oci",
        "team-a/a---b/c",
        "team-a/my__app",
    ];
    let unread: Vec<_> = seen
        .skipped
        .iter()
        .map(|(scope, _)| scope.clone())
        .collect();
    let uncertain = uncertain.map(|name| Scope::Repository(name.parse().unwrap()));
    assert_eq!(unread, uncertain);
    assert_eq!(seen.listed.len(), 97 - 4 + 1);
    let tags: usize = seen.images.iter().map(|image| image.tags.len()).sum();
    assert_eq!(tags, 455 - 9);
    let big = seen.images.iter();
    let big = big.filter(|image| image.repository == "big-tags/app");
    assert_eq!(big.count(), 250);
    // The account, the projects, the repositories of the 18 that have some, the token for the
    // catalog and its page, the tags, the four tokens that no recording shows, and the totals.
    assert_eq!(seen.requests, 1 + 1 + 18 + 2 + 97 + 4 + 1);
    let unmatched = server.unmatched();
    assert_eq!(unmatched.len(), 4, "{unmatched:?}");
    assert!(
        unmatched
            .iter()
            .all(|missed| missed.contains("/service/token"))
    );
}

/// The same contents behind the simulator, which answers what no recording shows too.
#[tokio::test]
async fn every_tag_of_the_recorded_contents_is_listed_with_its_true_digest() {
    let contents = seed::contents(&[
        "full-listing-1",
        "full-listing-2",
        "registry-manifests",
        "tags-250",
    ]);
    let (harbor, clock) = start(HarborV1::builder().contents(contents)).await;
    let seen = observe(connector(as_admin(&harbor), &clock)).await;
    assert!(seen.is_complete(), "{:?} {:?}", seen.end, seen.skipped);
    assert_eq!(seen.images, shown(&harbor));
    let repositories: BTreeSet<_> = seen.images.iter().map(|image| &image.repository).collect();
    let tags: usize = seen.images.iter().map(|image| image.tags.len()).sum();
    assert_eq!((repositories.len(), tags), (97, 455));
    let list = seen.images.iter();
    let mut list = list.filter(|image| image.digest.starts_with("sha256:c265de82c7e1"));
    let list = list.next().expect("the digest of the manifest list");
    assert_eq!(
        (list.repository.as_str(), &list.tags[..]),
        ("mixed/legacy-list", &["latest".to_owned()][..])
    );
    // Beside what the lists cost: a token for each of four repositories, and a HEAD for each of nine
    // tags.
    assert_eq!(seen.requests, 1 + 1 + 18 + 2 + 97 + 1 + 4 + 9);
}

#[tokio::test]
async fn every_recorded_account_gets_its_code() {
    let server = ReplayServer::of(recorded(&["users-current", "registry-token"])).await;
    for (name, expected) in [
        ("admin", None),
        ("admin2", None),
        ("padmin", Some(AccountKind::User)),
        ("plain", Some(AccountKind::User)),
        ("devel", Some(AccountKind::User)),
    ] {
        let connector = connect(as_user(&server, name));
        let opened = connector.open_listing(&RequestCount::new()).await;
        match (opened, expected) {
            (Ok(_), None) => {}
            (Err(IntegrationError::UserDoesNotHaveAdminRole { account, .. }), Some(kind)) => {
                assert_eq!(account, kind, "{name}");
            }
            (other, _) => panic!("{name}: {:?}", other.map(|_| ())),
        }
    }
    for name in ["robot$nosuch", "nosuchuser", "deleted-user", "ADMIN"] {
        let connector = connect(as_user(&server, name).required_role(RequiredRole::List));
        let refused = connector.open_listing(&RequestCount::new()).await;
        let code = refused.unwrap_err().code();
        assert_eq!(code, ErrorCode::FailedToVerifyUsernameOrPwd, "{name}");
    }
}

#[tokio::test]
async fn every_recorded_account_gets_its_token_or_the_reason_why_not() {
    for (name, repository, expected) in [
        ("admin", "mixed/twotags", None),
        ("robot$projbot2", "team-a/app", None),
        (
            "padmin",
            "mixed/twotags",
            Some(ErrorCode::TokenScopeMissing),
        ),
        ("plain", "mixed/twotags", Some(ErrorCode::TokenScopeMissing)),
        (
            "robot$projbot2",
            "mixed/twotags",
            Some(ErrorCode::TokenScopeMissing),
        ),
        ("admin", "nosuch/x", Some(ErrorCode::TokenScopeMissing)),
    ] {
        let server = ReplayServer::of(recorded(&["registry-token"])).await;
        let connector = connect(as_user(&server, name));
        let location = place(repository, None);
        let answer = connector.pull_token(&location).await;
        assert!(server.unmatched().is_empty(), "{:?}", server.unmatched());
        match expected {
            Some(expected) => assert_eq!(code(answer), expected, "{name} {repository}"),
            None => {
                let half_an_hour = "1970-01-01T00:30:00Z".parse().unwrap();
                assert_eq!(answer.unwrap().expires_at, Some(half_an_hour), "{name}");
            }
        }
        // The second answer to the administrator was recorded with a wrong password.
        if (name, repository) == ("admin", "mixed/twotags") {
            let refused = ErrorCode::FailedToVerifyUsernameOrPwd;
            assert_eq!(code(connector.pull_token(&location).await), refused);
        }
    }
}

#[tokio::test]
async fn a_recorded_tag_is_looked_up_in_one_request_and_a_missing_one_named() {
    let server = ReplayServer::of(recorded(&["tags", "project-get"])).await;
    let connector = connect(as_user(&server, "admin"));
    let repository = "mixed/twotags".parse().unwrap();
    let tag = |name: &str| name.parse::<Reference>().unwrap();
    let image = connector.resolve(&repository, &tag("a")).await.unwrap();
    assert_eq!(
        image.digest.as_str(),
        "sha256:09d636b0036b242693f593921c2df4ed34f38ff58e91bb1651995f704761ff69"
    );
    let platforms: Vec<_> = image.platforms.iter().map(ToString::to_string).collect();
    assert_eq!(platforms, ["linux/amd64"]);
    assert_eq!(image.size, Some(846));
    let missing = connector.resolve(&repository, &tag("nosuch")).await;
    assert_eq!(missing.unwrap_err().code(), ErrorCode::ImageNotFound);
    // A missing tag is missed before its project is, which is asked for too.
    assert_eq!(server.requests(), 1 + 2);
}

#[tokio::test]
async fn names_of_every_recorded_spelling_reach_their_tags() {
    let files = ["full-listing-1", "full-listing-2", "users-current"];
    let server = ReplayServer::of(recorded(&files)).await;
    let connector = connect(as_user(&server, "admin"));
    let listing = connector.open_listing(&RequestCount::new()).await.unwrap();
    let mut found = BTreeMap::new();
    for name in [
        "2024/2023",
        "proj.dots/repo.with.dots",
        "team-a/a/b/c/d",
        "team-a/my_app",
        "team-a/nested.dir/my_app-1.x",
    ] {
        let scope = Scope::Repository(name.parse().unwrap());
        let page = listing.entries(&scope, None).await.unwrap();
        found.insert(name, page.entries.len());
    }
    assert!(found.values().all(|tags| *tags > 0), "{found:?}");
    assert_eq!(server.unmatched(), Vec::<String>::new());
}
