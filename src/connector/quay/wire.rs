//! The answers of Quay's API, as far as the crate reads them.
//!
//! What older versions leave out is optional here. No 1.x or 2.x server was recorded: that their
//! shapes are these is read from the first public code, of 3.1.

use serde::Deserialize;

use crate::{
    clock::Timestamp,
    error::BoxError,
    image::{Image, ImageKind, RepositoryName, TagRecord},
};

#[derive(Debug, Deserialize)]
pub(super) struct OrganizationWire {
    #[serde(default)]
    pub(super) is_admin: bool,
}

#[derive(Deserialize)]
pub(super) struct CsrfWire {
    pub(super) csrf_token: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct SignInWire {
    #[serde(default)]
    pub(super) success: bool,
    #[serde(default, rename = "invalidCredentials")]
    pub(super) invalid_credentials: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct RepositoriesWire {
    pub(super) repositories: Vec<RepositoryWire>,
    pub(super) next_page: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RepositoryWire {
    pub(super) name: String,
    #[serde(default)]
    pub(super) is_public: bool,
    /// Seconds since the epoch; null where no tag is active, and missing where it was not asked
    /// for.
    #[serde(default, deserialize_with = "told")]
    pub(super) last_modified: Option<Option<i64>>,
}

impl RepositoryWire {
    pub(super) fn has_no_active_tag(&self) -> bool {
        self.last_modified == Some(None)
    }
}

/// Tells null apart from missing.
fn told<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<i64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[derive(Debug, Deserialize)]
pub(super) struct TagsWire {
    pub(super) tags: Vec<TagWire>,
    #[serde(default)]
    pub(super) has_additional: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct TagWire {
    pub(super) name: String,
    pub(super) manifest_digest: Option<String>,
    #[serde(default)]
    is_manifest_list: bool,
    size: Option<u64>,
    start_ts: Option<i64>,
    /// In the future, for a tag that will expire.
    end_ts: Option<i64>,
}

impl TagWire {
    /// The manifest as this tag shows it. Nothing in the record tells an image from a chart or a
    /// signature.
    pub(super) fn into_image(self, repository: &RepositoryName) -> Result<Image, BoxError> {
        let digest = self
            .manifest_digest
            .ok_or("a tag without the digest of its manifest")?;
        let pushed_at = self.start_ts.and_then(seconds);
        Ok(Image {
            repository: repository.clone(),
            digest: digest.parse()?,
            tags: vec![TagRecord {
                name: self.name.parse()?,
                pushed_at,
                expires_at: self.end_ts.and_then(seconds),
            }],
            kind: if self.is_manifest_list {
                ImageKind::Index
            } else {
                ImageKind::Unknown
            },
            media_type: None,
            size: self.size,
            platforms: Vec::new(),
            pushed_at,
        })
    }
}

fn seconds(seconds: i64) -> Option<Timestamp> {
    seconds
        .checked_mul(1_000_000_000)
        .map(Timestamp::from_unix_nanos)
}

/// `/config`, since 3.8.
#[derive(Debug, Deserialize)]
pub(super) struct ConfigWire {
    pub(super) version_number: Option<String>,
}
