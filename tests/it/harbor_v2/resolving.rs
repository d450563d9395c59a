//! Single images by tag and by digest.

use registry_intake::{
    config::{RequiredRole, Secret},
    error::{ErrorCode, IntegrationError},
    image::{ImageKind, Reference, RepositoryName},
    simulator::{
        HarborV2, Platform,
        harbor_v2::{Account, Child, Contents, Project, Push, Release},
    },
};

use super::{as_admin, as_robot, config, connector, start};

fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

fn contents() -> (Contents, String) {
    let mut contents = Contents::empty();
    contents.create_project(Project::private("team"));
    contents.create_project(Project::public("library"));
    let index = contents.push(
        "team/deep/app",
        Push::index([
            Child::new(Platform::new("linux", "amd64")),
            Child::new(Platform::new("linux", "arm64").variant("v8")),
        ])
        .tag("1.0")
        .tag("latest"),
    );
    contents.push("library/nginx", Push::image().tag("1.27"));
    (contents, index.digest)
}

#[tokio::test]
async fn an_image_is_found_by_tag_and_by_digest_on_every_release() {
    for release in Release::ALL {
        let (contents, digest) = contents();
        let (harbor, clock) = start(HarborV2::builder().release(release).contents(contents)).await;
        let connector = connector(as_admin(&harbor), &clock);
        for asked in ["latest", &digest] {
            let before = harbor.log().total();
            let image = connector
                .resolve(&name("team/deep/app"), &reference(asked))
                .await
                .unwrap();
            assert_eq!(image.digest.as_str(), digest, "{release}");
            assert_eq!(image.repository, name("team/deep/app"));
            assert_eq!(image.kind, ImageKind::Index);
            let tags: Vec<_> = image.tags.iter().map(|tag| tag.name.as_str()).collect();
            assert_eq!(tags, ["1.0", "latest"]);
            let platforms: Vec<_> = image.platforms.iter().map(ToString::to_string).collect();
            assert_eq!(platforms, ["linux/amd64", "linux/arm64/v8"]);
            assert_eq!(harbor.log().total() - before, 1);
        }
    }
}

#[tokio::test]
async fn what_is_missing_is_said() {
    for release in Release::ALL {
        let (contents, _) = contents();
        let (harbor, clock) = start(HarborV2::builder().release(release).contents(contents)).await;
        let connector = connector(as_admin(&harbor), &clock);
        let digest = format!("sha256:{}", "0".repeat(64));
        for (path, asked, code) in [
            ("team/deep/app", "nosuch", ErrorCode::ImageNotFound),
            ("team/deep/app", &*digest, ErrorCode::ImageNotFound),
            ("team/nosuch", "latest", ErrorCode::ImageNotFound),
            ("nosuch/app", "latest", ErrorCode::NamespaceNotFound),
        ] {
            let before = harbor.log().total();
            let (repository, asked) = (name(path), reference(asked));
            let error = connector.resolve(&repository, &asked).await.unwrap_err();
            assert_eq!(error.code(), code, "{release}: {path} {asked}");
            assert!(!error.is_retryable());
            match error {
                IntegrationError::ImageNotFound {
                    repository: missing,
                    reference,
                    ..
                } => assert_eq!((missing, reference), (repository, asked)),
                IntegrationError::NamespaceNotFound { namespace, .. } => {
                    assert_eq!(namespace, "nosuch");
                }
                other => panic!("{other:?}"),
            }
            assert!(harbor.log().total() - before <= 2, "{release}: {path}");
        }
    }
}

#[tokio::test]
async fn who_may_not_see_it_is_told_so_and_not_that_it_is_missing() {
    let (contents, _) = contents();
    let user = Account::user("plain", "PlainPass1");
    let builder = HarborV2::builder().contents(contents).account(user);
    let (harbor, clock) = start(builder).await;
    let plain = |password: &str| {
        let config = config(&harbor)
            .username("plain")
            .password(Secret::new(password));
        connector(config.required_role(RequiredRole::List), &clock)
    };
    let (team, latest) = (name("team/deep/app"), reference("latest"));
    let error = plain("PlainPass1")
        .resolve(&team, &latest)
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::UserDoesNotHaveAdminRole);
    let error = plain("wrong").resolve(&team, &latest).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::FailedToVerifyUsernameOrPwd);
    let robot = connector(as_robot(&harbor), &clock);
    assert!(robot.resolve(&team, &latest).await.is_ok());
    let (public, tag) = (name("library/nginx"), reference("1.27"));
    assert!(plain("PlainPass1").resolve(&public, &tag).await.is_ok());
}
