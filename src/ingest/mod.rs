//! Ingestion: images leave the inventory for the scanner, no faster than the operator allowed.
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
