//! Where connections may go, and from where they come.

pub mod address_pools;
mod egress;
pub mod forwarding;

pub use egress::{EgressPolicy, refusal};
