//! Connects container registries to image security scanners.

pub mod clock;
pub mod config;
#[cfg(feature = "simulator")]
pub mod conformance;
pub mod connector;
pub mod error;
#[allow(dead_code, unreachable_pub, unused_imports)]
pub(crate) mod http;
pub mod image;
pub mod ingest;
pub mod inventory;
pub mod network;
pub mod pace;
#[cfg(feature = "simulator")]
pub mod simulator;
pub mod sync;
