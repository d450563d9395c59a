//! Where connections may go.

mod address;
mod embedded;
mod policy;

pub use address::refusal;
pub use policy::EgressPolicy;
