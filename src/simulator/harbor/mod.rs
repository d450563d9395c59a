//! What the simulated Harbors of all versions do alike.

mod child;
mod date;
mod escape;
mod lockout;
pub(super) mod manifest;
pub(super) mod pages;
mod role;
pub(super) mod tokens;

pub use child::Child;
pub(super) use date::http_date;
pub(super) use escape::in_query;
pub(super) use lockout::Lockout;
pub use role::Role;
