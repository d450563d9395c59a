//! Connects container registries to image security scanners.

pub mod clock;
pub mod error;
pub mod image;
#[cfg(feature = "simulator")]
pub mod simulator;
