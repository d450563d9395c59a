//! Connects container registries to image security scanners.
//!
//! ```text
//! operator's config ──> connector ──> sync ──> inventory ──> ingester ──> sink (the scanner)
//!                       verify        diff     the truth     N images/h   the image, and the right to pull it
//! ```
//!
//! - [`config`] holds what an operator fills in, validated.
//! - [`connector`] connects to a registry: verification, listing, pull access.
//! - [`inventory`] keeps what exists, and is the queue of what is still to be ingested.
//! - [`network`] says where connections may go, from where they come, and how they are forwarded.
//! - [`selection`] says which images are for ingestion.
//! - [`sync`] makes the inventory true again.
//! - [`schedule`] says when that is due.
//! - [`ingest`] hands images to a scanner at the operator's pace.
//! - [`intake`] does all of it in one call, for any number of registries.
//!
//! The words are those of the trade: an *integration* is a registry that an operator has added, the
//! *speed limit* is in images per hour, to *ingest* an image is to hand it to the scanner.
//!
//! # Embedding
//!
//! The README has it in fifteen lines. Everything waits by a [`clock::Clock`], so that a test of the
//! embedder's own can run a day in a millisecond. Nothing is printed; events go to `tracing`.
//! Futures need a tokio runtime with its I/O and time enabled.
//!
//! # Errors
//!
//! What a registry integration can do wrong is an [`error::IntegrationError`]: each has a stable
//! [`error::ErrorCode`], tells where it happened, whether another try may help, and what the operator
//! should do.

pub mod clock;
pub mod config;
#[cfg(feature = "simulator")]
pub mod conformance;
pub mod connector;
pub mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub(crate) mod http;
pub mod image;
pub mod ingest;
pub mod intake;
pub mod inventory;
pub mod network;
pub mod pace;
pub mod schedule;
pub mod selection;
#[cfg(feature = "simulator")]
pub mod simulator;
pub mod sync;

/// The README's Rust compiles.
#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct Readme;
