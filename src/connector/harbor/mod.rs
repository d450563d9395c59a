//! Harbor 1.x and 2.x.
//!
//! Facts about the servers stand where the code depends on them; they were recorded on real
//! Harbor 1.10, 2.0, 2.5, 2.9, 2.11, 2.12 and 2.15.

mod answers;
mod pull;
mod server;
mod session;
pub(super) mod v1;
pub(super) mod v2;
