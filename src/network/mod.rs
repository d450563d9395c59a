//! Where connections may go.

mod egress;

pub use egress::refusal;
