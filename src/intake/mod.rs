//! The whole in one call: verifies, schedules, syncs and ingests any number of integrations.
//!
//! [`Intake::run`] serves until it is told to stop. Meanwhile integrations are added, changed,
//! paused and removed, a sync or one image is asked for by hand, and [`Intake::status`] tells how
//! each of them stands; none of that needs `run` to be under way. Nothing is spawned: what `run`
//! does stops where its future is dropped. Several processes may serve the same integrations on one
//! inventory: each sync is done by one of them, and all keep one speed limit.
//!
//! Every part of it is usable apart: [`connect`](crate::connector::connect),
//! [`InventorySync`](crate::sync::InventorySync), [`ImageIngester`](crate::ingest::ImageIngester).

mod builder;
mod change;
mod error;
mod event;
mod image_name;
mod ingesting;
mod member;
mod service;
mod serving;
mod status;
mod syncing;

pub use builder::IntakeBuilder;
pub use change::IntegrationChange;
pub use error::IntakeError;
pub use event::IntakeEvent;
pub use service::{Intake, ScanWish};
pub use status::IntegrationStatus;
