use std::sync::Arc;

use registry_intake::{
    config::{RequiredRole, Secret},
    conformance::observe,
    connector::{RequestCount, list},
    error::ErrorCode,
    image::{ImageKind, Proof, Scope},
    simulator::{
        Action, Fault, HarborV1, Platform,
        harbor_v1::{Child, Contents, Project, Push},
    },
};

use super::{as_admin, as_plain, connector, plain, shown, start};

fn both_platforms() -> [Child; 2] {
    [
        Child::new(Platform::new("linux", "amd64")),
        Child::new(Platform::new("linux", "arm64").variant("v8")),
    ]
}

#[tokio::test]
async fn an_administrator_lists_everything_proved_by_totals() {
    let (harbor, clock) = start(HarborV1::builder()).await;
    let told = observe(connector(as_admin(&harbor), &clock)).await;
    assert_eq!(told.images, shown(&harbor));
    let proof = told.end.unwrap();
    assert_eq!(proof.proof, Some(Proof::Totals));
    assert!(
        proof.is_complete() && told.skipped.is_empty(),
        "{:?}",
        told.skipped
    );
    assert_eq!(told.requests, harbor.log().total());
    assert!(harbor.log().max_in_flight() <= 2);
}

#[tokio::test]
async fn a_user_lists_what_he_may_see_read_twice() {
    let (harbor, clock) = start(HarborV1::builder().account(plain())).await;
    let config = as_plain(&harbor).required_role(RequiredRole::List);
    let told = observe(connector(config, &clock)).await;
    let public = shown(&harbor).into_iter();
    let public = public.filter(|image| image.repository.starts_with("library/"));
    assert_eq!(told.images, public.collect());
    assert_eq!(told.end.unwrap().proof, Some(Proof::ReadTwice));
    let catalog = harbor.log().recent().into_iter();
    let mut catalog = catalog.filter(|request| request.target.contains("catalog"));
    assert!(catalog.next().is_none(), "nobody else may read it");
}

#[tokio::test]
async fn more_projects_repositories_and_tags_than_a_page_are_listed() {
    for (projects, repositories, tags) in [(1203, 1203, 1203), (2, 2104, 2104), (1, 1, 1500)] {
        let builder = HarborV1::builder().sized(projects, repositories, tags);
        let (harbor, clock) = start(builder).await;
        let told = observe(connector(as_admin(&harbor), &clock)).await;
        assert!(told.is_complete(), "{:?} {:?}", told.end, told.skipped);
        assert_eq!(told.images, shown(&harbor));
    }
}

/// The list is cut by row numbers: a deletion and a creation between two pages keep the total and
/// lose a row.
#[tokio::test]
async fn a_row_lost_between_two_pages_is_noticed() {
    let mut contents = Contents::empty();
    for number in 0..1200 {
        let path = format!("team/app-{number:04}");
        contents.push(&path, Push::image().tag("1"));
    }
    let (harbor, clock) = start(HarborV1::builder().contents(contents)).await;
    harbor.before_request(|_, target, contents| {
        if target.contains("/api/repositories?page=2")
            && contents.delete_repository("team/app-0003")
        {
            contents.push("team/zzz", Push::image().tag("1"));
        }
    });
    let told = observe(connector(as_admin(&harbor), &clock)).await;
    assert!(told.is_complete(), "{:?} {:?}", told.end, told.skipped);
    assert!(shown(&harbor).is_subset(&told.images));
}

#[tokio::test]
async fn what_harbor_cannot_read_itself_is_told_by_the_registry_and_pulls_nothing() {
    let mut contents = Contents::empty();
    contents.create_project(Project::private("mixed"));
    let list = contents.push("mixed/list", Push::list(both_platforms()).tag("latest"));
    let index = contents.push("mixed/list", Push::oci_index(both_platforms()).tag("oci"));
    contents.push("mixed/list", Push::image().tag("plain"));
    let oci = contents.push("mixed/oci", Push::oci_image().tag("1"));
    contents.push("mixed/oci", Push::image().legacy().tag("2"));
    let (harbor, clock) = start(HarborV1::builder().contents(contents)).await;
    let connector = connector(as_admin(&harbor), &clock);
    let before = harbor.change(|contents| contents.last_change());
    let told = observe(Arc::clone(&connector)).await;
    assert!(told.is_complete(), "{:?} {:?}", told.end, told.skipped);
    assert_eq!(told.images, shown(&harbor));
    let digests: Vec<_> = told.images.iter().map(|image| &image.digest).collect();
    for digest in [&list, &index, &oci] {
        assert!(digests.contains(&digest), "{digest}");
    }
    let after = harbor.change(|contents| contents.last_change());
    assert_eq!(before, after, "a pull changes the repository");

    let listing = connector.open_listing(&RequestCount::new()).await.unwrap();
    let scope = Scope::Repository("mixed/list".parse().unwrap());
    let page = listing.entries(&scope, None).await.unwrap();
    let mut kinds: Vec<_> = page
        .entries
        .iter()
        .map(|entry| match entry {
            registry_intake::image::Entry::Tag(image) => (
                image.tags[0].name.as_str(),
                image.kind,
                image.size.is_some(),
            ),
            other => panic!("{other:?}"),
        })
        .collect();
    kinds.sort_by_key(|(tag, ..)| *tag);
    let index = ImageKind::Index;
    let unknown = ImageKind::Unknown;
    let expected = [
        ("latest", index, false),
        ("oci", index, false),
        ("plain", unknown, true),
    ];
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn a_repository_that_harbor_hides_is_found_by_the_catalog() {
    let mut contents = Contents::empty();
    contents.push("team/app", Push::image().tag("1"));
    contents.push("team/hidden", Push::oci_image().tag("1"));
    let builder = HarborV1::builder().contents(contents).unfiltered_catalog();
    let (harbor, clock) = start(builder).await;
    let told = observe(connector(as_admin(&harbor), &clock)).await;
    assert!(told.is_complete(), "{:?} {:?}", told.end, told.skipped);
    let found = told.images.iter();
    let mut found = found.filter(|image| image.repository == "team/hidden");
    assert_eq!(
        found.next().map(|image| image.tags.clone()),
        Some(vec!["1".to_owned()])
    );
}

/// What only the catalog shows would be taken for gone otherwise.
#[tokio::test]
async fn a_catalog_that_cannot_be_read_leaves_the_run_incomplete_and_everything_else_listed() {
    for (action, completes) in [
        (Action::status(500), false),
        (Action::Html, false),
        (Action::StripCredentials, false),
        (Action::status(404), true),
    ] {
        let (harbor, clock) = start(HarborV1::builder()).await;
        harbor
            .faults()
            .arm(Fault::new(action.clone()).on_path("/v2/_catalog"));
        let told = observe(connector(as_admin(&harbor), &clock)).await;
        assert_eq!(told.images, shown(&harbor), "{action:?}");
        assert_eq!(told.is_complete(), completes, "{action:?}");
        assert_eq!(
            told.listed.contains(&Scope::Registry),
            completes,
            "{action:?}"
        );
    }
}

/// Zero tags are also what a server counts that cannot ask its registry.
#[tokio::test]
async fn a_repository_that_counts_no_tags_is_read_and_an_empty_answer_for_tags_is_doubted() {
    let (harbor, clock) = start(HarborV1::builder()).await;
    let empty = Action::Answer {
        status: 200,
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        body: "[]".to_owned(),
    };
    harbor
        .faults()
        .arm(Fault::new(empty).on_path("/payments/api/tags"));
    let told = observe(connector(as_admin(&harbor), &clock)).await;
    assert!(!told.is_complete());
    let (scope, error) = &told.skipped[0];
    assert_eq!(scope, &Scope::Repository("payments/api".parse().unwrap()));
    assert_eq!(error.code(), ErrorCode::ProtocolViolation);

    let (harbor, clock) = start(HarborV1::builder()).await;
    harbor.change(|contents| contents.create_repository("payments/nothing"));
    let told = observe(connector(as_admin(&harbor), &clock)).await;
    assert!(told.is_complete(), "{:?} {:?}", told.end, told.skipped);
    assert!(
        told.listed
            .contains(&Scope::Repository("payments/nothing".parse().unwrap()))
    );
}

#[tokio::test]
async fn a_tag_deleted_while_its_repository_is_read_is_left_out() {
    let mut contents = Contents::empty();
    contents.push("team/app", Push::oci_image().tag("gone"));
    contents.push("team/app", Push::image().tag("stays"));
    let (harbor, clock) = start(HarborV1::builder().contents(contents)).await;
    harbor.before_request(|_, target, contents| {
        if target.contains("/manifests/gone") {
            contents.delete_tag("team/app", "gone");
        }
    });
    let told = observe(connector(as_admin(&harbor), &clock)).await;
    assert!(told.is_complete(), "{:?} {:?}", told.end, told.skipped);
    assert_eq!(told.images, shown(&harbor));
}

#[tokio::test]
async fn a_broken_account_check_never_makes_a_stranger_an_account() {
    let (harbor, clock) = start(HarborV1::builder()).await;
    let broken = Fault::new(Action::status(500)).on_path("users/current");
    harbor.faults().arm(broken);
    for name in [HarborV1::USERNAME, "robot$nobody"] {
        let wrong = as_admin(&harbor)
            .username(name)
            .required_role(RequiredRole::List)
            .password(Secret::new("wrong"));
        let mut events = list(connector(wrong, &clock), RequestCount::new());
        let first = futures_util::StreamExt::next(&mut events).await;
        assert!(first.is_some_and(|event| event.is_err()), "{name}");
    }
}
