//! Single images by tag and by digest.

use registry_intake::{
    config::RequiredRole,
    error::{ErrorCode, IntegrationError},
    image::{ImageKind, Reference, RepositoryName},
    simulator::{
        Action, Fault, HarborV1, Platform,
        harbor_v1::{Child, Contents, Push},
    },
};

use super::{as_admin, as_plain, connector, plain, start};

fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

#[tokio::test]
async fn an_image_is_found_by_tag_and_by_digest_with_its_true_digest() {
    let mut contents = Contents::empty();
    let image = contents.push("team/deep/app", Push::image().tag("1.0").tag("latest"));
    let children = [
        Child::new(Platform::new("linux", "amd64")),
        Child::new(Platform::new("linux", "arm64")),
    ];
    let list = contents.push("team/deep/app", Push::list(children).tag("list"));
    let (harbor, clock) = start(HarborV1::builder().contents(contents)).await;
    let untouched = harbor.change(|contents| contents.last_change());
    let connector = connector(as_admin(&harbor), &clock);
    for (asked, digest, tags, kind, requests) in [
        ("latest", &image, 1, ImageKind::Unknown, 1),
        (&image, &image, 0, ImageKind::Unknown, 2),
        ("list", &list, 1, ImageKind::Index, 3),
        // What it is would be told by an answer that counts as a pull.
        (&list, &list, 0, ImageKind::Unknown, 2),
    ] {
        let before = harbor.log().total();
        let found = connector
            .resolve(&name("team/deep/app"), &reference(asked))
            .await
            .unwrap();
        assert_eq!(found.digest.as_str(), digest);
        assert_eq!((found.tags.len(), found.kind), (tags, kind), "{asked}");
        assert_eq!(harbor.log().total() - before, requests, "{asked}");
    }
    let last_change = harbor.change(|contents| contents.last_change());
    assert_eq!(last_change, untouched, "a pull changes the repository");
}

#[tokio::test]
async fn what_is_missing_is_told_by_what_is_missing() {
    let (harbor, clock) = start(HarborV1::builder().account(plain())).await;
    let by_admin = connector(as_admin(&harbor), &clock);
    let digest = format!("sha256:{:064x}", 1);
    for (repository, asked, code) in [
        ("payments/api", "nosuch", ErrorCode::ImageNotFound),
        ("payments/api", &digest, ErrorCode::ImageNotFound),
        ("payments/nosuch", "1", ErrorCode::ImageNotFound),
        ("payments/nosuch", &digest, ErrorCode::ImageNotFound),
        ("nosuch/app", "1", ErrorCode::NamespaceNotFound),
        ("nosuch/app", &digest, ErrorCode::NamespaceNotFound),
    ] {
        let found = by_admin.resolve(&name(repository), &reference(asked)).await;
        assert_eq!(found.unwrap_err().code(), code, "{repository} {asked}");
    }
    let by_user = as_plain(&harbor).required_role(RequiredRole::List);
    let refused = connector(by_user, &clock)
        .resolve(&name("payments/api"), &reference("stable"))
        .await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(refused, IntegrationError::UserDoesNotHaveAdminRole { .. }),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_page_of_something_else_makes_no_image_missing() {
    let (harbor, clock) = start(HarborV1::builder()).await;
    let connector = connector(as_admin(&harbor), &clock);
    for (part, asked) in [("/tags/", "stable"), ("project_name", "nosuch")] {
        let answer = Action::status(if part == "/tags/" { 404 } else { 500 });
        harbor.faults().arm(Fault::new(answer).on_path(part));
        let found = connector
            .resolve(&name("payments/api"), &reference(asked))
            .await;
        assert_ne!(
            found.unwrap_err().code(),
            ErrorCode::ImageNotFound,
            "{part}"
        );
        harbor.faults().clear();
    }
}
