use crate::simulator::{
    Platform,
    harbor::{Child, manifest},
};

/// A project to be created.
#[derive(Debug, Clone)]
pub struct Project {
    pub(super) name: String,
    pub(super) public: bool,
}

impl Project {
    /// Seen by its members and by system administrators only.
    #[must_use]
    pub fn private(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            public: false,
        }
    }

    /// Seen by everybody.
    #[must_use]
    pub fn public(name: &str) -> Self {
        Self {
            public: true,
            ..Self::private(name)
        }
    }
}

/// What a push carries.
///
/// 1.10 takes Docker's images only. What else its registry holds was put there by something older,
/// or straight: it is [`legacy`](Self::legacy).
///
/// ```
/// use registry_intake::simulator::{
///     Platform,
///     harbor_v1::{Child, Push},
/// };
///
/// let image = Push::image().tag("1.0").tag("latest");
/// let list = Push::list([
///     Child::new(Platform::new("linux", "amd64")),
///     Child::new(Platform::new("linux", "arm64").variant("v8")),
/// ]);
/// # let _ = (image, list);
/// ```
#[derive(Debug, Clone)]
pub struct Push {
    pub(super) kind: Kind,
    pub(super) children: Vec<Child>,
    pub(super) platform: Platform,
    pub(super) tags: Vec<String>,
    pub(super) digest: Option<String>,
    pub(super) legacy: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Image,
    List,
    OciImage,
    OciIndex,
}

impl Kind {
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Image => manifest::DOCKER_IMAGE,
            Self::List => manifest::DOCKER_LIST,
            Self::OciImage => manifest::OCI_IMAGE,
            Self::OciIndex => manifest::OCI_INDEX,
        }
    }

    /// Whether Harbor itself can read it.
    pub(super) const fn is_docker(self) -> bool {
        matches!(self, Self::Image | Self::List)
    }
}

impl Push {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            children: Vec::new(),
            platform: Platform::default(),
            tags: Vec::new(),
            digest: None,
            legacy: kind != Kind::Image,
        }
    }

    /// A Docker image for linux/amd64.
    #[must_use]
    pub fn image() -> Self {
        Self::new(Kind::Image)
    }

    /// A Docker manifest list with its images. Legacy.
    #[must_use]
    pub fn list(children: impl IntoIterator<Item = Child>) -> Self {
        Self {
            children: children.into_iter().collect(),
            ..Self::new(Kind::List)
        }
    }

    /// An OCI image for linux/amd64. Legacy.
    #[must_use]
    pub fn oci_image() -> Self {
        Self::new(Kind::OciImage)
    }

    /// An OCI index with its images. Legacy.
    #[must_use]
    pub fn oci_index(children: impl IntoIterator<Item = Child>) -> Self {
        Self {
            children: children.into_iter().collect(),
            ..Self::new(Kind::OciIndex)
        }
    }

    /// Put into the registry behind Harbor's back: no time of its push is known, and the access
    /// log has no row.
    #[must_use]
    pub fn legacy(mut self) -> Self {
        self.legacy = true;
        self
    }

    /// What the image runs on.
    #[must_use]
    pub fn platform(mut self, platform: Platform) -> Self {
        self.platform = platform;
        self
    }

    /// Adds a tag, taking it from the manifest of the repository that has it.
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
}

/// One image that a complete listing must show.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Listed {
    /// The full path, with the project.
    pub repository: String,
    /// `sha256:HEX`, of the index where it is one.
    pub digest: String,
    /// In alphabetical order; never empty.
    pub tags: Vec<String>,
}
