use crate::simulator::Platform;

/// One manifest of an index.
#[derive(Debug, Clone)]
pub struct Child {
    pub(in crate::simulator) platform: Platform,
    pub(in crate::simulator) digest: Option<String>,
    pub(in crate::simulator) attests: Option<String>,
}

impl Child {
    /// An image for this platform, pushed together with the index.
    #[must_use]
    pub fn new(platform: Platform) -> Self {
        Self {
            platform,
            digest: None,
            attests: None,
        }
    }

    /// A BuildKit attestation of the child with this digest.
    #[must_use]
    pub fn attestation_of(digest: &str) -> Self {
        Self {
            attests: Some(digest.to_owned()),
            ..Self::new(Platform::new("unknown", "unknown"))
        }
    }

    /// Gives the child this digest; an artifact of the repository that has it is taken as it is.
    #[must_use]
    pub fn digest(mut self, digest: &str) -> Self {
        self.digest = Some(digest.to_owned());
        self
    }
}
