//! Connects container registries to image security scanners.

pub mod clock;
pub mod error;
pub mod image;
pub mod inventory;
pub mod pace;
#[cfg(feature = "simulator")]
pub mod simulator;
