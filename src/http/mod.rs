//! The one HTTP layer: every request of every connector goes through it.
//!
//! It owns what must be the same everywhere: where a connection may go and who may receive
//! credentials, how often and when a request is repeated, how many are in flight, how much of an
//! answer is read, and what a failure is called.

mod account;
mod answer;
mod budget;
#[cfg(any(feature = "rustls", fuzzing))]
mod certificate;
mod client;
mod connecting;
mod cookies;
mod count;
mod exchange;
mod fault;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod gate;
#[cfg(feature = "rustls")]
mod handshake;
mod material;
mod origin;
mod pacing;
mod proxy;
mod request;
mod resolve;
mod retry;
mod signing;
mod stopwatch;
mod throttle;
#[cfg(feature = "rustls")]
mod tls;
mod transport;

pub(crate) use account::Account;
pub(crate) use answer::Answer;
pub(crate) use budget::Budget;
pub(crate) use client::{ConnectionSettings, HttpClient};
pub(crate) use connecting::{Phases, observed};
pub(crate) use cookies::Cookies;
pub use count::RequestCount;
pub(crate) use request::RequestBuilder;
pub(crate) use retry::Patience;
pub(crate) use signing::{Judgement, Outgoing, Signed, Signing};
pub(crate) use throttle::Throttle;

#[cfg(test)]
mod tests;
