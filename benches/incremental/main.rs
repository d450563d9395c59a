//! What an incremental sync costs against a full one, where one image in a hundred has changed.
//! Fails where it asks more often than it may, or misses what has changed.
//!
//! `cargo bench --bench incremental` takes 100 thousand images; other sizes in their place:
//! `cargo bench --bench incremental -- 1000000`.
#![allow(
    clippy::future_not_send,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout
)]

mod registry;
mod round;

use std::{env, process::ExitCode};

use registry::{Registry, Server};
use round::Subject;
use tokio::runtime::Runtime;

const IMAGES: u64 = 100_000;

/// Of so many images one has changed.
const CHANGED: u64 = 100;

/// How many changes each changed repository has: the fewer, the more of them are to be read.
const CHANGES_EACH: [u64; 2] = [1, 20];

/// Rounds from which a ratio is taken.
const ROUNDS: u64 = 3;

fn main() -> ExitCode {
    let sizes: Vec<u64> = env::args().filter_map(|text| text.parse().ok()).collect();
    let sizes = if sizes.is_empty() {
        vec![IMAGES]
    } else {
        sizes
    };
    println!(
        "\nan incremental sync and the full one after it; in brackets the most that it may ask"
    );
    println!(
        "| registry | images | changes | repositories with them | requests | of a full one \
         | images read | of a full one | pages written | of a full one | a full one takes |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let runtime = Runtime::new().unwrap();
    let mut holds = true;
    for images in sizes {
        for server in Server::ALL {
            for each in CHANGES_EACH {
                holds &= runtime.block_on(holds_for(server, images, each));
            }
        }
    }
    if holds {
        ExitCode::SUCCESS
    } else {
        println!("MORE requests than for each hundred changes, each changed repository, and 5");
        ExitCode::FAILURE
    }
}

/// Prints what the rounds take. False where one asked more often than it may.
async fn holds_for(server: Server, images: u64, each: u64) -> bool {
    let registry = Registry::start(server, images).await;
    let subject = Subject::synced(&registry).await;
    let (changes, mut rounds) = (images / CHANGED, Vec::new());
    for _ in 0..ROUNDS {
        let changed = registry.change(changes, each);
        rounds.push(subject.round(changes, changed).await);
    }
    rounds.sort_by(|one, other| one.ratio().total_cmp(&other.ratio()));
    let median = &rounds[rounds.len() / 2];
    println!("| {server} | {images} | {changes} | {median} |");
    rounds
        .iter()
        .all(|round| round.incremental.requests <= round.allowed)
}
