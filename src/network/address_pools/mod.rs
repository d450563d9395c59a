//! The addresses from which registries are scanned, by region: what a registry that limits access must
//! let in.
//!
//! The table is that of the product document in its two editions, [`Edition`], which are kept apart.
//! They differ on six of the fifteen regions (Hangzhou, Shanghai, Beijing, Shenzhen, Hong Kong and
//! Singapore), and neither says which addresses it withdraws, so that the default is what either lists.
//! Whoever scans from other addresses gives an [`OwnTable`].
//!
//! # Oddities of the documents
//!
//! - Only the Chinese edition has a date. Where the editions differ, they have no public address and no
//!   private range in common.
//! - In the English edition Hong Kong has the same five public addresses as Shenzhen, which may be a slip
//!   of the document. They are kept as they stand.
//! - Private ranges are not unique: Hohhot and Virginia share `100.104.36.0/26`, Frankfurt and London
//!   share `172.16.0.0/20`. An address alone does not tell the region.
//! - `172.16.0.0/20` is an ordinary private range, so that addresses of an operator's own network may lie
//!   in it. All the others are in `100.64.0.0/10`, the shared range of carriers, in which Alibaba Cloud
//!   keeps its services.
//! - No edition lists an IPv6 address.

mod address_set;
mod allowlist;
mod edition;
mod error;
mod own_table;
mod pools;
mod region;

pub use address_set::{AddressError, AddressSet};
pub use allowlist::{Allowlist, RuleFormat};
pub use edition::Edition;
pub use error::PoolError;
pub use own_table::{OwnTable, TableUse};
pub use pools::{AddressPools, source_addresses};
pub use region::Region;

#[cfg(test)]
mod tests;
