//! The inventory: one suite for every store, and what is particular to each.

#[macro_use]
mod suite;
#[macro_use]
pub(crate) mod place;
pub(crate) mod guarded;
mod model;
mod postgres;
pub(crate) mod processes;
mod run_model;
mod sqlite;
pub(crate) mod stage;
