//! Single images by tag and by digest.

use registry_intake::{
    error::ErrorCode,
    image::{ImageKind, Reference, RepositoryName},
    simulator::{
        Platform, Quay,
        quay::{Child, Contents, Organization, Push},
    },
};

use super::{as_owner, config, connector, start};

fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

#[tokio::test]
async fn an_image_is_found_by_tag_and_by_digest() {
    let mut contents = Contents::empty();
    contents.create_organization(Organization::new("acme"));
    let image = contents.push("acme/deep/app", Push::image().tag("1").tag("latest"));
    let index = contents.push(
        "acme/deep/app",
        Push::index([
            Child::new(Platform::new("linux", "amd64")),
            Child::new(Platform::new("windows", "amd64").os_version("10.0.1")),
        ])
        .tag("multi"),
    );
    let (quay, clock) = start(Quay::builder().contents(contents)).await;
    let connector = connector(as_owner(&quay), &clock);
    let app = name("acme/deep/app");
    for (asked, digest, kind, tags) in [
        ("latest", &image, ImageKind::Unknown, &["latest"][..]),
        (&*image, &image, ImageKind::Unknown, &[]),
        ("multi", &index, ImageKind::Index, &["multi"]),
        (&*index, &index, ImageKind::Index, &[]),
    ] {
        let before = quay.log().total();
        let found = connector.resolve(&app, &reference(asked)).await.unwrap();
        assert_eq!(found.digest.as_str(), digest);
        assert_eq!((found.kind, &found.repository), (kind, &app));
        let told: Vec<_> = found.tags.iter().map(|tag| tag.name.as_str()).collect();
        assert_eq!(told, tags);
        assert_eq!(quay.log().total() - before, 1);
        if asked == index {
            let platforms: Vec<_> = found.platforms.iter().map(ToString::to_string).collect();
            assert_eq!(platforms, ["linux/amd64", "windows/amd64"]);
        }
    }
}

#[tokio::test]
async fn what_is_missing_is_told_from_what_may_not_be_seen() {
    let (quay, clock) = start(Quay::builder()).await;
    let listed = quay.listed("acme");
    let (digest, private) = (format!("sha256:{}", "0".repeat(64)), &listed[0].repository);
    let owner = connector(config(&quay, &["acme", "nosuch"], Quay::AUTH_TOKEN), &clock);
    for (path, asked, code) in [
        (private.as_str(), "no-such-tag", ErrorCode::ImageNotFound),
        (private, &digest, ErrorCode::ImageNotFound),
        ("acme/no-such", "latest", ErrorCode::ImageNotFound),
        ("nosuch/app", "latest", ErrorCode::NamespaceNotFound),
        ("unconfigured/app", "latest", ErrorCode::NamespaceNotFound),
    ] {
        let before = quay.log().total();
        let error = owner
            .resolve(&name(path), &reference(asked))
            .await
            .unwrap_err();
        assert_eq!(error.code(), code, "{path} {asked}");
        assert!(quay.log().total() - before <= 2, "{path} {asked}");
    }
    let wrong = config(&quay, &["acme"], "Wr0ngT0ken000000000000000000000000000000");
    let refused = connector(wrong, &clock)
        .resolve(&name(private), &reference("latest"))
        .await;
    assert_eq!(
        refused.unwrap_err().code(),
        ErrorCode::FailedToVerifyUsernameOrPwd
    );
}
