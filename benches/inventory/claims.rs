//! The time that a claim takes, by the number of images that wait.

use std::{
    collections::BTreeSet,
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use registry_intake::{
    image::{Image, Scope},
    inventory::{Claim, ClaimRequest, Inventory, Lease},
    pace::Pace,
};

use crate::{
    images::image,
    stores::{INTEGRATION, Store, begin},
    upserts::sightings,
};

const SIZES: [u64; 2] = [10_000, 100_000];

/// Claims that are counted, and before them claims that are not.
const CLAIMS: usize = 2_000;
const WARM_UP: usize = 100;

/// How many images are stored at once while the queue is filled.
const AT_ONCE: u64 = 5_000;

/// A queue and what its claims took.
struct Queue {
    waiting: u64,
    inventory: Arc<dyn Inventory>,
    taken: Vec<Duration>,
}

/// Prints the times of claims by turns from queues of all sizes: a busy machine slows all alike.
pub(crate) async fn compare(store: &Store, more: &[u64]) {
    let sizes: BTreeSet<u64> = SIZES.into_iter().chain(more.iter().copied()).collect();
    let mut queues = Vec::new();
    for waiting in sizes {
        let inventory = store.inventory(&format!("waiting_{waiting}")).await;
        fill(&*inventory, waiting).await;
        queues.push(Queue {
            waiting,
            inventory,
            taken: Vec::new(),
        });
    }
    for claim in 0..WARM_UP + CLAIMS {
        for queue in &mut queues {
            let begun = Instant::now();
            let lease = claimed(&*queue.inventory).await;
            let taken = begun.elapsed();
            queue.inventory.acknowledge(&lease).await.unwrap();
            if claim >= WARM_UP {
                queue.taken.push(taken);
            }
        }
    }
    let mut fewest = None;
    for Queue {
        waiting, mut taken, ..
    } in queues
    {
        taken.sort();
        let [p50, p95] = [50, 95].map(|percent| taken[CLAIMS * percent / 100]);
        let (least50, least95) = *fewest.get_or_insert((p50, p95));
        println!(
            "| {store} | {waiting} | {p50:.0?} | {p95:.0?} | {:.2} | {:.2} |",
            p50.as_secs_f64() / least50.as_secs_f64(),
            p95.as_secs_f64() / least95.as_secs_f64(),
        );
    }
}

async fn fill(inventory: &dyn Inventory, images: u64) {
    let ticket = begin(inventory).await;
    let mut first = 0;
    while first < images {
        let end = images.min(first + AT_ONCE);
        let page: Vec<Image> = (first..end).map(|number| image(number, "1.0")).collect();
        let seen = sightings(&page);
        let stored = inventory.store_page(&ticket, &Scope::Registry, &seen, None);
        assert_eq!(stored.await.unwrap().new, end - first);
        first = end;
    }
}

async fn claimed(inventory: &dyn Inventory) -> Lease {
    let request = ClaimRequest {
        integration: INTEGRATION,
        pace: &Pace::Unlimited,
        lease: Duration::from_secs(600),
        max_attempts: NonZeroU32::new(5).unwrap(),
        rescan_after: None,
    };
    match inventory.claim(&request).await.unwrap() {
        Claim::Granted(claimed) => claimed.lease,
        other => panic!("nothing was granted: {other:?}"),
    }
}
