//! What a listing costs: requests against the least possible, and memory against the registry's
//! size. Fails where a listing asks for more than it must, or where memory grows with the registry.
//!
//! `cargo bench --bench listing` takes 10 and 100 thousand artifacts; more sizes may be added:
//! `cargo bench --bench listing -- 1000000`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod memory;
mod registry;
mod requests;
mod subject;

use std::{env, process::ExitCode};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// This process re-executes itself, so that the registry's heap is not counted and every subject
/// starts afresh.
fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [registry::ROLE, artifacts] => {
            registry::serve(artifacts.parse().unwrap());
            ExitCode::SUCCESS
        }
        [subject::ROLE, name, port] => {
            subject::measure(name, port.parse().unwrap());
            ExitCode::SUCCESS
        }
        _ => {
            let more = arguments.iter().filter_map(|text| text.parse().ok());
            let are_least = requests::are_least() & requests::are_least_of_1_x();
            if memory::is_flat(more) && are_least {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
    }
}
