//! Listings of a registry that changes while it is listed.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*};
use registry_intake::{
    config::IntegrationConfigBuilder,
    conformance::{Observation, Shown, observe},
    simulator::{
        HarborV2,
        harbor_v2::{Contents, Project, Push, Release},
    },
};

use super::{as_admin, as_robot, connector, shown, start};

/// What happens to the registry between two requests.
#[derive(Debug, Clone)]
enum Change {
    Push(usize),
    PushToNewRepository,
    Delete(usize),
    Retag { from: usize, to: usize },
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => any::<usize>().prop_map(Change::Push),
        1 => Just(Change::PushToNewRepository),
        3 => any::<usize>().prop_map(Change::Delete),
        2 => (any::<usize>(), any::<usize>()).prop_map(|(from, to)| Change::Retag { from, to }),
    ]
}

const REPOSITORIES: [&str; 3] = ["one/a", "one/b/c", "two/d"];

fn contents(images: usize) -> Contents {
    let mut contents = Contents::empty();
    contents.create_project(Project::private("one"));
    contents.create_project(Project::private("two"));
    for number in 0..images {
        // Most in the first repository, so that its list has several pages.
        let place = if number % 5 < 3 { 0 } else { number % 3 };
        let tag = format!("v{number}");
        contents.push(REPOSITORIES[place], Push::image().tag(&tag));
    }
    contents
}

fn apply(change: &Change, number: u64, contents: &mut Contents, release: Release) {
    let listed = contents.listed(release);
    let pick = |seed: usize| listed.get(seed % listed.len().max(1));
    match change {
        Change::Push(seed) => {
            let repository = REPOSITORIES[seed % REPOSITORIES.len()];
            contents.push(repository, Push::image().tag(&format!("new{number}")));
        }
        Change::PushToNewRepository => {
            contents.push(&format!("two/new{number}"), Push::image());
        }
        Change::Delete(seed) => {
            if let Some(image) = pick(*seed) {
                contents.delete_artifact(&image.repository, &image.digest);
            }
        }
        Change::Retag { from, to } => {
            if let (Some(from), Some(to)) = (pick(*from), pick(*to))
                && let Some(tag) = from.tags.first()
            {
                contents.tag(&to.repository, &to.digest, tag);
            }
        }
    }
}

fn identities(shown: &BTreeSet<Shown>) -> BTreeSet<(String, String)> {
    let pairs = shown.iter();
    pairs
        .map(|image| (image.repository.clone(), image.digest.clone()))
        .collect()
}

/// Lists while `changes` happen, one before each request from the second on, and gives what was
/// there at the beginning, at the end, and what was seen.
async fn list_meanwhile(
    release: Release,
    account: fn(&HarborV2) -> IntegrationConfigBuilder,
    images: usize,
    changes: Vec<Change>,
) -> (BTreeSet<Shown>, BTreeSet<Shown>, Observation) {
    let builder = HarborV2::builder().release(release);
    let (harbor, clock) = start(builder.contents(contents(images))).await;
    let before = shown(harbor.listed());
    harbor.before_request(move |number, _, contents| {
        let due = usize::try_from(number).ok().and_then(|n| n.checked_sub(2));
        if let Some(change) = due.and_then(|place| changes.get(place)) {
            apply(change, number, contents, release);
        }
    });
    let seen = observe(connector(account(&harbor), &clock)).await;
    let after = shown(harbor.listed());
    (before, after, seen)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_existed_throughout_is_listed_once_whatever_happens_meanwhile(
        release in prop::sample::select(Release::ALL.as_slice()),
        by_robot: bool,
        images in 0_usize..420,
        changes in vec(change(), 0..16),
    ) {
        let account = if by_robot { as_robot } else { as_admin };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (before, after, seen) = runtime.block_on(list_meanwhile(release, account, images, changes));
        let (before, after) = (identities(&before), identities(&after));
        let found = identities(&seen.images);
        prop_assert_eq!(found.len(), seen.images.len(), "one image with two sets of tags");
        // No project comes or goes, so where projects are listed nothing disturbs the proof.
        if release >= Release::V2_11 {
            prop_assert!(seen.is_complete(), "{:?} {:?}", seen.end, seen.skipped);
        }
        for throughout in before.intersection(&after) {
            let scope_was_skipped = seen.skipped.iter().any(|(scope, _)| {
                scope.covers(&throughout.0.parse().unwrap())
            });
            if seen.end.is_ok() && !scope_was_skipped {
                prop_assert!(found.contains(throughout), "{:?} is missing", throughout);
            }
        }
        // A keyset is never disturbed; only what is read by page number may give up.
        if release >= Release::V2_5 {
            prop_assert!(seen.skipped.is_empty(), "{:?}", seen.skipped);
        }
    }
}

#[tokio::test]
async fn a_project_made_in_mid_run_does_not_spoil_the_proof() {
    for release in Release::ALL {
        let (harbor, clock) = start(HarborV2::builder().release(release)).await;
        let before = shown(harbor.listed());
        harbor.before_request(|number, _, contents| {
            if number == 5 {
                contents.create_project(Project::private("late"));
                contents.push("late/app", Push::image().tag("1"));
            }
        });
        let seen = observe(connector(as_admin(&harbor), &clock)).await;
        assert!(seen.is_complete(), "{release}: {:?}", seen.end);
        assert!(before.is_subset(&seen.images), "{release}");
    }
}
