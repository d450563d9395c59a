use super::{
    push::Kind,
    records::{Manifest, Repository},
};
use crate::simulator::harbor::manifest;

/// What the registry makes of a manifest for who accepts these media types.
#[derive(Debug)]
pub(super) enum Given<'a> {
    AsStored(&'a Manifest),
    /// Converted, which changes the digest.
    AsSchema1(&'a Manifest),
    Refused(&'static str),
}

impl Given<'_> {
    /// What Harbor takes it for a pull of: whatever is one of Docker's images, by `HEAD` as by
    /// `GET`. The child that is given in the place of a list is pulled by digest, a list as such
    /// is not, nor is what was answered with 304. All recorded, save that OCI content does not
    /// count, which is read from the source.
    pub(super) fn counts_as_pull_of(&self, stored: &Manifest, reference: &str) -> Option<String> {
        let (Self::AsStored(image) | Self::AsSchema1(image)) = self else {
            return None;
        };
        let is_stored = image.digest == stored.digest;
        let pulled = if is_stored { reference } else { &image.digest };
        (image.kind == Kind::Image).then(|| pulled.to_owned())
    }
}

/// Recorded of Docker's types by tag; the rest is read from the source of distribution 2.8, OCI
/// and digests among it. By digest nothing is converted.
pub(super) fn negotiate<'a>(
    home: &'a Repository,
    stored: &'a Manifest,
    accept: &str,
    by_tag: bool,
) -> Given<'a> {
    let accepts = |media_type: &str| {
        let types = accept.split(',');
        let mut bare = types.map(|it| it.split(';').next().unwrap_or_default().trim());
        bare.any(|it| it == media_type)
    };
    let as_image = |image| {
        if accepts(manifest::DOCKER_IMAGE) {
            Given::AsStored(image)
        } else {
            Given::AsSchema1(image)
        }
    };
    match stored.kind {
        Kind::OciImage if !accepts(manifest::OCI_IMAGE) => {
            Given::Refused("OCI manifest found, but accept header does not support OCI manifests")
        }
        Kind::OciIndex if !accepts(manifest::OCI_INDEX) => {
            Given::Refused("OCI index found, but accept header does not support OCI indexes")
        }
        Kind::Image if by_tag => as_image(stored),
        Kind::List if by_tag && !accepts(manifest::DOCKER_LIST) => {
            let child = stored.default_child();
            match child.and_then(|child| home.manifests.get(&child.digest)) {
                Some(image) => as_image(image),
                None => Given::Refused("manifest unknown"),
            }
        }
        _ => Given::AsStored(stored),
    }
}
