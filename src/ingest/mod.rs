//! Ingestion: images leave the inventory for the scanner, no faster than the operator allowed.
//!
//! What an embedder writes is an [`ImageSink`]: it takes one image, with all its locations and the
//! right to pull them, and answers when the image is its own. The rest is done by an
//! [`ImageIngester`]. It claims the next image under a lease, together with a token of the speed
//! limit, renews the lease while the sink works, and records how it ended: acknowledged, to be
//! tried again, or parked after too many failures. What changes later for an image that the sink
//! knows is told to it as a [`Change`](crate::inventory::Change), without a token.
//!
//! ```
//! use std::sync::Arc;
//! use async_trait::async_trait;
//! use registry_intake::{
//!     config::SpeedLimit,
//!     connector::RegistryConnector,
//!     error::BoxError,
//!     ingest::{Delivery, ImageIngester, ImageSink, IngestEvent, SinkError, Until},
//!     inventory::{Change, Inventory},
//! };
//!
//! struct Scanner;
//!
//! #[async_trait]
//! impl ImageSink for Scanner {
//!     async fn ingest(&self, delivery: Delivery) -> Result<(), SinkError> {
//!         if let Some(location) = delivery.locations.first() {
//!             let access = delivery.pull_access(location).await?;
//!             println!("scanning {}", access.reference());
//!         }
//!         Ok(())
//!     }
//!
//!     async fn changed(&self, change: Change) -> Result<(), BoxError> {
//!         println!("{:?} in {}", change.kind, change.location.repository);
//!         Ok(())
//!     }
//! }
//!
//! async fn ingest(
//!     name: &str,
//!     registry: Arc<dyn RegistryConnector>,
//!     inventory: Arc<dyn Inventory>,
//!     stop: impl Future<Output = ()> + Send,
//! ) -> Result<(), BoxError> {
//!     let ingester = ImageIngester::builder(name, registry, inventory, Arc::new(Scanner))
//!         .pace(SpeedLimit::DEFAULT)
//!         .build()?;
//!     let report = ingester.run_observed(Until::IDLE, stop, |event| {
//!         if let IngestEvent::Waiting { until, pending } = event {
//!             println!("{pending} images wait, the next until {until}");
//!         }
//!     });
//!     println!("{} images ingested", report.await?.acknowledged);
//!     Ok(())
//! }
//! ```

mod changes;
mod delivery;
mod event;
mod hand;
mod ingester;
mod patience;
mod run;
mod sink;
mod until;

pub use delivery::Delivery;
pub use event::{IngestEvent, IngestReport};
pub use ingester::{ImageIngester, ImageIngesterBuilder};
pub use sink::{ImageSink, SinkError};
pub use until::Until;
