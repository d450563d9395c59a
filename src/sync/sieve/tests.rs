#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{image::Platform, selection::Patterns};

const DAY: Duration = Duration::from_secs(24 * 3600);
const NONE: [&str; 0] = [];

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn tag(name: &str, days_ago: Option<u32>) -> TagRecord {
    TagRecord {
        name: name.parse().unwrap(),
        pushed_at: days_ago.map(|days| now().saturating_sub(DAY * days)),
        expires_at: None,
    }
}

fn image(repository: &str, number: u32, tags: &[&str]) -> Image {
    Image {
        repository: repository.parse().unwrap(),
        digest: format!("sha256:{number:064x}").parse().unwrap(),
        tags: tags.iter().map(|name| tag(name, None)).collect(),
        kind: ImageKind::Image,
        media_type: None,
        size: None,
        platforms: Vec::new(),
        pushed_at: Some(now().saturating_sub(DAY * number)),
        pulled_at: None,
    }
}

fn patterns(include: &[&str], exclude: &[&str]) -> Patterns {
    Patterns::new(include, exclude).unwrap()
}

fn of(selection: &Selection, image: &Image) -> Option<Omission> {
    omission(selection, image, now())
}

#[test]
fn the_first_rule_that_an_image_breaks_is_the_reason() {
    let linux = |architecture: &str| Platform {
        os: "linux".to_owned(),
        architecture: architecture.to_owned(),
        variant: None,
        os_version: None,
    };
    let selection = Selection::default()
        .with_namespaces(patterns(&["team*"], &[]))
        .with_repositories(patterns(&[], &["**/tmp"]))
        .with_tags(patterns(&["v*"], &["*-rc"]))
        .with_kinds([ImageKind::Image])
        .with_platforms(["linux/amd64".parse().unwrap()])
        .with_pushed_within(DAY * 7);
    let app = image("team/app", 1, &["v1"]);
    let with = |change: fn(&mut Image)| {
        let mut image = app.clone();
        change(&mut image);
        of(&selection, &image)
    };
    assert_eq!(of(&selection, &app), None);
    assert_eq!(
        of(&selection, &image("other/app", 1, &["v1"])),
        Some(Omission::Repository)
    );
    assert_eq!(
        of(&selection, &image("team/tmp", 1, &["v1"])),
        Some(Omission::Repository)
    );
    assert_eq!(
        with(|image| image.kind = ImageKind::Index),
        Some(Omission::Kind)
    );
    assert_eq!(
        with(|image| image.kind = ImageKind::Unknown),
        None,
        "it does not say"
    );
    assert_eq!(with(|image| image.tags.clear()), Some(Omission::Untagged));
    assert_eq!(
        of(&selection, &image("team/app", 1, &["v1-rc", "latest"])),
        Some(Omission::Tag)
    );
    assert_eq!(
        of(&selection, &image("team/app", 1, &["v1-rc", "v1"])),
        None
    );
    assert_eq!(
        of(&selection, &image("team/app", 8, &["v1"])),
        Some(Omission::Age)
    );
    assert_eq!(
        with(|image| image.pushed_at = None),
        None,
        "it does not say"
    );
    let built_for = |architectures: &[&str]| {
        let platforms = architectures.iter().map(|name| linux(name)).collect();
        of(
            &selection,
            &Image {
                platforms,
                ..app.clone()
            },
        )
    };
    assert_eq!(built_for(&["arm64"]), Some(Omission::Platform));
    assert_eq!(built_for(&["arm64", "amd64"]), None);
}

#[test]
fn an_old_push_is_taken_for_a_fresh_tag_or_a_fresh_pull() {
    let selection = Selection::default().with_pushed_within(DAY * 7);
    let mut old = image("team/app", 30, &["v1"]);
    assert_eq!(of(&selection, &old), Some(Omission::Age));
    old.pulled_at = Some(now().saturating_sub(DAY));
    assert_eq!(of(&selection, &old), Some(Omission::Age));
    assert_eq!(
        of(&selection.clone().with_pulled_within(DAY * 2), &old),
        None
    );
    assert_eq!(
        of(&Selection::default().with_pulled_within(DAY * 2), &old),
        None
    );
    old.pulled_at = None;
    assert_eq!(
        of(&Selection::default().with_pulled_within(DAY * 2), &old),
        Some(Omission::Age)
    );
    old.tags.push(tag("latest", Some(1)));
    assert_eq!(of(&selection, &old), None);
}

#[test]
fn an_untagged_image_is_taken_where_it_is_asked_for() {
    let untagged = image("team/app", 1, &[]);
    let selection = Selection::default()
        .with_tags(patterns(&["v*"], &[]))
        .with_newest_tags(NonZeroU32::MIN)
        .with_untagged();
    assert_eq!(of(&selection, &untagged), None);
    let mut sieve = Sieve::new(selection, now());
    assert_eq!(sieve.sift(&Scope::Registry, vec![untagged]).len(), 1);
}

proptest! {
    #[test]
    fn the_newest_tags_are_those_of_the_whole_however_it_is_paged(
        rows in prop::collection::vec((0_u32..3, 0_u32..40, 0_u32..12), 0..60),
        page in 1_usize..20,
        limit in 1_u32..6,
    ) {
        // Each tag stands once in its repository, each digest too.
        let mut images = BTreeMap::<(u32, u32), Image>::new();
        for (number, (repository, digest, days)) in rows.iter().enumerate() {
            let name = format!("team/app-{repository}");
            let found = images.entry((*repository, *digest));
            let found = found.or_insert_with(|| image(&name, *digest, &NONE));
            found.tags.push(tag(&format!("t{number}"), Some(*days)));
        }
        let mut expected = BTreeMap::new();
        for repository in 0..3 {
            let own = images.range((repository, 0)..(repository + 1, 0));
            let mut tags: Vec<_> = own
                .flat_map(|(_, image)| image.tags.iter().map(|tag| rank(tag, image)))
                .collect();
            tags.sort();
            let newest = tags.split_off(tags.len().saturating_sub(limit as usize));
            for ((repository, digest), image) in images.range((repository, 0)..(repository + 1, 0)) {
                let is_taken = newest.iter().any(|(_, _, digest)| *digest == image.digest);
                expected.insert((*repository, *digest), is_taken);
            }
        }
        let selection = Selection::default().with_newest_tags(NonZeroU32::new(limit).unwrap());
        let mut sieve = Sieve::new(selection, now());
        let scope = Scope::Namespace("team".to_owned());
        let shown: Vec<_> = images.values().cloned().collect();
        let mut decided = Vec::new();
        for page in shown.chunks(page) {
            decided.append(&mut sieve.sift(&scope, page.to_vec()));
            let held = sieve.held[&scope].values();
            prop_assert!(held.map(|list| list.images.len()).all(|held| held <= limit as usize));
        }
        decided.append(&mut sieve.end(&scope));
        prop_assert!(!sieve.holds(&scope));
        let found: BTreeMap<_, _> = images
            .iter()
            .map(|(place, image)| {
                let of_it = decided.iter().filter(|one| {
                    one.image.repository == image.repository && one.image.digest == image.digest
                });
                let omissions: Vec<_> = of_it.map(|one| one.omission).collect();
                assert_eq!(omissions.len(), 1, "decided once");
                (*place, omissions[0].is_none())
            })
            .collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn without_a_selection_only_an_images_own_nature_leaves_it_out(
        kind in prop::sample::select(vec![
            ImageKind::Image, ImageKind::Index, ImageKind::Chart, ImageKind::Other, ImageKind::Unknown,
        ]),
        tags in prop::sample::subsequence(vec!["v1", "latest"], 0..=2),
        is_signed in any::<bool>(),
    ) {
        let mut image = Image { kind, ..image("team/app", 1, &tags) };
        if is_signed {
            image.tags.push(tag(&format!("sha256-{:064x}.sig", 7), None));
        }
        prop_assert_eq!(of(&Selection::default(), &image), Omission::of(&image));
    }
}
