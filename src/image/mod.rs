//! What a registry holds, as plain data: images, digests, tags, platforms, and the scopes in
//! which a registry is listed.

mod change;
mod digest;
mod manifest;
mod name;
mod page;
mod registry;
mod scope;

pub use change::{BlindSpot, ChangeMark};
pub use digest::{Digest, InvalidDigest};
pub use manifest::{Image, ImageKind, Location, Platform, TagRecord};
pub use name::{InvalidName, Reference, RepositoryName, Tag};
pub use page::{Cursor, Entry, EntryPage, Next};
pub use registry::RegistryKind;
pub use scope::{Exclusion, Proof, Scope};
