//! Sync: one run makes the inventory true again.
//!
//! [`InventorySync`] lists a registry and writes what it sees, page by page. Only a run whose
//! listing is proved marks anything as gone, and only what that run covers; a run that fails half
//! way leaves everything that it did not see as it was.
//!
//! ```
//! use std::sync::Arc;
//! use registry_intake::{
//!     connector::RegistryConnector,
//!     inventory::Inventory,
//!     sync::{InventorySync, SyncError},
//! };
//!
//! async fn refresh(
//!     name: &str,
//!     registry: Arc<dyn RegistryConnector>,
//!     inventory: Arc<dyn Inventory>,
//! ) -> Result<(), SyncError> {
//!     let report = InventorySync::new(name, registry, inventory).run().await?;
//!     println!("{} images, {} new, {} gone", report.listed, report.new, report.gone);
//!     if let Some(failure) = &report.failure {
//!         println!("not complete: {}. {}", failure.message, failure.remedy);
//!     }
//!     Ok(())
//! }
//! ```

mod dry_run;
mod error;
mod event;
mod opening;
mod record;
mod run;
mod schedule;
mod sieve;

pub use dry_run::DryRun;
pub use error::SyncError;
pub use event::{FallBack, SyncEvent};
pub use run::InventorySync;
pub use schedule::{DueRun, PastRuns, next_run};
