use serde_json::{Value, json};

use super::{
    asked::Asked,
    records::{Content, Home, Manifest, Reference},
    refusal::Refusal,
    rights::Viewer,
};
use crate::simulator::{
    exchange::Answer,
    made_up::{digest_of, id_in},
};

const DOCKER_IMAGE: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const OCI_IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+json";
const SIGNED_SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

impl Asked<'_> {
    /// `GET /v2/NAMESPACE/NAME/manifests/REFERENCE`. Whoever does not accept what there is gets
    /// something else, under another digest.
    pub(super) fn manifest(&self, path: &str, reference: &str) -> Result<Answer, Refusal> {
        let home = match self.pulled(path) {
            Ok(home) => home,
            Err(refused) => return Ok(refused),
        };
        let unknown = || Refusal::Registry(404, "MANIFEST_UNKNOWN", "manifest unknown".to_owned());
        let digest = if reference.contains(':') {
            Some(reference.to_owned())
        } else {
            self.contents.find_tag(home, reference, self.now)
        };
        let manifest = digest.and_then(|digest| self.contents.manifest(home, &digest));
        let manifest = manifest.ok_or_else(unknown)?;
        let accept = self.request.header("Accept").unwrap_or_default();
        let accepts = |media_type: &str| {
            let mut accepted = accept.split(',');
            accepted.any(|one| one.split(';').next().map(str::trim) == Some(media_type))
        };
        let is_list = manifest.children().is_some();
        if accepts(manifest.media_type()) || manifest.is_schema_1() {
            return Ok(shown(&manifest, home, reference));
        }
        let child = self.amd64_child(home, &manifest);
        match child.filter(|child| is_list && accepts(child.media_type())) {
            Some(child) if manifest.docker => Ok(shown(&child, home, reference)),
            _ => Ok(converted(&manifest, home, reference)),
        }
    }

    /// `GET /repository/NAMESPACE/NAME/manifest/DIGEST`
    pub(super) fn api_manifest(
        &self,
        viewer: &Viewer,
        namespace: &str,
        name: &str,
        digest: &str,
    ) -> Result<Answer, Refusal> {
        let home = self.readable(viewer, namespace, name)?;
        let manifest = self.contents.manifest(home, digest);
        let manifest = manifest.ok_or(Refusal::NotFound)?;
        let data = manifest.data(home, digest);
        let (size, layers) = match manifest.content {
            Content::Index(_) => (0, Value::Null),
            Content::SchemaOne => (0, json!([layer(&manifest, None)])),
            Content::Image(_) => (
                manifest.size,
                json!([layer(&manifest, Some(manifest.size))]),
            ),
        };
        let body = json!({
            "digest": manifest.digest,
            "is_manifest_list": manifest.children().is_some(),
            "manifest_data": data.to_string(),
            "config_media_type": data["config"]["mediaType"],
            "layers_compressed_size": size,
            "layers": layers,
        });
        Ok(Answer::json(200, "application/json", &body))
    }

    /// The image of an index for linux/amd64.
    fn amd64_child(&self, home: &Home, index: &Manifest) -> Option<Manifest> {
        let mut children = index.children()?.iter();
        let child = children
            .find(|child| child.platform.os == "linux" && child.platform.architecture == "amd64")?;
        let manifest = self.contents.manifest(home, &child.digest)?;
        Some(manifest.into_owned())
    }
}

impl Manifest {
    fn data(&self, home: &Home, reference: &str) -> Value {
        match &self.content {
            Content::SchemaOne => schema_1(home, reference, true),
            Content::Index(children) => index(self, children),
            Content::Image(config) => image(self, *config),
        }
    }

    fn is_schema_1(&self) -> bool {
        matches!(self.content, Content::SchemaOne)
    }

    fn media_type(&self) -> &'static str {
        match (&self.content, self.docker) {
            (Content::SchemaOne, _) => SIGNED_SCHEMA_1,
            (Content::Index(_), true) => DOCKER_LIST,
            (Content::Index(_), false) => OCI_INDEX,
            (Content::Image(_), true) => DOCKER_IMAGE,
            (Content::Image(_), false) => OCI_IMAGE,
        }
    }
}

fn shown(manifest: &Manifest, home: &Home, reference: &str) -> Answer {
    let body = manifest.data(home, reference);
    Answer::new(200, manifest.media_type(), body.to_string())
        .with("Docker-Content-Digest", manifest.digest.clone())
}

fn layer(manifest: &Manifest, size: Option<u64>) -> Value {
    json!({
        "index": 0,
        "compressed_size": size,
        "is_remote": false,
        "urls": null,
        "command": null,
        "comment": null,
        "author": null,
        "blob_digest": manifest.digest,
        "created_datetime": null,
    })
}

/// In schema 1, which by now nobody wants.
fn converted(manifest: &Manifest, home: &Home, reference: &str) -> Answer {
    let digest = digest_of(!id_in(&manifest.digest).unwrap_or_default());
    Answer::new(200, SCHEMA_1, schema_1(home, reference, false).to_string())
        .with("Docker-Content-Digest", digest)
}

fn schema_1(home: &Home, tag: &str, signed: bool) -> Value {
    let mut body = json!({
        "tag": tag,
        "name": home.settings.path(),
        "architecture": "amd64",
        "schemaVersion": 1,
        "history": [{ "v1Compatibility": "{\"architecture\": \"amd64\", \"os\": \"linux\"}" }],
        "fsLayers": [{ "blobSum": digest_of(home.id) }],
    });
    if signed {
        let header = json!({ "alg": "ES256", "jwk": { "crv": "P-256", "kid": "", "kty": "EC", "x": "", "y": "" } });
        body["signatures"] = json!([{ "header": header, "signature": "", "protected": "" }]);
    }
    body
}

fn index(manifest: &Manifest, children: &[Reference]) -> Value {
    let child_type = if manifest.docker {
        DOCKER_IMAGE
    } else {
        OCI_IMAGE
    };
    let rows = children.iter().map(|child| {
        let mut platform = json!({
            "architecture": child.platform.architecture,
            "os": child.platform.os,
        });
        if let Some(variant) = &child.platform.variant {
            platform["variant"] = json!(variant);
        }
        if let Some(version) = &child.platform.os_version {
            platform["os.version"] = json!(version);
        }
        let mut row = json!({
            "mediaType": child_type,
            "size": 440,
            "digest": child.digest,
            "platform": platform,
        });
        if let Some(digest) = &child.attests {
            row["annotations"] = json!({
                "vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": digest,
            });
        }
        row
    });
    json!({
        "schemaVersion": 2,
        "mediaType": manifest.media_type(),
        "manifests": rows.collect::<Vec<_>>(),
    })
}

fn image(manifest: &Manifest, config: Option<&str>) -> Value {
    let (own_config, layer) = if manifest.docker {
        (
            "application/vnd.docker.container.image.v1+json",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        )
    } else {
        (
            "application/vnd.oci.image.config.v1+json",
            "application/vnd.oci.image.layer.v1.tar+gzip",
        )
    };
    json!({
        "schemaVersion": 2,
        "mediaType": manifest.media_type(),
        "config": {
            "mediaType": config.unwrap_or(own_config),
            "size": 392,
            "digest": manifest.digest,
        },
        "layers": [{ "mediaType": layer, "size": manifest.size, "digest": manifest.digest }],
    })
}
