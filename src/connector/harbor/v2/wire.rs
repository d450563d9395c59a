//! The answers of Harbor's API 2.0, as far as the crate reads them.

use serde::{Deserialize, Deserializer};

use crate::{
    clock::Timestamp,
    error::BoxError,
    image::{Image, ImageKind, Platform, RepositoryName, TagRecord},
};

/// A row of a list, with the key by which the list is walked.
pub(super) trait Row: for<'de> Deserialize<'de> + Send {
    fn id(&self) -> u64;
}

#[derive(Debug, Deserialize)]
pub(super) struct ProjectWire {
    project_id: u64,
    pub(super) name: String,
    /// Present and above zero in proxy-cache projects only.
    registry_id: Option<u64>,
}

impl ProjectWire {
    pub(super) fn is_proxy_cache(&self) -> bool {
        self.registry_id.is_some_and(|id| id > 0)
    }
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
    pub(super) project_id: u64,
    /// Missing where it is zero.
    #[serde(default)]
    pub(super) artifact_count: u64,
    #[serde(default, deserialize_with = "told_time")]
    update_time: Option<Timestamp>,
}

impl RepositoryWire {
    pub(super) const fn updated_at(&self) -> Option<Timestamp> {
        self.update_time
    }
}

/// A row of an audit log.
#[derive(Debug, Deserialize)]
pub(super) struct LogRowWire {
    id: u64,
    #[serde(default)]
    pub(super) op_time: String,
    #[serde(default)]
    operation: String,
    #[serde(default)]
    resource_type: String,
    /// `PROJECT/REPOSITORY:TAG`; with the digest behind `:` or `@` for what has no tag.
    #[serde(default)]
    resource: String,
}

impl LogRowWire {
    /// Whether an image or a tag is there by it that was not before.
    pub(super) fn shows_image(&self) -> bool {
        self.operation == "create" && matches!(&*self.resource_type, "artifact" | "tag")
    }

    pub(super) fn repository(&self) -> Option<RepositoryName> {
        let (name, _) = self.resource.split_once([':', '@'])?;
        name.parse().ok()
    }
}

impl Row for LogRowWire {
    fn id(&self) -> u64 {
        self.id
    }
}

impl Row for RepositoryWire {
    fn id(&self) -> u64 {
        self.id
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct ArtifactWire {
    id: u64,
    digest: String,
    #[serde(rename = "type", default)]
    kind: String,
    manifest_media_type: Option<String>,
    size: Option<i64>,
    push_time: Option<String>,
    pull_time: Option<String>,
    tags: Option<Vec<TagWire>>,
    extra_attrs: Option<ExtraAttributes>,
    references: Option<Vec<ReferenceWire>>,
    /// The full path; told since 2.11.
    repository_name: Option<RepositoryName>,
}

impl Row for ArtifactWire {
    fn id(&self) -> u64 {
        self.id
    }
}

#[derive(Debug, Deserialize)]
struct TagWire {
    name: String,
    push_time: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ExtraAttributes {
    os: Option<String>,
    architecture: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ReferenceWire {
    platform: Option<PlatformWire>,
}

#[derive(Debug, Deserialize)]
struct PlatformWire {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
    #[serde(rename = "OsVersion")]
    os_version: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct UserWire {
    #[serde(default)]
    sysadmin_flag: bool,
    /// The right given by a group of the directory.
    #[serde(default)]
    admin_role_in_auth: bool,
}

impl UserWire {
    pub(super) const fn is_admin(&self) -> bool {
        self.sysadmin_flag || self.admin_role_in_auth
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct StatisticsWire {
    pub(super) total_project_count: u64,
    pub(super) total_repo_count: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct SystemInfoWire {
    pub(super) auth_mode: Option<String>,
    pub(super) harbor_version: Option<String>,
}

/// The first error of an error body.
#[derive(Debug, Deserialize)]
pub(super) struct ErrorsWire {
    errors: Vec<ErrorWire>,
}

#[derive(Debug, Deserialize)]
struct ErrorWire {
    #[serde(default)]
    message: String,
}

impl ErrorsWire {
    /// Whether the server has no such path at all, as older versions answer: a project that is
    /// missing is told in other words.
    pub(super) fn is_unknown_path(&self) -> bool {
        self.errors.iter().any(|error| {
            error.message.starts_with("path ") && error.message.ends_with(" was not found")
        })
    }

    /// Whether it is the project that is missing, and not something within.
    pub(super) fn is_unknown_project(&self) -> bool {
        self.errors.iter().any(|error| {
            error.message.starts_with("project ") && error.message.ends_with(" not found")
        })
    }
}

impl ArtifactWire {
    /// The row as an image. `repository` is where the list was asked for, for servers that do not
    /// say it in the row.
    pub(super) fn into_image(self, repository: Option<&RepositoryName>) -> Result<Image, BoxError> {
        let repository = match (self.repository_name, repository) {
            (Some(told), _) => told,
            (None, Some(asked)) => asked.clone(),
            (None, None) => return Err("an artifact without its repository's name".into()),
        };
        let references = self.references.unwrap_or_default();
        let media_type = self.manifest_media_type.filter(|text| !text.is_empty());
        let mut tags = self
            .tags
            .unwrap_or_default()
            .into_iter()
            .map(TagWire::into_record)
            .collect::<Result<Vec<_>, _>>()?;
        tags.sort_by(|one, other| one.name.cmp(&other.name));
        let is_index = !references.is_empty() || media_type.as_deref().is_some_and(is_index_type);
        let kind = match self.kind.as_str() {
            "IMAGE" if is_index => ImageKind::Index,
            "IMAGE" => ImageKind::Image,
            "CHART" => ImageKind::Chart,
            "" | "UNKNOWN" => ImageKind::Unknown,
            _ => ImageKind::Other,
        };
        let platforms = if is_index {
            references
                .into_iter()
                .filter_map(|reference| reference.platform?.into_platform())
                .collect()
        } else {
            self.extra_attrs
                .and_then(ExtraAttributes::into_platform)
                .into_iter()
                .collect()
        };
        Ok(Image {
            repository,
            digest: self.digest.parse()?,
            tags,
            kind,
            media_type,
            size: self.size.and_then(|size| u64::try_from(size).ok()),
            platforms,
            pushed_at: self.push_time.as_deref().and_then(time),
            pulled_at: self.pull_time.as_deref().and_then(time),
        })
    }
}

impl TagWire {
    fn into_record(self) -> Result<TagRecord, BoxError> {
        Ok(TagRecord {
            name: self.name.parse()?,
            pushed_at: self.push_time.as_deref().and_then(time),
            expires_at: None,
        })
    }
}

impl ExtraAttributes {
    fn into_platform(self) -> Option<Platform> {
        Some(Platform {
            os: known(self.os)?,
            architecture: known(self.architecture)?,
            variant: None,
            os_version: None,
        })
    }
}

impl PlatformWire {
    /// None for attestations, whose platform is `unknown/unknown`.
    fn into_platform(self) -> Option<Platform> {
        Some(Platform {
            os: known(Some(self.os))?,
            architecture: known(Some(self.architecture))?,
            variant: known(self.variant),
            os_version: known(self.os_version),
        })
    }
}

fn known(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty() && text != "unknown")
}

fn is_index_type(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.oci.image.index.v1+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json"
    )
}

fn told_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.as_deref().and_then(time))
}

/// The year 1 stands for no time at all, and is none.
fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}
