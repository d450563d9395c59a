//! What the inventory makes of a page, against a bare prepared statement, and what a claim takes by
//! the number of images that wait: on SQLite, and on PostgreSQL where that is installed.
//!
//! `cargo bench --bench inventory` takes claims of 10 and 100 thousand images; more sizes may be
//! added: `cargo bench --bench inventory -- 1000000`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod bare;
mod claims;
mod images;
#[path = "../../tests/it/left_out.rs"]
mod left_out;
// The benches need less of it than the tests.
#[allow(dead_code)]
#[path = "../../tests/it/postgres_server.rs"]
mod postgres_server;
#[path = "../ratio/mod.rs"]
mod ratio;
mod stores;
mod upserts;

use std::env;

use stores::Store;
use tokio::runtime::Builder;

fn main() {
    let more: Vec<u64> = env::args().filter_map(|text| text.parse().ok()).collect();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let stores = Store::installed();
    for store in &stores {
        upserts::compare(&runtime, store);
    }
    println!("\nclaims by the number of images that wait");
    println!("| store | images that wait | p50 | p95 | times the fewest, p50 | p95 |");
    println!("|---|---|---|---|---|---|");
    for store in &stores {
        runtime.block_on(claims::compare(store, &more));
    }
}
