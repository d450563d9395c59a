//! Images as a Harbor tells them.

use std::time::Duration;

use registry_intake::{
    clock::Timestamp,
    image::{Image, ImageKind, Platform, TagRecord},
};

/// How many images a page has, as with Harbor.
pub(crate) const PAGE: u64 = 100;

const IMAGES_PER_REPOSITORY: u64 = 10;

/// The repository of the image with this number, counted from 1.
pub(crate) const fn repository_of(number: u64) -> u64 {
    number / IMAGES_PER_REPOSITORY + 1
}

/// The image with this number, under this tag.
pub(crate) fn image(number: u64, tag: &str) -> Image {
    let pushed_at = Some(Timestamp::UNIX_EPOCH.saturating_add(Duration::from_secs(number)));
    // Digests are in no order.
    let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Image {
        repository: format!("project/app-{}", repository_of(number))
            .parse()
            .unwrap(),
        digest: format!("sha256:{hash:016x}{number:048x}").parse().unwrap(),
        tags: vec![TagRecord {
            name: tag.parse().unwrap(),
            pushed_at,
            expires_at: None,
        }],
        kind: ImageKind::Image,
        media_type: Some("application/vnd.oci.image.manifest.v1+json".to_owned()),
        size: Some(30_000_000 + number),
        platforms: vec![Platform {
            os: "linux".to_owned(),
            architecture: "amd64".to_owned(),
            variant: None,
            os_version: None,
        }],
        pushed_at,
        pulled_at: None,
    }
}

/// The page with this number, from 0.
pub(crate) fn page(number: u64, tag: &str) -> Vec<Image> {
    let first = number * PAGE;
    (first..first + PAGE)
        .map(|number| image(number, tag))
        .collect()
}
