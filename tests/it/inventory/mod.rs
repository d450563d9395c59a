//! The inventory: one suite for every store, and what is particular to each.

#[macro_use]
mod suite;
mod model;
mod processes;
mod run_model;
mod sqlite;
pub(crate) mod stage;
