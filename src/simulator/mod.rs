//! Registries in this process, over real HTTP on a loopback port: for tests, examples, benches
//! and for embedders who want to try their own program against a registry that misbehaves.
//!
//! One type per kind of registry: [`HarborV1`], [`HarborV2`], [`Quay`], [`AcrEnterprise`] and
//! [`AcrPersonal`], each in a module with its own contents
//! and accounts, which may change while it runs. What they share is a [`Server`]: every request is
//! counted and logged in a [`RequestLog`], and [`Faults`] can be switched on at any moment.
//!
//! An outside crate simulates a registry of its own by a [`Handler`], which makes an [`Answer`] of
//! each [`Request`], behind a [`Server`].
//!
//! ```
//! use registry_intake::simulator::{Action, Fault, HarborV2, harbor_v2::Push};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
//! let harbor = HarborV2::builder().start().await?;
//! harbor.change(|contents| contents.push("library/nginx", Push::image().tag("1.27")));
//! harbor.faults().arm(Fault::new(Action::unavailable(Some("1"))).nth(2));
//! println!("{} as {} / {}", harbor.url(), HarborV2::USERNAME, HarborV2::PASSWORD);
//! # Ok(()) }
//! ```
//!
//! The answers are held to recordings of real servers by a test. What no recording shows is
//! marked so in the code.

pub mod acr;
mod exchange;
mod fault;
mod harbor;
pub mod harbor_v1;
pub mod harbor_v2;
mod held;
mod jwt;
mod log;
mod made_up;
mod platform;
pub mod quay;
mod rows;
mod server;
mod sized;

pub use acr::{
    enterprise::{AcrEnterprise, AcrEnterpriseBuilder},
    personal::{AcrPersonal, AcrPersonalBuilder},
};
pub use exchange::{Answer, Request};
pub use fault::{Action, Fault, Faults};
pub use harbor_v1::{HarborV1, HarborV1Builder};
pub use harbor_v2::{HarborV2, HarborV2Builder};
pub use log::{Logged, RequestLog};
pub use platform::Platform;
pub use quay::{Quay, QuayBuilder};
pub use server::{Handler, Server};
