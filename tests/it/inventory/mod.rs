//! The inventory: one suite for every store, and what is particular to each.

#[macro_use]
mod suite;
#[macro_use]
mod place;
pub(crate) mod guarded;
mod model;
mod postgres;
mod processes;
mod run_model;
mod sqlite;
pub(crate) mod stage;
