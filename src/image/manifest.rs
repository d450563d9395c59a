use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Digest, RepositoryName, Tag};
use crate::clock::Timestamp;

/// What a manifest is, as far as the registry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ImageKind {
    /// A container image for one platform.
    Image,
    /// An index (manifest list) of images for several platforms.
    Index,
    /// A Helm chart.
    Chart,
    /// What the registry itself calls something else: a signature, a WASM module, a model.
    Other,
    /// The registry does not say.
    Unknown,
}

impl ImageKind {
    /// The kind's name in reports and in the inventory.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Index => "index",
            Self::Chart => "chart",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for ImageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an image runs on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// Operating system, as Go names it: `linux`, `windows`.
    pub os: String,
    /// Processor architecture, as Go names it: `amd64`, `arm64`.
    pub architecture: String,
    /// Variant of the processor: `v7`, `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Version of the operating system, told for Windows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant
            .as_ref()
            .map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

/// A tag of an image, with what the registry tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagRecord {
    /// The tag.
    pub name: Tag,
    /// When it was last set to this digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_at: Option<Timestamp>,
    /// When it will end by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// One manifest in one repository, with all its tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Where it lies.
    pub repository: RepositoryName,
    /// Its content address.
    pub digest: Digest,
    /// Its tags, sorted by name; empty for an untagged image.
    pub tags: Vec<TagRecord>,
    /// What it is.
    pub kind: ImageKind,
    /// The media type of the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Size in bytes as the registry counts it; how indexes are counted differs between products.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// What it runs on; those of its children for an index.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<Platform>,
    /// When it was pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_at: Option<Timestamp>,
    /// When it was last pulled, where a listing tells; an inventory does not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pulled_at: Option<Timestamp>,
}

/// One place where an image can be pulled from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// The repository.
    pub repository: RepositoryName,
    /// The manifest.
    pub digest: Digest,
    /// The tags that name it there; empty for an untagged image.
    pub tags: Vec<Tag>,
}
