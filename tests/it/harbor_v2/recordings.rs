//! The connector against answers of real servers.

use std::{collections::BTreeSet, sync::Arc};

use registry_intake::{
    config::{
        IntegrationConfig, IntegrationConfigBuilder, Protocol, RegistryType, RegistryVersion,
        RequiredRole, Secret,
    },
    conformance::observe,
    connector::{Listing, RegistryConnector, RequestCount, connect_with_clock},
    error::{AccountKind, ErrorCode, IntegrationError},
    image::{Entry, Image, ImageKind, Next, Proof, Scope},
};

use super::{
    jumping_clock,
    pull_token::{code, place},
};
use crate::replay::ReplayServer;

fn as_user(server: &ReplayServer, name: &str) -> IntegrationConfigBuilder {
    IntegrationConfig::builder("recorded")
        .registry_type(RegistryType::Harbor)
        .version(RegistryVersion::V2)
        .protocol(Protocol::Http)
        .domain(server.address().ip().to_string())
        .port(server.address().port())
        .username(name)
        .password(Secret::new("any"))
}

fn connect(config: IntegrationConfigBuilder) -> Arc<dyn RegistryConnector> {
    connect_with_clock(&config.build().unwrap(), jumping_clock()).unwrap()
}

async fn open(server: &ReplayServer) -> Box<dyn Listing> {
    let connector = connect(as_user(server, "admin"));
    connector.open_listing(&RequestCount::new()).await.unwrap()
}

/// Every image of a scope.
async fn read(listing: &dyn Listing, scope: &Scope) -> Vec<Image> {
    let mut images = Vec::new();
    let mut cursor = None;
    loop {
        let page = listing.entries(scope, cursor.as_ref()).await.unwrap();
        images.extend(page.entries.into_iter().map(|entry| match entry {
            Entry::Manifest(image) => image,
            other => panic!("{other:?}"),
        }));
        match page.next {
            Next::Page(next) => cursor = Some(next),
            Next::End => return images,
            Next::Restart => panic!("a quiet list restarts"),
        }
    }
}

fn repository(name: &str) -> Scope {
    Scope::Repository(name.parse().unwrap())
}

#[tokio::test]
async fn all_of_2_15_is_listed_in_as_many_requests_as_pages() {
    let files = [
        "full-keyset-1",
        "full-keyset-2",
        "full-keyset-3",
        "full-keyset-4",
        "users-current",
        "version-admin",
    ];
    let server = ReplayServer::start("harbor-2.15", &files).await;
    let seen = observe(connect(as_user(&server, "admin"))).await;
    assert!(
        seen.is_complete(),
        "{:?} {:?}",
        seen.end,
        server.unmatched()
    );
    assert_eq!(seen.end.unwrap().proof, Some(Proof::Totals));
    assert_eq!(seen.images.len(), 416);
    let tags: usize = seen.images.iter().map(|image| image.tags.len()).sum();
    assert_eq!(tags, 456);
    // The account, the projects, their 25 pages, and the totals.
    assert_eq!(seen.requests, 1 + 1 + 25 + 1);
    assert_eq!(server.requests(), 28);
    assert_eq!(server.unmatched(), Vec::<String>::new());
}

#[tokio::test]
async fn every_kind_of_artifact_of_2_15_is_kept_by_its_kind() {
    let files = ["full-per-repository", "users-current"];
    let server = ReplayServer::start("harbor-2.15", &files).await;
    let robot = as_user(&server, "robot$sysall").required_role(RequiredRole::List);
    let listing = connect(robot).open_listing(&RequestCount::new()).await;
    let listing = listing.unwrap();
    let mut kinds = BTreeSet::new();
    for (name, kind, platforms) in [
        (
            "mixed/multiarch",
            ImageKind::Index,
            "linux/amd64 linux/arm64/v8 linux/arm/v7 linux/s390x windows/amd64",
        ),
        (
            "mixed/oci-index-attest",
            ImageKind::Index,
            "linux/amd64 linux/arm64/v8",
        ),
        ("mixed/docker-v2s2", ImageKind::Image, "linux/amd64"),
        ("mixed/oci-image", ImageKind::Image, "linux/amd64"),
        ("mixed/charts/mychart", ImageKind::Chart, ""),
        ("mixed/wasm", ImageKind::Other, ""),
    ] {
        let images = read(&*listing, &repository(name)).await;
        let [image] = images.as_slice() else {
            panic!("{name}: {images:?}");
        };
        assert_eq!(image.repository.as_str(), name);
        assert_eq!(image.kind, kind, "{name}");
        let shown: Vec<String> = image.platforms.iter().map(ToString::to_string).collect();
        assert_eq!(shown.join(" "), platforms, "{name}");
        assert!(image.pushed_at.is_some() && image.size.is_some_and(|size| size > 0));
        kinds.insert(image.kind.as_str());
    }
    assert_eq!(kinds.len(), 4);
    assert_eq!(server.unmatched(), Vec::<String>::new());
}

#[tokio::test]
async fn signatures_in_mid_list_of_2_5_hide_nothing() {
    let files = [
        "keyset-100-part1",
        "keyset-100-part2",
        "empty-page-100",
        "version-and-users",
    ];
    let server = ReplayServer::start("harbor-2.5", &files).await;
    let listing = open(&server).await;
    // 85 rows in the first page of 100, 45 in the next.
    let images = read(&*listing, &repository("big-tags/app")).await;
    assert_eq!(images.len(), 130);
    assert_eq!(server.unmatched(), Vec::<String>::new());
}

#[tokio::test]
async fn an_empty_page_in_mid_list_of_2_5_ends_nothing() {
    let recorded = crate::replay::recording::Recording::read("harbor-2.5", "empty-page-100");
    let users = crate::replay::recording::Recording::read("harbor-2.5", "version-and-users");
    let mut exchanges = recorded.exchanges;
    // Recorded without the lower bound that every number fulfils.
    let first = &mut exchanges[0].request.path;
    first.push_str("&q=id%3D%5B1~%5D");
    let server = ReplayServer::of(exchanges.into_iter().chain(users.exchanges)).await;
    let listing = open(&server).await;
    let images = read(&*listing, &repository("scratch3/sigs")).await;
    let digests: BTreeSet<_> = images.iter().map(|image| image.digest.clone()).collect();
    assert_eq!((images.len(), digests.len()), (6, 6));
    assert_eq!(server.unmatched(), Vec::<String>::new());
}

#[tokio::test]
async fn middle_versions_are_listed_to_their_end() {
    for folder in ["harbor-2.11", "harbor-2.12"] {
        let files = ["keyset-100-part1", "keyset-100-part2", "version-and-users"];
        let server = ReplayServer::start(folder, &files).await;
        let listing = open(&server).await;
        let images = read(&*listing, &repository("big-tags/app")).await;
        assert_eq!(images.len(), 130, "{folder}");
        assert_eq!(server.unmatched(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn every_recorded_account_of_2_15_gets_its_code() {
    let server = ReplayServer::start("harbor-2.15", &["users-current"]).await;
    for (name, expected) in [
        ("admin", None),
        ("admin2", None),
        ("padmin", Some(AccountKind::User)),
        ("plain", Some(AccountKind::User)),
        ("devel", Some(AccountKind::User)),
        ("robot$syspull", Some(AccountKind::Robot)),
        ("robot$team-a+projbot", Some(AccountKind::Robot)),
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
    for name in ["robot$disabledbot", "nosuchuser", "deleted-user"] {
        let connector = connect(as_user(&server, name));
        let refused = connector.open_listing(&RequestCount::new()).await;
        let code = refused.unwrap_err().code();
        assert_eq!(code, ErrorCode::FailedToVerifyUsernameOrPwd, "{name}");
    }
}

#[tokio::test]
async fn every_recorded_account_of_2_15_gets_its_token_or_the_reason_why_not() {
    let refused = ErrorCode::FailedToVerifyUsernameOrPwd;
    for (name, repository, expected) in [
        ("admin", "mixed/twotags", None),
        ("robot$sysall", "mixed/twotags", None),
        ("robot$syspull", "mixed/twotags", None),
        ("robot$team-a+projbot", "team-a/app", None),
        // Whether there is such a repository is not asked.
        ("admin", "mixed/nosuch", None),
        (
            "padmin",
            "mixed/twotags",
            Some(ErrorCode::TokenScopeMissing),
        ),
        ("plain", "mixed/twotags", Some(ErrorCode::TokenScopeMissing)),
        (
            "robot$team-a+projbot",
            "mixed/twotags",
            Some(ErrorCode::TokenScopeMissing),
        ),
        ("admin", "nosuch/x", Some(ErrorCode::TokenScopeMissing)),
        ("robot$disabledbot", "mixed/twotags", Some(refused)),
    ] {
        let server = ReplayServer::start("harbor-2.15", &["registry-token"]).await;
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
            assert_eq!(code(connector.pull_token(&location).await), refused);
        }
    }
}
