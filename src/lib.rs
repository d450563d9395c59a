//! Connects container registries to image security scanners.

pub mod clock;
#[cfg(feature = "simulator")]
pub mod simulator;
