use crate::simulator::{Platform, harbor::Child};

/// A project to be created.
#[derive(Debug, Clone)]
pub struct Project {
    pub(super) name: String,
    pub(super) public: bool,
    pub(super) registry_id: Option<u64>,
}

impl Project {
    /// Seen by its members and by system administrators only.
    #[must_use]
    pub fn private(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            public: false,
            registry_id: None,
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

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes it the cache of the registry endpoint with this number.
    #[must_use]
    pub fn proxy_cache(mut self, registry_id: u64) -> Self {
        self.registry_id = Some(registry_id);
        self
    }
}

/// What a push carries.
///
/// ```
/// use registry_intake::simulator::{
///     Platform,
///     harbor_v2::{Child, Push},
/// };
///
/// let image = Push::image().tag("1.0").tag("latest");
/// let index = Push::index([
///     Child::new(Platform::new("linux", "amd64")),
///     Child::new(Platform::new("linux", "arm64").variant("v8")),
/// ]);
/// # let _ = (image, index);
/// ```
#[derive(Debug, Clone)]
pub struct Push {
    pub(super) kind: Kind,
    pub(super) children: Vec<Child>,
    pub(super) subject: Option<String>,
    pub(super) platform: Platform,
    pub(super) docker: bool,
    pub(super) tags: Vec<String>,
    pub(super) digest: Option<String>,
    pub(super) artifact_type: Option<String>,
    pub(super) id: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Image,
    Index,
    Chart,
    /// By cosign, that is by a tag.
    Signature,
    /// By OCI 1.1, that is by `subject`.
    Referrer,
    /// Its config's media type.
    Other(String),
}

impl Push {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            children: Vec::new(),
            subject: None,
            platform: Platform::default(),
            docker: false,
            tags: Vec::new(),
            digest: None,
            artifact_type: None,
            id: None,
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
        Self {
            children: children.into_iter().collect(),
            ..Self::new(Kind::Index)
        }
    }

    /// A Helm chart.
    #[must_use]
    pub fn chart() -> Self {
        Self::new(Kind::Chart)
    }

    /// A cosign signature of the artifact with this digest; brings its `sha256-HEX.sig` tag along.
    #[must_use]
    pub fn signature_of(digest: &str) -> Self {
        Self {
            subject: Some(digest.to_owned()),
            tags: vec![format!("{}.sig", digest.replacen(':', "-", 1))],
            ..Self::new(Kind::Signature)
        }
    }

    /// A software bill of materials that names the artifact with this digest as its subject.
    #[must_use]
    pub fn referrer_of(digest: &str) -> Self {
        Self {
            subject: Some(digest.to_owned()),
            artifact_type: Some("application/spdx+json".to_owned()),
            ..Self::new(Kind::Referrer)
        }
    }

    /// Anything else, by the media type of its config:
    /// `application/vnd.example.thing.config.v1+json` becomes an artifact of type `THING`.
    #[must_use]
    pub fn other(config_media_type: &str) -> Self {
        Self::new(Kind::Other(config_media_type.to_owned()))
    }

    /// Docker's media types instead of OCI's; images and indexes only.
    #[must_use]
    pub fn docker(mut self) -> Self {
        self.docker = true;
        self
    }

    /// What the image runs on.
    #[must_use]
    pub fn platform(mut self, platform: Platform) -> Self {
        self.platform = platform;
        self
    }

    /// Adds a tag, taking it from the artifact of the repository that has it.
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

    /// The manifest's `artifactType`, where it is not the config's media type.
    #[must_use]
    pub fn artifact_type(mut self, artifact_type: &str) -> Self {
        self.artifact_type = Some(artifact_type.to_owned());
        self
    }

    /// This id, if it is above all ids given so far, instead of the next one.
    #[must_use]
    pub fn id(mut self, id: u64) -> Self {
        self.id = Some(id);
        self
    }
}

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pushed {
    /// The artifact's id.
    pub id: u64,
    /// The artifact's digest.
    pub digest: String,
}

/// One row that a complete listing must show.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Listed {
    /// The full path, with the project.
    pub repository: String,
    /// `sha256:HEX`.
    pub digest: String,
    /// In alphabetical order; empty for an untagged artifact.
    pub tags: Vec<String>,
    /// Whether the project is a proxy cache.
    pub proxy_cache: bool,
}
