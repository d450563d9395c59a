//! What can go wrong with a registry integration, typed, coded and explained.
//!
//! [`IntegrationError`] is the error of everything that talks to a registry. Each variant has a
//! stable [`ErrorCode`], says where it happened ([`ErrorContext`]), whether another try may help,
//! and what the operator should do ([`Guidance`]). [`ErrorRecord`] is the form that is stored and
//! sent.

mod code;
mod context;
mod guidance;
mod integration;
mod language;
mod message;
mod particulars;
mod reason;
mod record;

pub use code::{ErrorCode, UnknownErrorCode};
pub use context::{ErrorContext, Step};
pub(crate) use guidance::Case;
pub use guidance::Guidance;
pub use integration::{BoxError, IntegrationError};
pub use language::{Language, UnknownLanguage};
pub(crate) use particulars::realm_hosts;
pub use particulars::{PresentedCertificate, SourceAddresses};
pub use reason::{
    AccountKind, Incompleteness, NetworkPhase, RefusedAddress, RegistryUserMissing, TlsFault,
    Unsupported, Violation,
};
pub use record::ErrorRecord;

#[cfg(test)]
pub(crate) use language::assert_translated;
