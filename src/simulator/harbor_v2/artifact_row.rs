use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Asked, NEVER,
    push::Kind,
    query::Query,
    records::{Artifact, Reference, Repository},
    stamp,
};
use crate::simulator::harbor::manifest;

const WASM: &str = "application/vnd.wasm.config.v1+json";
const IMAGE_ICON: &str = "sha256:0048162a053eef4d4ce3fe7518615bef084403614f8bca43b40ae2e762e11e06";
const CHART_ICON: &str = "sha256:61cf3a178ff0f75bf08a25d96b75cf7355dc197749a9f128ed3ef34b0df05518";
const OTHER_ICON: &str = "sha256:da834479c923584f4cbcdecc0dac61f32bef1d51e8aae598cf16bd154efab49f";
const SIGNATURE_ICON: &str =
    "sha256:20401d5b3a0f6dbc607c8d732eb08471af4ae6b19811a4efce8c6a724aed2882";

/// Which parts of an artifact were asked for.
pub(super) struct Flags {
    tags: bool,
    accessories: bool,
}

impl Flags {
    pub(super) fn of(query: &Query) -> Self {
        Self {
            tags: query.value("with_tag").is_none_or(|it| it == "true"),
            accessories: query.value("with_accessory") == Some("true"),
        }
    }
}

/// One artifact as Harbor shows it; fields in the order of their names.
#[derive(Serialize)]
pub(super) struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    accessories: Option<Value>,
    #[serde(skip_serializing_if = "Value::is_null")]
    addition_links: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    digest: String,
    #[serde(skip_serializing_if = "Value::is_null")]
    extra_attrs: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon: Option<&'static str>,
    id: u64,
    labels: (),
    manifest_media_type: &'static str,
    media_type: String,
    project_id: u64,
    pull_time: &'static str,
    push_time: String,
    references: Option<Vec<Value>>,
    repository_id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository_name: Option<String>,
    size: u64,
    tags: Option<Vec<TagRow>>,
    #[serde(rename = "type")]
    type_name: String,
}

#[derive(Serialize)]
struct TagRow {
    artifact_id: u64,
    id: u64,
    immutable: bool,
    name: String,
    pull_time: &'static str,
    push_time: String,
    repository_id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed: Option<bool>,
}

impl Asked<'_> {
    pub(super) fn artifact_row(
        &self,
        home: &Repository,
        artifact: &Artifact,
        flags: &Flags,
    ) -> Row {
        let release = self.release();
        Row {
            accessories: release
                .has_accessories()
                .then(|| self.accessories(home, artifact, flags)),
            addition_links: self.addition_links(home, artifact),
            artifact_type: (release.names_repository_in_artifacts()
                && artifact.kind != Kind::Index)
                .then(|| artifact.artifact_type().to_owned()),
            digest: artifact.digest.clone(),
            extra_attrs: self.extra_attrs(artifact),
            icon: release.has_accessories().then(|| artifact.icon()),
            id: artifact.id,
            labels: (),
            manifest_media_type: artifact.manifest_media_type(),
            media_type: artifact.media_type().to_owned(),
            project_id: home.project,
            pull_time: NEVER,
            push_time: stamp(artifact.pushed),
            references: (!artifact.references.is_empty()).then(|| references(artifact)),
            repository_id: home.id,
            repository_name: release
                .names_repository_in_artifacts()
                .then(|| home.path.clone()),
            size: artifact.size,
            tags: (flags.tags && !artifact.tags.is_empty()).then(|| self.tags(artifact)),
            type_name: artifact.type_name(),
        }
    }

    /// Newest first.
    fn tags(&self, artifact: &Artifact) -> Vec<TagRow> {
        let signed = self.release().has_notary_and_chartmuseum().then_some(false);
        let newest_first = artifact.tags.iter().rev();
        newest_first
            .map(|tag| TagRow {
                artifact_id: artifact.id,
                id: tag.id,
                immutable: false,
                name: tag.name.clone(),
                pull_time: NEVER,
                push_time: stamp(tag.pushed),
                repository_id: artifact.repository,
                signed,
            })
            .collect()
    }

    fn accessories(&self, home: &Repository, artifact: &Artifact, flags: &Flags) -> Value {
        let accessories = match flags.accessories {
            true => self.contents.accessories_of(artifact),
            false => Vec::new(),
        };
        let known = accessories.into_iter().filter(|accessory| {
            self.release().knows_referrers() || accessory.kind == Kind::Signature
        });
        let rows: Vec<_> = known
            .map(|accessory| {
                let is_signature = accessory.kind == Kind::Signature;
                let mut row = json!({
                    "artifact_id": accessory.id,
                    "creation_time": stamp(accessory.pushed),
                    "digest": accessory.digest,
                    "icon": if is_signature { SIGNATURE_ICON } else { "" },
                    "id": accessory.id,
                    "size": accessory.size,
                    "subject_artifact_id": artifact.id,
                    "type": if is_signature { "signature.cosign" } else { "subject.accessory" },
                });
                if self.release().knows_referrers() {
                    row["subject_artifact_digest"] = json!(artifact.digest);
                    row["subject_artifact_repo"] = json!(home.path);
                }
                row
            })
            .collect();
        if rows.is_empty() {
            Value::Null
        } else {
            Value::Array(rows)
        }
    }

    fn addition_links(&self, home: &Repository, artifact: &Artifact) -> Value {
        let names: &[&str] = match &artifact.kind {
            Kind::Image | Kind::Signature => &["build_history"],
            Kind::Chart => &["dependencies", "readme.md", "values.yaml"],
            Kind::Other(media_type) if media_type == WASM => &["build_history"],
            _ => return Value::Null,
        };
        let (project, name) = home.path.split_once('/').unwrap_or((&home.path, ""));
        let name = name.replace('/', "%252F");
        let base = format!("/api/v2.0/projects/{project}/repositories/{name}/artifacts");
        let link = |addition: &&str| {
            let href = format!("{base}/{}/additions/{addition}", artifact.digest);
            let link = json!({ "absolute": false, "href": href });
            ((*addition).to_owned(), link)
        };
        names.iter().map(link).collect()
    }

    fn extra_attrs(&self, artifact: &Artifact) -> Value {
        match &artifact.kind {
            Kind::Image if self.release().is_legacy() => json!({
                "architecture": artifact.platform.architecture,
                "author": null,
                "created": "2026-01-01T00:00:00Z",
                "os": artifact.platform.os,
            }),
            Kind::Image => json!({
                "architecture": artifact.platform.architecture,
                "author": "",
                "config": { "Cmd": ["/hello"], "Env": ["PATH=/usr/bin"] },
                "created": "2026-01-01T00:00:00Z",
                "os": artifact.platform.os,
            }),
            Kind::Signature => json!({
                "architecture": "",
                "author": "",
                "config": {},
                "created": null,
                "os": "",
            }),
            Kind::Chart => json!({
                "apiVersion": "v2",
                "appVersion": "1.16.0",
                "description": "A chart",
                "name": "chart",
                "version": "0.1.0",
            }),
            Kind::Other(media_type) if media_type == WASM => json!({
                "manifest.config.mediaType": WASM,
                "manifest.layers.mediaType": "application/vnd.wasm.content.layer.v1+wasm",
                "org.opencontainers.image.title": "",
            }),
            _ => Value::Null,
        }
    }
}

impl Artifact {
    /// Of the manifest.
    pub(super) fn manifest_media_type(&self) -> &'static str {
        match (&self.kind, self.docker) {
            (Kind::Index, true) => manifest::DOCKER_LIST,
            (Kind::Index, false) => manifest::OCI_INDEX,
            (Kind::Image, true) => manifest::DOCKER_IMAGE,
            _ => manifest::OCI_IMAGE,
        }
    }

    /// Of the config; of an index its own.
    pub(super) fn media_type(&self) -> &str {
        match (&self.kind, self.docker) {
            (Kind::Index, _) => self.manifest_media_type(),
            (Kind::Image, true) => "application/vnd.docker.container.image.v1+json",
            (Kind::Image | Kind::Signature, _) => "application/vnd.oci.image.config.v1+json",
            (Kind::Chart, _) => "application/vnd.cncf.helm.config.v1+json",
            (Kind::Referrer, _) => "application/vnd.oci.empty.v1+json",
            (Kind::Other(media_type), _) => media_type,
        }
    }

    pub(super) fn artifact_type(&self) -> &str {
        self.artifact_type
            .as_deref()
            .unwrap_or_else(|| self.media_type())
    }

    pub(super) fn type_name(&self) -> String {
        match &self.kind {
            Kind::Image | Kind::Index | Kind::Signature => "IMAGE".to_owned(),
            Kind::Chart => "CHART".to_owned(),
            Kind::Referrer => "UNKNOWN".to_owned(),
            Kind::Other(media_type) if media_type == WASM => "WASM".to_owned(),
            Kind::Other(media_type) => derived_type(media_type),
        }
    }

    fn icon(&self) -> &'static str {
        match self.kind {
            Kind::Image | Kind::Index | Kind::Signature => IMAGE_ICON,
            Kind::Chart => CHART_ICON,
            Kind::Referrer | Kind::Other(_) => OTHER_ICON,
        }
    }
}

/// `application/vnd.VENDOR.THING.config.v1+json` is a `THING`.
fn derived_type(media_type: &str) -> String {
    let vendor_and_rest = media_type.strip_prefix("application/vnd.");
    let thing = vendor_and_rest
        .and_then(|rest| rest.split_once('.'))
        .and_then(|(_, rest)| rest.split_once(".config."))
        .map(|(thing, _)| thing.to_uppercase());
    thing.unwrap_or_else(|| "UNKNOWN".to_owned())
}

fn references(artifact: &Artifact) -> Vec<Value> {
    let row = |reference: &Reference| {
        let platform = &reference.platform;
        let mut shown = json!({
            "OsFeatures": null,
            "architecture": platform.architecture,
            "os": platform.os,
        });
        if let Some(version) = &platform.os_version {
            shown["OsVersion"] = json!(version);
        }
        if let Some(variant) = &platform.variant {
            shown["variant"] = json!(variant);
        }
        let mut row = json!({
            "child_digest": reference.digest,
            "child_id": reference.id,
            "parent_id": artifact.id,
            "platform": shown,
            "urls": null,
        });
        if let Some(digest) = &reference.attests {
            row["annotations"] = json!({
                "vnd.docker.reference.digest": digest,
                "vnd.docker.reference.type": "attestation-manifest",
            });
        }
        row
    };
    artifact.references.iter().map(row).collect()
}
