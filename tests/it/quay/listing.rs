use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use registry_intake::{
    clock::{Clock, ManualClock},
    config::Secret,
    conformance::{Observation, observe},
    error::ErrorCode,
    image::{Proof, Scope},
    simulator::{
        Quay,
        quay::{Contents, Organization, Push, Repository, Scope as TokenScope, Token, User},
    },
};

use super::{as_owner, config, connector, shown, start};

const TOKEN: &str = "A3mber0000000000000000000000000000000000";

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
    let mut contents = Contents::empty();
    for organization in ["none", "small", "large"] {
        contents.create_organization(Organization::new(organization));
    }
    // 146 repositories, of which 11 hold nothing.
    for number in 0..144 {
        let organization = if number < 130 { "large" } else { "small" };
        let path = format!("{organization}/app-{number}");
        if number < 11 {
            contents.create_repository(Repository::private(&path));
        } else {
            contents.push(&path, Push::image().tag("1").tag("2"));
        }
    }
    for (path, tags) in [("small/many", 260), ("small/most", 520)] {
        let many = (0..tags).fold(Push::image(), |push, tag| push.tag(&format!("t{tag}")));
        contents.push(path, many);
    }
    let (quay, clock) = start(Quay::builder().contents(contents)).await;
    let told = observe(connector(as_owner(&quay), &clock)).await;
    assert!(told.is_complete(), "{:?} {:?}", told.end, told.skipped);
    assert_eq!(told.images, shown(&quay, &quay.organizations()));
    // The empty list once more, since a stranger is shown one too.
    let lists = 2 * (1 + 1 + 2) + 1;
    let tags = 133 + (3 + 1) + (6 + 1);
    let proofs = 2 * 3;
    assert_eq!(told.requests, lists + tags + proofs);
    assert_eq!(told.requests, 159);
    assert!(quay.log().max_in_flight() <= 2);
}

#[tokio::test]
async fn a_token_of_no_administrator_never_passes_for_the_whole() {
    let reader = Token::new(TOKEN, "member", &TokenScope::ALL);
    let member = User::new("member", "MemberPass1");
    let (quay, clock) = start(Quay::builder().user(member).token(reader)).await;
    let told = observe(connector(config(&quay, &["acme"], TOKEN), &clock)).await;
    assert!(!told.is_complete());
    assert_eq!(codes(&told), [ErrorCode::UserDoesNotHaveAdminRole]);
}

#[tokio::test]
async fn one_bad_organisation_does_not_hide_the_others() {
    let (quay, clock) = start(Quay::builder()).await;
    let both = config(&quay, &["no-such", "acme"], Quay::AUTH_TOKEN);
    let told = observe(connector(both, &clock)).await;
    assert_eq!(told.images, shown(&quay, &["acme".to_owned()]));
    assert_eq!(codes(&told), [ErrorCode::NamespaceNotFound]);
    assert_eq!(told.end.unwrap().unread, 1, "it was asked for");
}

fn codes(told: &Observation) -> Vec<ErrorCode> {
    told.skipped.iter().map(|(_, error)| error.code()).collect()
}

/// Ten repositories of one organisation, which `boss` administers.
async fn administered() -> (Arc<Quay>, Arc<dyn Clock>) {
    let mut contents = Contents::empty();
    contents.create_organization(Organization::new("acme"));
    for number in 0..10 {
        let path = format!("acme/app-{number}");
        contents.push(&path, Push::image().tag("1"));
    }
    let boss = User::new("boss", "BossPass1").owner_of("acme");
    let token = Token::new(TOKEN, "boss", &TokenScope::ALL);
    let builder = Quay::builder().contents(contents).user(boss).token(token);
    let (quay, clock) = start(builder).await;
    (Arc::new(quay), clock)
}

/// Calls `change` once, before the first request whose target holds `part`.
fn once_before(
    quay: &Arc<Quay>,
    part: &'static str,
    change: impl Fn(&Quay) + Send + Sync + 'static,
) {
    let (server, is_done) = (Arc::downgrade(quay), AtomicBool::new(false));
    quay.before_request(move |_, target, _| {
        if target.contains(part) && !is_done.swap(true, Ordering::Relaxed) {
            change(&server.upgrade().unwrap());
        }
    });
}

#[tokio::test]
async fn a_view_that_shrinks_in_mid_run_never_passes_for_the_whole() {
    for before in [
        "/api/v1/repository?",
        "acme/app-0/",
        "acme/app-4/",
        "acme/app-9/",
    ] {
        let (quay, clock) = administered().await;
        once_before(&quay, before, |quay| {
            let demoted = User::new("boss", "BossPass1").reads("acme/app-1");
            quay.accounts().add_user(demoted);
        });
        let told = observe(connector(config(&quay, &["acme"], TOKEN), &clock)).await;
        assert!(!told.is_complete(), "{before}");
        let whole = Scope::Namespace("acme".to_owned());
        assert!(!told.listed.contains(&whole), "{before}");
        let last = told.skipped.last().unwrap();
        assert_eq!(last.0, whole, "{before}");
        assert_eq!(last.1.code(), ErrorCode::UserDoesNotHaveAdminRole);
    }
}

#[tokio::test]
async fn a_token_that_is_revoked_in_mid_run_ends_its_organisation_alone() {
    for before in [
        "acme/members",
        "/api/v1/repository?namespace=acme",
        "acme/app-4/",
    ] {
        let (quay, clock) = administered().await;
        quay.change(|contents| {
            contents.create_organization(Organization::new("other"));
            contents.push("other/app", Push::image().tag("1"));
        });
        once_before(&quay, before, |quay| {
            assert!(quay.accounts().revoke_token(TOKEN));
        });
        let both =
            config(&quay, &["acme"], TOKEN).namespace("other", Secret::new(Quay::AUTH_TOKEN));
        let told = observe(connector(both, &clock)).await;
        assert!(!told.is_complete(), "{before}");
        assert!(told.end.is_ok(), "{before}: {:?}", told.end);
        let other = shown(&quay, &["other".to_owned()]);
        assert!(told.images.is_superset(&other), "{before}");
        let listed = |name: &str| told.listed.contains(&Scope::Namespace(name.to_owned()));
        assert!(listed("other") && !listed("acme"), "{before}");
        let refused = ErrorCode::FailedToVerifyUsernameOrPwd;
        assert!(codes(&told).iter().all(|code| *code == refused), "{before}");
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_read_does_not_hide_the_other_organisations() {
    let (quay, clock) = start(Quay::builder()).await;
    let missing = Secret::file("/no/such/folder/token");
    let both = config(&quay, &["acme"], Quay::AUTH_TOKEN).namespace("other", missing.clone());
    let told = observe(connector(both, &clock)).await;
    assert_eq!(told.images, shown(&quay, &["acme".to_owned()]));
    assert_eq!(codes(&told), [ErrorCode::ConfigInvalid]);
    assert_eq!(told.end.unwrap().unread, 1);
}

#[tokio::test]
async fn the_run_ends_where_no_account_is_left() {
    let (quay, clock) = start(Quay::builder()).await;
    let missing = Secret::file("/no/such/folder/token");
    let none = config(&quay, &["acme", "umbrella"], TOKEN).namespace("other", missing);
    let told = observe(connector(none, &clock)).await;
    let refused = ErrorCode::FailedToVerifyUsernameOrPwd;
    assert_eq!(codes(&told), [refused], "while one was left");
    assert_eq!(told.end.unwrap_err().code(), refused);
}

#[tokio::test]
async fn a_repository_that_is_made_anew_between_two_pages_does_not_end_the_list() {
    // The first of page 1, another, all of page 1; the last lie on a page of their own.
    for (all, anew) in [
        (150, 0..1),
        (150, 7..8),
        (150, 0..100),
        (250, 0..100),
        (250, 3..5),
    ] {
        let mut contents = Contents::empty();
        contents.create_organization(Organization::new("acme"));
        for number in 0..all {
            let path = format!("acme/app-{number:03}");
            contents.push(&path, Push::image().tag("1"));
        }
        let (quay, clock) = start(Quay::builder().contents(contents)).await;
        let (is_done, made) = (AtomicBool::new(false), anew.clone());
        quay.before_request(move |_, target, contents| {
            if !target.contains("next_page") || is_done.swap(true, Ordering::Relaxed) {
                return;
            }
            for number in made.clone() {
                let path = format!("acme/app-{number:03}");
                contents.delete_repository(&path);
                contents.push(&path, Push::image().tag("2"));
            }
        });
        let told = observe(connector(as_owner(&quay), &clock)).await;
        assert!(told.is_complete(), "{anew:?} of {all}: {:?}", told.skipped);
        let acme = Scope::Namespace("acme".to_owned());
        assert!(told.listed.contains(&acme), "{anew:?} of {all}");
    }
}

#[tokio::test]
async fn a_list_that_starts_over_with_an_outdated_token_is_an_error() {
    let mut contents = Contents::empty();
    contents.create_organization(Organization::new("acme"));
    for number in 0..250 {
        let path = format!("acme/app-{number:03}");
        contents.push(&path, Push::image().tag("1"));
    }
    let manual = ManualClock::jumping_at("2036-02-01T00:00:00Z".parse().unwrap());
    let clock: Arc<dyn Clock> = Arc::new(manual.clone());
    let builder = Quay::builder().contents(contents);
    let quay = builder.clock(Arc::clone(&clock)).start().await.unwrap();
    let is_done = AtomicBool::new(false);
    quay.before_request(move |_, target, _| {
        if target.contains("next_page") && !is_done.swap(true, Ordering::Relaxed) {
            manual.advance(Duration::from_secs(3 * 24 * 3600));
        }
    });
    let told = observe(connector(as_owner(&quay), &clock)).await;
    assert!(!told.is_complete());
    assert_eq!(codes(&told), [ErrorCode::ProtocolViolation]);
}

/// What happens to a list of tags.
#[derive(Debug, Clone, Copy)]
enum Change {
    Delete,
    Move,
    Push,
}

#[tokio::test]
async fn tags_that_come_go_and_move_between_two_pages_are_neither_lost_nor_doubled() {
    // On four pages, read again from the first: the first and the last row of each.
    let (all, requests) = (350, 5);
    let rows = [0, 99, 100, 197, 198, 293, 294, 349];
    for change in [Change::Delete, Change::Move, Change::Push] {
        let rows = if matches!(change, Change::Push) {
            &rows[..1]
        } else {
            &rows
        };
        for (row, before) in rows
            .iter()
            .flat_map(|row| (1..=requests).map(move |k| (*row, k)))
        {
            let case = format!("{change:?} row {row} before page {before}");
            let mut contents = Contents::empty();
            contents.create_organization(Organization::new("acme"));
            let tags: Vec<String> = (0..all)
                .rev()
                .map(|number| format!("v{number:03}"))
                .collect();
            let mut digests = tags
                .iter()
                .rev()
                .map(|tag| contents.push("acme/app", Push::image().tag(tag)));
            let oldest = digests.next().unwrap();
            digests.for_each(drop);
            let (quay, clock) = start(Quay::builder().contents(contents)).await;
            let (asked, changed) = (AtomicU64::new(0), tags[row].clone());
            quay.before_request(move |_, target, contents| {
                if !target.contains("/tag/") || asked.fetch_add(1, Ordering::Relaxed) + 1 != before
                {
                    return;
                }
                match change {
                    Change::Delete => assert!(contents.delete_tag("acme/app", &changed)),
                    Change::Move => assert!(contents.tag("acme/app", &oldest, &changed)),
                    Change::Push => drop(contents.push("acme/app", Push::image().tag("new"))),
                }
            });
            let told = observe(connector(as_owner(&quay), &clock)).await;
            assert!(told.is_complete(), "{case}: {:?}", told.skipped);
            let names: Vec<_> = told
                .images
                .iter()
                .flat_map(|image| image.tags.clone())
                .collect();
            let known: BTreeSet<_> = names.iter().cloned().collect();
            assert_eq!(names.len(), known.len(), "{case}: one is doubled");
            let kept = tags
                .iter()
                .filter(|tag| !matches!(change, Change::Delete) || **tag != tags[row]);
            assert!(
                kept.clone().all(|tag| known.contains(tag)),
                "{case}: one is lost"
            );
            if !matches!(change, Change::Delete) {
                assert_eq!(told.images, shown(&quay, &["acme".to_owned()]), "{case}");
            }
        }
    }
}
