/// What a push carries: an image, since no list of ACR tells more of it.
///
/// ```
/// use registry_intake::simulator::acr::Push;
///
/// let image = Push::image().tag("1.0").tag("latest");
/// # let _ = image;
/// ```
#[derive(Debug, Clone)]
pub struct Push {
    pub(super) tags: Vec<String>,
    pub(super) digest: Option<String>,
    pub(super) size: Option<u64>,
}

impl Push {
    /// An image for linux/amd64.
    #[must_use]
    pub fn image() -> Self {
        Self {
            tags: Vec::new(),
            digest: None,
            size: None,
        }
    }

    /// A cosign signature of the manifest with this digest, known by its `sha256-HEX.sig` tag.
    #[must_use]
    pub fn signature_of(digest: &str) -> Self {
        Self::image().tag(&format!("{}.sig", digest.replacen(':', "-", 1)))
    }

    /// Adds a tag, taking it from the image of the repository that has it. What gets no tag is in no
    /// list.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        self.tags.push(tag.to_owned());
        self
    }

    /// This digest instead of one made up, `sha256:HEX`.
    #[must_use]
    pub fn digest(mut self, digest: &str) -> Self {
        self.digest = Some(digest.to_owned());
        self
    }

    /// The bytes that the lists tell, made up unless given.
    #[must_use]
    pub fn size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }
}

/// One row that a complete listing must show: an image of one repository with all its tags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Listed {
    /// The full path, with the namespace.
    pub repository: String,
    /// `sha256:HEX`.
    pub digest: String,
    /// In alphabetical order; never empty.
    pub tags: Vec<String>,
}
