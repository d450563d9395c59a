use std::{sync::Arc, time::Duration};

use registry_intake::{
    clock::{Clock, ManualClock, Timestamp},
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

/// What only the catalog shows would be taken for gone otherwise. A 1.10 shows nothing there that it
/// does not list itself.
#[tokio::test]
async fn a_catalog_that_cannot_be_read_keeps_a_run_from_completion_unless_it_hides_nothing() {
    for action in [
        Action::status(500),
        Action::status(404),
        Action::Html,
        Action::StripCredentials,
    ] {
        for (version, completes) in [("v1.10.19-b1a56175", true), ("v1.9.4-a1b2c3d4", false)] {
            let (harbor, clock) = start(HarborV1::builder().version(version)).await;
            let unread = Fault::new(action.clone()).on_path("/v2/_catalog");
            harbor.faults().arm(unread);
            let told = observe(connector(as_admin(&harbor), &clock)).await;
            let case = format!("{version} {action:?}");
            assert_eq!(told.images, shown(&harbor), "{case}");
            assert_eq!(told.is_complete(), completes, "{case}");
            assert_eq!(told.listed.contains(&Scope::Registry), completes, "{case}");
        }
    }
}

#[tokio::test]
async fn a_project_whose_repositories_cannot_be_listed_is_told_and_passed_over() {
    let (harbor, clock) = start(HarborV1::builder()).await;
    // The second project: payments.
    let broken = Fault::new(Action::status(500)).on_path("project_id=2");
    harbor.faults().arm(broken);
    let told = observe(connector(as_admin(&harbor), &clock)).await;
    let proof = told.end.unwrap();
    assert_eq!((proof.proof, proof.unread), (Some(Proof::Totals), 1));
    let (scope, error) = &told.skipped[0];
    assert_eq!(scope, &Scope::Namespace("payments".to_owned()));
    assert_eq!(error.code(), ErrorCode::RegistryUnavailable);
    // The catalog shows them all the same.
    assert_eq!(told.images, shown(&harbor));
}

/// What stands in front may answer anything: a tag that was listed is lost by its registry's word
/// alone, and a token that is refused says nothing against the password.
#[tokio::test]
async fn what_is_no_answer_of_the_registry_leaves_the_repository_unread() {
    let no_digest = Action::Answer {
        status: 200,
        headers: vec![
            ("Content-Type".to_owned(), "application/json".to_owned()),
            (
                "Docker-Distribution-Api-Version".to_owned(),
                "registry/2.0".to_owned(),
            ),
        ],
        body: String::new(),
    };
    for (action, code) in [
        (Action::status(404), ErrorCode::ProtocolViolation),
        (Action::status(304), ErrorCode::ProtocolViolation),
        (Action::status(500), ErrorCode::RegistryUnavailable),
        (Action::Html, ErrorCode::ProtocolViolation),
        (no_digest, ErrorCode::ProtocolViolation),
        (Action::StripCredentials, ErrorCode::TokenScopeMissing),
    ] {
        let mut contents = Contents::empty();
        contents.push("team/old", Push::oci_image().tag("oci"));
        contents.push("team/old", Push::image().tag("1"));
        contents.push("team/new", Push::image().tag("1"));
        let (harbor, clock) = start(HarborV1::builder().contents(contents)).await;
        let fault = Fault::new(action.clone()).on_path("/manifests/");
        harbor.faults().arm(fault);
        let told = observe(connector(as_admin(&harbor), &clock)).await;
        assert!(!told.is_complete(), "{action:?}");
        let [(scope, error)] = &told.skipped[..] else {
            panic!("{action:?}: {:?}", told.skipped);
        };
        assert_eq!(scope, &Scope::Repository("team/old".parse().unwrap()));
        assert_eq!(error.code(), code, "{action:?}");
        assert_eq!(told.images.len(), 1, "{action:?}");
    }
}

/// A server finds out the details of all tags before it says a word.
#[tokio::test]
async fn tags_whose_details_take_too_long_are_asked_for_by_name() {
    let mut contents = Contents::empty();
    for number in 0..230 {
        contents.push("team/app", Push::image().tag(&format!("v{number}")));
    }
    contents.push("team/app", Push::list(both_platforms()).tag("list"));
    let (harbor, clock) = start(HarborV1::builder().contents(contents)).await;
    let hangs = Fault::new(Action::Hang).on_path("/team/app/tags");
    harbor.faults().arm(hangs.times(3));
    let told = observe(connector(as_admin(&harbor), &clock)).await;
    assert!(told.is_complete(), "{:?} {:?}", told.end, told.skipped);
    assert_eq!(told.images, shown(&harbor));
    assert_eq!(harbor.faults().struck(), 3);
}

#[tokio::test]
async fn a_token_that_ends_while_its_repository_is_read_is_renewed() {
    let mut contents = Contents::empty();
    for number in 0..4 {
        contents.push("team/app", Push::oci_image().tag(&format!("v{number}")));
    }
    contents.push("team/app", Push::image().tag("plain"));
    let manual = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
    let clock: Arc<dyn Clock> = Arc::new(manual.clone());
    let builder = HarborV1::builder().contents(contents);
    let harbor = builder.clock(Arc::clone(&clock)).start().await.unwrap();
    harbor.before_request(move |_, target, _| {
        if target.contains("/manifests/") {
            manual.advance(Duration::from_secs(1750));
        }
    });
    let told = observe(connector(as_admin(&harbor), &clock)).await;
    assert!(told.is_complete(), "{:?} {:?}", told.end, told.skipped);
    assert_eq!(told.images, shown(&harbor));
    let tokens = harbor.log().recent().into_iter();
    let tokens = tokens.filter(|request| request.target.contains("scope=repository"));
    assert!(tokens.count() > 1);
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
