use std::sync::atomic::{AtomicBool, Ordering};

use registry_intake::{
    conformance::observe,
    error::ErrorCode,
    image::{Proof, Scope},
    simulator::{
        Quay,
        quay::{Contents, Organization, Push, Scope as TokenScope, Token},
    },
};

use super::{as_owner, config, connector, shown, start};

#[tokio::test]
async fn an_administrators_token_lists_every_organisation() {
    let (quay, clock) = start(Quay::builder()).await;
    let told = observe(connector(as_owner(&quay), &clock)).await;
    assert!(told.is_complete(), "{:?} {:?}", told.end, told.skipped);
    assert_eq!(told.images, shown(&quay, &quay.organizations()));
    assert_eq!(told.end.unwrap().proof, Some(Proof::ReadTwice));
    for organization in quay.organizations() {
        assert!(told.listed.contains(&Scope::Namespace(organization)));
    }
    assert_eq!(told.requests, quay.log().total());
    let most_tags = told.images.iter().map(|image| image.tags.len()).max();
    assert_eq!(
        most_tags,
        Some(520),
        "one digest under 520 tags is one image"
    );
}

#[tokio::test]
async fn a_listing_costs_its_pages_and_the_proofs() {
    // 3 organisations, 146 repositories of which one has 6 pages of tags.
    let mut contents = Contents::empty();
    for organization in ["one", "two", "none"] {
        contents.create_organization(Organization::new(organization));
    }
    for number in 0..145 {
        let organization = if number < 130 { "one" } else { "two" };
        let path = format!("{organization}/app-{number}");
        contents.push(&path, Push::image().tag("1").tag("2"));
    }
    let many = (0..520).fold(Push::image(), |push, tag| push.tag(&format!("t{tag}")));
    contents.push("two/many", many);
    let (quay, clock) = start(Quay::builder().contents(contents)).await;
    let told = observe(connector(as_owner(&quay), &clock)).await;
    assert!(told.is_complete());
    assert_eq!(told.images, shown(&quay, &quay.organizations()));
    let (lists, tags, recheck) = (2 * (2 + 1 + 1), 145 + 6, 1);
    // Each token at the beginning; the empty list once more, and its token at the end.
    let proofs = 3 + 1 + 1;
    assert_eq!(told.requests, lists + tags + recheck + proofs);
    assert!(told.requests <= 165);
    assert!(quay.log().max_in_flight() <= 2);
}

#[tokio::test]
async fn a_token_of_no_administrator_never_passes_for_the_whole() {
    let reader = Token::new(
        "M3mber0000000000000000000000000000000000",
        "member",
        &TokenScope::ALL,
    );
    let member = registry_intake::simulator::quay::User::new("member", "MemberPass1");
    let (quay, clock) = start(Quay::builder().user(member).token(reader)).await;
    let token = "M3mber0000000000000000000000000000000000";
    let told = observe(connector(config(&quay, &["acme"], token), &clock)).await;
    assert!(!told.is_complete());
    let codes: Vec<_> = told.skipped.iter().map(|(_, error)| error.code()).collect();
    assert_eq!(codes, [ErrorCode::UserDoesNotHaveAdminRole]);
}

#[tokio::test]
async fn one_bad_organisation_does_not_hide_the_others() {
    let (quay, clock) = start(Quay::builder()).await;
    let both = config(&quay, &["no-such", "acme"], Quay::AUTH_TOKEN);
    let told = observe(connector(both, &clock)).await;
    assert_eq!(told.images, shown(&quay, &["acme".to_owned()]));
    let codes: Vec<_> = told.skipped.iter().map(|(_, error)| error.code()).collect();
    assert_eq!(codes, [ErrorCode::NamespaceNotFound]);
}

#[tokio::test]
async fn tags_that_come_and_go_between_two_pages_are_neither_lost_nor_doubled() {
    for deleted in [false, true] {
        let mut contents = Contents::empty();
        contents.create_organization(Organization::new("acme"));
        for number in 0..250 {
            contents.push("acme/app", Push::image().tag(&format!("v{number:03}")));
        }
        let (quay, clock) = start(Quay::builder().contents(contents)).await;
        let changed = AtomicBool::new(false);
        quay.before_request(move |_, target, contents| {
            if !target.contains("page=2") || changed.swap(true, Ordering::Relaxed) {
                return;
            }
            if deleted {
                contents.delete_tag("acme/app", "v249");
            } else {
                contents.push("acme/app", Push::image().tag("new"));
            }
        });
        let told = observe(connector(as_owner(&quay), &clock)).await;
        assert!(told.is_complete());
        assert_eq!(told.images, shown(&quay, &quay.organizations()));
    }
}
