//! A page of the inventory against as many bare statements.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use registry_intake::{
    image::{Image, Scope},
    inventory::{Inventory, PageChanges, RunTicket, Sighting},
};
use tokio::runtime::Runtime;

use crate::{
    bare::{Bare, Row},
    images::{PAGE, page, repository_of},
    ratio::{self, Way},
    stores::{Store, begin},
};

/// Pages from which a ratio is taken.
const PAGES: usize = 301;

/// What a page of so many images must have changed.
type Expected = fn(u64) -> PageChanges;

/// The same pages again and again, as the runs of a few days show them.
const DAYS: [(&str, &str, Expected); 3] = [
    ("new images", "1.0", |new| PageChanges {
        new,
        ..PageChanges::default()
    }),
    ("images as before", "1.0", |unchanged| PageChanges {
        unchanged,
        ..PageChanges::default()
    }),
    ("images with another tag", "2.0", |changed| PageChanges {
        changed,
        ..PageChanges::default()
    }),
];

/// Prints how many times as long as bare statements the inventory takes for a page: the goal is
/// twice at the most.
pub(crate) fn compare(runtime: &Runtime, store: &Store) {
    let inventory = runtime.block_on(store.inventory("upserts"));
    let mut bare = runtime.block_on(store.bare());
    for (reading, (what, tag, expected)) in (1..).zip(DAYS) {
        let ticket = runtime.block_on(begin(&*inventory));
        let ways = vec![
            Way::new(
                "bare statements",
                statements(runtime, &mut bare, tag, reading),
            ),
            Way::new(
                "the inventory",
                pages(runtime, &inventory, ticket, tag, expected),
            ),
        ];
        ratio::compare(&format!("{store}, a page of {PAGE} {what}"), PAGES, 1, ways);
    }
}

fn statements<'a>(
    runtime: &'a Runtime,
    bare: &'a mut Bare,
    tag: &'a str,
    reading: i64,
) -> impl FnMut(u64) -> Duration + 'a {
    let mut numbers = 0..;
    move |times| {
        let mut taken = Duration::ZERO;
        for number in numbers.by_ref().take(usize::try_from(times).unwrap()) {
            let images = (number * PAGE..).zip(page(number, tag));
            let rows: Vec<_> = images
                .map(|(number, image)| Row::of(&image, repository_of(number)))
                .collect();
            let begun = Instant::now();
            runtime.block_on(bare.write(&rows, reading));
            taken += begun.elapsed();
        }
        taken
    }
}

fn pages<'a>(
    runtime: &'a Runtime,
    inventory: &'a Arc<dyn Inventory>,
    ticket: RunTicket,
    tag: &'a str,
    expected: fn(u64) -> PageChanges,
) -> impl FnMut(u64) -> Duration + 'a {
    let mut numbers = 0..;
    move |times| {
        let mut taken = Duration::ZERO;
        for number in numbers.by_ref().take(usize::try_from(times).unwrap()) {
            let page = page(number, tag);
            let seen = sightings(&page);
            let begun = Instant::now();
            let stored = inventory.store_page(&ticket, &Scope::Registry, &seen, None);
            let changes = runtime.block_on(stored).unwrap();
            taken += begun.elapsed();
            assert_eq!(changes, expected(PAGE));
        }
        taken
    }
}

pub(crate) fn sightings(images: &[Image]) -> Vec<Sighting<'_>> {
    images.iter().map(Sighting::of).collect()
}
