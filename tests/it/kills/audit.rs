//! What must be true of many lives and deaths.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use registry_intake::{
    clock::Timestamp,
    image::Digest,
    inventory::{ChangeKind, ImageState, Inventory},
    pace::Pace,
};

use super::{
    child::{IN_HAND, NAME, Orders},
    ledger::{Entry, Ledger},
    registry::{Held, Registry},
};

const HOUR: Duration = Duration::from_secs(3600);

/// Holds the inventory to the registry, and what happened to what was promised.
pub(super) async fn audit(
    inventory: &dyn Inventory,
    registry: &Registry,
    orders: &Orders,
    kills: usize,
) {
    let entries = Ledger::read(&orders.ledger);
    audit_ingestion(inventory, registry, orders, &entries, kills).await;
    changes_are_told(&entries, registry);
    let untold = inventory.changes(NAME, 1).await.unwrap();
    assert_eq!(untold, []);
}

/// The same where nothing has changed for what is ingested, and so many processes have lost what
/// they had in hand.
pub(crate) async fn audit_ingestion(
    inventory: &dyn Inventory,
    registry: &Registry,
    orders: &Orders,
    entries: &[Entry],
    losses: usize,
) {
    nothing_is_lost(inventory, registry, entries).await;
    nothing_is_undone(entries, registry);
    hand_overs_are_few(entries, losses);
    limit_is_kept(entries, orders);
}

async fn nothing_is_lost(inventory: &dyn Inventory, registry: &Registry, entries: &[Entry]) {
    let mut held = Held::new();
    let handed: BTreeSet<_> = handed(entries).collect();
    for stored in inventory.images(NAME, None, u32::MAX).await.unwrap() {
        let image = stored.image;
        let wanted = match (stored.state, image.tags.is_empty()) {
            (ImageState::Gone, _) => continue,
            (_, true) => ImageState::LeftOut,
            (_, false) => ImageState::Ingested,
        };
        assert_eq!(stored.state, wanted, "{}", image.digest);
        let is_handed = handed.contains(&image.digest);
        assert_eq!(
            is_handed,
            wanted == ImageState::Ingested,
            "{}",
            image.digest
        );
        let tags = image.tags.iter().map(|tag| tag.name.to_string()).collect();
        let place = (image.repository.to_string(), image.digest.to_string());
        held.insert(place, tags);
    }
    assert_eq!(held, registry.held());
}

/// What the inventory once called ingested stays so and is never handed over again, and what lives
/// is at no time gone.
fn nothing_is_undone(entries: &[Entry], registry: &Registry) {
    let is_deleted = |digest: &Digest| registry.deleted.contains(&digest.to_string());
    let mut ingested = BTreeSet::<&Digest>::new();
    let mut fences = BTreeMap::new();
    for entry in entries {
        match entry {
            Entry::Found {
                ingested: found,
                gone,
            } => {
                let is_lost = |known: &&&Digest| !found.contains(known) && !is_deleted(known);
                assert_eq!(ingested.iter().find(is_lost), None);
                assert_eq!(gone.iter().find(|gone| !is_deleted(gone)), None);
                ingested.extend(found);
            }
            Entry::Handed { digest, fence, .. } => {
                assert!(!ingested.contains(digest), "{digest} comes again");
                let before = fences.insert(digest, fence);
                assert!(before < Some(fence), "{digest} comes late");
            }
            Entry::Acknowledged { digest, .. } => {
                assert!(ingested.insert(digest), "{digest} is acknowledged twice");
            }
            _ => {}
        }
    }
}

fn hand_overs_are_few(entries: &[Entry], losses: usize) {
    let images: BTreeSet<_> = handed(entries).collect();
    let is_refusal = |entry: &&Entry| matches!(entry, Entry::Refused { .. });
    let refusals = entries.iter().filter(is_refusal).count();
    let most = images.len() + refusals + losses * IN_HAND.get();
    let hand_overs = handed(entries).count();
    assert!(hand_overs <= most, "{hand_overs} of {most}");
}

fn handed(entries: &[Entry]) -> impl Iterator<Item = &Digest> {
    entries.iter().filter_map(|entry| match entry {
        Entry::Handed { digest, .. } => Some(digest),
        _ => None,
    })
}

fn limit_is_kept(entries: &[Entry], orders: &Orders) {
    let granted = entries.iter().filter_map(|entry| match entry {
        Entry::Granted { at } => Some(*at),
        _ => None,
    });
    let mut granted: Vec<Timestamp> = granted.collect();
    granted.sort_unstable();
    let per_hour = orders.per_hour.get() as usize;
    assert!(granted.len() > 2 * per_hour, "{} grants", granted.len());
    let least_between = |grants: usize| {
        let grants = granted.windows(grants + 1);
        let spans = grants.map(|some| some[some.len() - 1].since(some[0]));
        spans.min().unwrap()
    };
    let hour = least_between(per_hour);
    assert!(hour >= HOUR, "{per_hour} and one in {hour:?}");
    if let Pace::Spread(_) = orders.pace() {
        let period = least_between(1);
        assert!(period >= HOUR / orders.per_hour.get(), "two in {period:?}");
    }
}

fn changes_are_told(entries: &[Entry], registry: &Registry) {
    let is_told = |of: &str, matches: &dyn Fn(ChangeKind, Vec<&str>) -> bool| {
        entries.iter().any(|entry| match entry {
            Entry::Told { kind, digest, tags } if digest.to_string() == of => {
                matches(*kind, tags.iter().map(|tag| tag.as_str()).collect())
            }
            _ => false,
        })
    };
    for (digest, tag) in &registry.given {
        let is_known = is_told(digest, &|_, tags| tags.contains(&&**tag));
        assert!(is_known, "nobody was told of {tag} of {digest}");
    }
    for digest in &registry.deleted {
        let is_known = is_told(digest, &|kind, _| kind == ChangeKind::Gone);
        assert!(is_known, "nobody was told that {digest} is gone");
    }
    assert!(!registry.given.is_empty() && !registry.deleted.is_empty());
}
