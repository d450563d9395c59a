//! Manifests that fit what they stand for, though they do not hash to its digest.

use serde_json::{Value, json};

use crate::simulator::Platform;

pub(in crate::simulator) const DOCKER_IMAGE: &str =
    "application/vnd.docker.distribution.manifest.v2+json";
pub(in crate::simulator) const DOCKER_LIST: &str =
    "application/vnd.docker.distribution.manifest.list.v2+json";
pub(in crate::simulator) const OCI_IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
pub(in crate::simulator) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// One entry of an index.
pub(in crate::simulator) struct Entry<'a> {
    pub(in crate::simulator) digest: &'a str,
    pub(in crate::simulator) platform: &'a Platform,
    /// The digest of the entry that this one attests.
    pub(in crate::simulator) attests: Option<&'a str>,
}

pub(in crate::simulator) fn index<'a>(
    media_type: &str,
    entries: impl Iterator<Item = Entry<'a>>,
) -> Value {
    let child_type = if media_type == DOCKER_LIST {
        DOCKER_IMAGE
    } else {
        OCI_IMAGE
    };
    let children = entries.map(|entry| {
        let mut platform = json!({
            "architecture": entry.platform.architecture,
            "os": entry.platform.os,
        });
        if let Some(variant) = &entry.platform.variant {
            platform["variant"] = json!(variant);
        }
        if let Some(version) = &entry.platform.os_version {
            platform["os.version"] = json!(version);
        }
        let mut child = json!({
            "mediaType": child_type,
            "digest": entry.digest,
            "size": 512,
            "platform": platform,
        });
        if let Some(digest) = entry.attests {
            child["annotations"] = json!({
                "vnd.docker.reference.digest": digest,
                "vnd.docker.reference.type": "attestation-manifest",
            });
        }
        child
    });
    json!({
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": children.collect::<Vec<_>>(),
    })
}

/// A manifest of one layer.
pub(in crate::simulator) fn image(
    media_type: &str,
    config_type: &str,
    digest: &str,
    size: u64,
) -> Value {
    let layer_type = if media_type == DOCKER_IMAGE {
        "application/vnd.docker.image.rootfs.diff.tar.gzip"
    } else {
        "application/vnd.oci.image.layer.v1.tar+gzip"
    };
    json!({
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": {
            "mediaType": config_type,
            "digest": digest,
            "size": 512,
        },
        "layers": [{
            "mediaType": layer_type,
            "digest": digest,
            "size": size,
        }],
    })
}
