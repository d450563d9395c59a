use crate::{clock::Timestamp, simulator::Platform};

/// One manifest of an index.
#[derive(Debug, Clone)]
pub struct Child {
    pub(super) platform: Platform,
    pub(super) digest: Option<String>,
    pub(super) attests: Option<String>,
    pub(super) missing: bool,
}

impl Child {
    /// An image for this platform, pushed together with the index.
    #[must_use]
    pub fn new(platform: Platform) -> Self {
        Self {
            platform,
            digest: None,
            attests: None,
            missing: false,
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

    /// This digest instead of one made up.
    #[must_use]
    pub fn digest(mut self, digest: &str) -> Self {
        self.digest = Some(digest.to_owned());
        self
    }

    /// Named by the index and never pushed, which makes the index a sparse one.
    #[must_use]
    pub fn missing(mut self) -> Self {
        self.missing = true;
        self
    }
}

/// What a push carries.
///
/// ```
/// use registry_intake::simulator::{
///     Platform,
///     quay::{Child, Push},
/// };
///
/// let image = Push::image().tag("1.0").tag("latest");
/// let index = Push::index([
///     Child::new(Platform::new("linux", "amd64")),
///     Child::new(Platform::new("linux", "s390x")).missing(),
/// ]);
/// # let _ = (image, index);
/// ```
#[derive(Debug, Clone)]
pub struct Push {
    pub(super) kind: Kind,
    pub(super) docker: bool,
    pub(super) tags: Vec<String>,
    pub(super) digest: Option<String>,
    pub(super) size: Option<u64>,
    pub(super) expires: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Image,
    Index(Vec<Child>),
    Chart,
    /// Docker's oldest format, which has no size.
    SchemaOne,
}

impl Push {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            docker: false,
            tags: Vec::new(),
            digest: None,
            size: None,
            expires: None,
        }
    }

    /// An OCI image for linux/amd64.
    #[must_use]
    pub fn image() -> Self {
        Self::new(Kind::Image)
    }

    /// An OCI index with its images.
    #[must_use]
    pub fn index(children: impl IntoIterator<Item = Child>) -> Self {
        Self::new(Kind::Index(children.into_iter().collect()))
    }

    /// A Helm chart. Only its manifest tells it from an image.
    #[must_use]
    pub fn chart() -> Self {
        Self::new(Kind::Chart)
    }

    /// A cosign signature of the manifest with this digest, known by its `sha256-HEX.sig` tag.
    #[must_use]
    pub fn signature_of(digest: &str) -> Self {
        Self::image().tag(&format!("{}.sig", digest.replacen(':', "-", 1)))
    }

    /// An image in Docker's schema 1.
    #[must_use]
    pub fn schema_1() -> Self {
        Self::new(Kind::SchemaOne)
    }

    /// Docker's media types instead of OCI's; images and indexes only.
    #[must_use]
    pub fn docker(mut self) -> Self {
        self.docker = true;
        self
    }

    /// Adds a tag, taking it from the manifest of the repository that has it. What gets no tag is
    /// in no list.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        self.tags.push(tag.to_owned());
        self
    }

    /// This digest instead of one made up. Where the repository has it already, nothing but the
    /// tags is new.
    #[must_use]
    pub fn digest(mut self, digest: &str) -> Self {
        self.digest = Some(digest.to_owned());
        self
    }

    /// The bytes of its compressed layers, made up unless given; nothing to an index.
    #[must_use]
    pub fn size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    /// Its tags expire then.
    #[must_use]
    pub fn expires(mut self, at: Timestamp) -> Self {
        self.expires = Some(at);
        self
    }
}

/// One row that a complete listing must show: a manifest of one repository with all its tags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Listed {
    /// The full path, with the organization.
    pub repository: String,
    /// `sha256:HEX`.
    pub digest: String,
    /// In alphabetical order; never empty.
    pub tags: Vec<String>,
}
