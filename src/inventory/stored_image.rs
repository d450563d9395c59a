use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    error::ErrorRecord,
    image::{Image, ImageKind},
};

/// An image as a listing shows it, and whether it is for ingestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting<'a> {
    /// The image.
    pub image: &'a Image,
    /// Why it is not for ingestion; none where it is.
    pub omission: Option<Omission>,
}

impl<'a> Sighting<'a> {
    /// An image that nothing but its own nature keeps from ingestion.
    #[must_use]
    pub fn of(image: &'a Image) -> Self {
        Self {
            image,
            omission: Omission::of(image),
        }
    }
}

/// Why an image that exists is not for ingestion. It is stored all the same, is never gone by that,
/// and waits as soon as a later run finds it to be for ingestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Omission {
    /// It has no tag.
    Untagged,
    /// The registry calls it something else than an image.
    NotAnImage,
    /// Its tags mark it as the signature, attestation or SBOM of another image.
    Companion,
    /// The selection takes neither its namespace nor its repository.
    Repository,
    /// The selection takes none of its tags.
    Tag,
    /// The selection does not take its kind.
    Kind,
    /// The selection takes none of its platforms.
    Platform,
    /// It was neither pushed nor pulled within the time selected.
    Age,
    /// Its repository has as many newer tags as the selection takes.
    Surplus,
}

impl Omission {
    /// What keeps an image from ingestion unless a selection says otherwise or it is asked for by
    /// hand: it has no tag, the registry calls it something else, or all its tags mark it as the
    /// signature, attestation or SBOM of another image.
    #[must_use]
    pub fn of(image: &Image) -> Option<Self> {
        match image.kind {
            ImageKind::Image | ImageKind::Index | ImageKind::Unknown => {}
            _ => return Some(Self::NotAnImage),
        }
        if image.tags.is_empty() {
            return Some(Self::Untagged);
        }
        let companion = image.tags.iter().all(|tag| tag.name.is_cosign());
        companion.then_some(Self::Companion)
    }

    /// The reason's name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Untagged => "untagged",
            Self::NotAnImage => "not_an_image",
            Self::Companion => "companion",
            Self::Repository => "repository",
            Self::Tag => "tag",
            Self::Kind => "kind",
            Self::Platform => "platform",
            Self::Age => "age",
            Self::Surplus => "surplus",
        }
    }
}

/// What is the matter with a stored image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ImageState {
    /// Waits to be ingested.
    Pending,
    /// Handed to the sink, not acknowledged yet.
    InHand,
    /// Acknowledged.
    Ingested,
    /// Failed too often; waits to be re-queued.
    Parked,
    /// Stored but not for ingestion.
    LeftOut,
    /// No longer in the registry.
    Gone,
}

impl ImageState {
    /// The state's name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InHand => "in_hand",
            Self::Ingested => "ingested",
            Self::Parked => "parked",
            Self::LeftOut => "left_out",
            Self::Gone => "gone",
        }
    }
}

/// How many work items are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StateCounts {
    /// Waiting.
    pub pending: u64,
    /// With the sink.
    pub in_hand: u64,
    /// Done.
    pub ingested: u64,
    /// Failed too often.
    pub parked: u64,
    /// Not for ingestion.
    pub left_out: u64,
    /// No longer in the registry.
    pub gone: u64,
}

/// An image of the inventory in one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredImage {
    /// The image as it was last seen.
    pub image: Image,
    /// Its state; [`ImageState::Gone`] where it is gone from this repository.
    pub state: ImageState,
    /// Why this location does not make it one for ingestion. Another location may.
    pub omission: Option<Omission>,
    /// When it was first seen here.
    pub first_seen_at: Timestamp,
    /// When it was ingested, where it was.
    pub ingested_at: Option<Timestamp>,
    /// Why it was last given back or parked.
    pub failure: Option<ErrorRecord>,
}
