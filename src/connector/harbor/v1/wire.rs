//! The answers of Harbor's API 1.x, as far as the crate reads them.

use serde::Deserialize;

use crate::{
    clock::Timestamp,
    error::BoxError,
    image::{Image, ImageKind, Platform, RepositoryName, Tag, TagRecord},
};

/// A row of a list, with the number that tells it from others.
pub(super) trait Row: for<'de> Deserialize<'de> + Send {
    fn id(&self) -> u64;
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct ProjectWire {
    project_id: u64,
    pub(super) name: String,
    pub(super) repo_count: u64,
}

impl Row for ProjectWire {
    fn id(&self) -> u64 {
        self.project_id
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct RepositoryWire {
    id: u64,
    /// The full path, with the project.
    pub(super) name: RepositoryName,
    /// Zero also where the server failed to ask its registry.
    #[serde(default)]
    pub(super) tags_count: u64,
}

impl Row for RepositoryWire {
    fn id(&self) -> u64 {
        self.id
    }
}

/// A row of the access log.
#[derive(Debug, Deserialize)]
pub(super) struct LogRowWire {
    log_id: u64,
    pub(super) project_id: u64,
    /// The full path; that of a project ends with the slash.
    pub(super) repo_name: String,
    pub(super) op_time: Timestamp,
}

impl Row for LogRowWire {
    fn id(&self) -> u64 {
        self.log_id
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct UserWire {
    has_admin_role: FlagWire,
}

/// The early releases write 0 or 1 (read from the source).
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum FlagWire {
    Flag(bool),
    Number(i64),
}

impl UserWire {
    pub(super) const fn is_admin(&self) -> bool {
        match self.has_admin_role {
            FlagWire::Flag(flag) => flag,
            FlagWire::Number(number) => number != 0,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct StatisticsWire {
    pub(super) total_project_count: u64,
    pub(super) total_repo_count: u64,
}

/// An error body, which is sent as plain text.
#[derive(Debug, Deserialize)]
pub(super) struct ErrorWire {
    #[serde(default)]
    pub(super) message: String,
}

/// A page of the registry's catalog.
#[derive(Debug, Deserialize)]
pub(super) struct CatalogWire {
    /// Null where there is none.
    pub(super) repositories: Option<Vec<String>>,
}

/// The name of a tag alone.
#[derive(Debug, Deserialize)]
pub(super) struct NameWire {
    pub(super) name: Tag,
}

/// A tag with what Harbor found out about its manifest by asking the registry.
#[derive(Debug, Deserialize)]
pub(super) struct TagWire {
    name: String,
    /// Empty where Harbor could not read the manifest.
    digest: String,
    size: Option<i64>,
    os: Option<String>,
    #[serde(rename = "os.version")]
    os_version: Option<String>,
    architecture: Option<String>,
    push_time: Option<String>,
    pull_time: Option<String>,
}

/// A manifest as the registry holds it.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) digest: String,
    pub(super) media_type: String,
}

impl Manifest {
    pub(super) fn kind(&self) -> ImageKind {
        match self.media_type.as_str() {
            "application/vnd.oci.image.index.v1+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json" => ImageKind::Index,
            _ => ImageKind::Unknown,
        }
    }
}

impl TagWire {
    /// Whether the row is sure to show what the tag names. Harbor 1.x asks its registry for Docker
    /// manifests alone: an OCI manifest has no digest here, and an index has that of its amd64 child.
    /// It takes in neither, so that what it saw being pushed is what it seems. What it did not see has
    /// no time, and so has what was there before an upgrade or has a name that it could not read.
    pub(super) fn is_certain(&self) -> bool {
        !self.digest.is_empty() && time(self.push_time.as_deref()).is_some()
    }

    pub(super) fn tag(&self) -> Result<Tag, BoxError> {
        Ok(self.name.parse()?)
    }

    /// The digest that the row shows.
    pub(super) fn digest(&self) -> Option<&str> {
        Some(self.digest.as_str()).filter(|digest| !digest.is_empty())
    }

    /// The image that the row shows.
    pub(super) fn into_image(self, repository: &RepositoryName) -> Result<Image, BoxError> {
        let pushed_at = time(self.push_time.as_deref());
        let name = self.tag()?;
        let platform = known(self.os).zip(known(self.architecture));
        Ok(Image {
            repository: repository.clone(),
            digest: self.digest.parse()?,
            tags: vec![TagRecord {
                name,
                pushed_at,
                expires_at: None,
            }],
            kind: ImageKind::Unknown,
            media_type: None,
            size: self.size.and_then(|size| u64::try_from(size).ok()),
            platforms: platform
                .map(|(os, architecture)| Platform {
                    os,
                    architecture,
                    variant: None,
                    os_version: known(self.os_version),
                })
                .into_iter()
                .collect(),
            pushed_at,
            pulled_at: time(self.pull_time.as_deref()),
        })
    }

    /// The same of what the registry holds, to which the rest of the row does not belong.
    pub(super) fn into_image_of(
        mut self,
        manifest: Manifest,
        repository: &RepositoryName,
    ) -> Result<Image, BoxError> {
        let kind = manifest.kind();
        self.digest = manifest.digest;
        Ok(Image {
            kind,
            media_type: Some(manifest.media_type),
            size: None,
            platforms: Vec::new(),
            ..self.into_image(repository)?
        })
    }
}

fn known(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// The year 1 stands for no time at all, and is none.
fn time(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}
