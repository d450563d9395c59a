use crate::image::{Image, ImageKind};

/// Whether an image is for ingestion unless asked for by hand: it has a tag that does not mark it
/// as the signature, attestation or SBOM of another, and the registry does not call it something
/// else than an image.
pub(super) fn is_for_ingestion(image: &Image) -> bool {
    matches!(
        image.kind,
        ImageKind::Image | ImageKind::Index | ImageKind::Unknown
    ) && image.tags.iter().any(|tag| !tag.name.is_cosign())
}
