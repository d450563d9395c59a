//! The answers of Quay's API, as far as the crate reads them.
//!
//! What older versions leave out is optional here. No 1.x or 2.x server was recorded: that their
//! shapes are these is read from the first public code, of 3.1.

use serde::Deserialize;

use crate::{
    clock::Timestamp,
    error::BoxError,
    image::{Digest, Image, ImageKind, Platform, RepositoryName, TagRecord},
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
            pulled_at: None,
        })
    }
}

/// One manifest.
#[derive(Debug, Deserialize)]
pub(super) struct ManifestWire {
    digest: String,
    #[serde(default)]
    is_manifest_list: bool,
    /// The manifest itself, as text.
    manifest_data: Option<String>,
}

/// What an index says of its children.
#[derive(Debug, Default, Deserialize)]
struct IndexWire {
    #[serde(rename = "mediaType")]
    media_type: Option<String>,
    #[serde(default)]
    manifests: Vec<ChildWire>,
}

#[derive(Debug, Deserialize)]
struct ChildWire {
    platform: Option<PlatformWire>,
}

#[derive(Debug, Deserialize)]
struct PlatformWire {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
    #[serde(rename = "os.version")]
    os_version: Option<String>,
}

impl ManifestWire {
    /// The manifest as its digest alone shows it.
    pub(super) fn into_image(
        self,
        repository: &RepositoryName,
        asked: &Digest,
    ) -> Result<Image, BoxError> {
        let digest: Digest = self.digest.parse()?;
        if digest != *asked {
            return Err("another manifest than the one asked for".into());
        }
        let index: IndexWire = self
            .manifest_data
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        let children = index.manifests.into_iter();
        Ok(Image {
            repository: repository.clone(),
            digest,
            tags: Vec::new(),
            kind: if self.is_manifest_list {
                ImageKind::Index
            } else {
                ImageKind::Unknown
            },
            media_type: index.media_type,
            size: None,
            platforms: children
                .filter_map(|child| child.platform?.into_platform())
                .collect(),
            pushed_at: None,
            pulled_at: None,
        })
    }
}

impl PlatformWire {
    /// None for attestations, whose platform is `unknown/unknown`.
    fn into_platform(self) -> Option<Platform> {
        let is_known = |text: &String| !text.is_empty() && text != "unknown";
        Some(Platform {
            os: Some(self.os).filter(is_known)?,
            architecture: Some(self.architecture).filter(is_known)?,
            variant: self.variant,
            os_version: self.os_version,
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
