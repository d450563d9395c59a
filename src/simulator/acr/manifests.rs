//! Manifests of images that have no content.

use serde_json::{Value, json};

use super::contents::Tag;
use crate::simulator::made_up::{digest_of, id_in};

pub(super) const MEDIA_TYPE: &str = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

impl Tag {
    /// The digest of the one layer of its image.
    pub(super) fn layer(&self) -> String {
        digest_of(id_in(&self.digest).unwrap_or_default().rotate_left(32))
    }
}

/// As the registry's own API shows it.
pub(super) fn shown(tag: &Tag) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MEDIA_TYPE,
        "config": { "mediaType": CONFIG, "size": 1457, "digest": tag.image_id() },
        "layers": [{ "mediaType": LAYER, "size": tag.size, "digest": tag.layer() }],
    })
}

/// As Alibaba's API shows it.
pub(super) fn capitalised(tag: &Tag) -> Value {
    json!({
        "SchemaVersion": 2,
        "MediaType": MEDIA_TYPE,
        "Config": { "MediaType": CONFIG, "Size": 1457, "Digest": tag.image_id() },
        "Layers": [{ "MediaType": LAYER, "Size": tag.size, "Digest": tag.layer() }],
    })
}
