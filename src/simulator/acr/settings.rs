/// A namespace to be created.
#[derive(Debug, Clone)]
pub struct Namespace {
    pub(super) name: String,
    pub(super) number: u64,
    pub(super) is_public: bool,
}

impl Namespace {
    /// Repositories in it are private, unless they say otherwise.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            number: 0,
            is_public: false,
        }
    }

    /// States that repositories in it are public by default.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.is_public = true;
        self
    }
}

/// A repository to be created.
#[derive(Debug, Clone)]
pub struct Repository {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) summary: String,
    pub(super) is_public: bool,
    pub(super) is_immutable: bool,
    pub(super) is_deleting: bool,
    pub(super) id: Option<String>,
}

impl Repository {
    /// The repository of this full path, `apps/web` say, for those with a right to it.
    #[must_use]
    pub fn private(path: &str) -> Self {
        let (namespace, name) = path.split_once('/').unwrap_or(("library", path));
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            summary: String::new(),
            is_public: false,
            is_immutable: false,
            is_deleting: false,
            id: None,
        }
    }

    /// The same, pulled by everybody.
    #[must_use]
    pub fn public(path: &str) -> Self {
        Self {
            is_public: true,
            ..Self::private(path)
        }
    }

    /// The id that Enterprise gives it, `crr-` and sixteen letters; made up unless given.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// What it is about.
    #[must_use]
    pub fn summary(mut self, text: &str) -> Self {
        text.clone_into(&mut self.summary);
        self
    }

    /// Its tags cannot be overwritten, it states. (They can be here.)
    #[must_use]
    pub fn immutable(mut self) -> Self {
        self.is_immutable = true;
        self
    }

    /// Its status is `DELETING`: lists of what is `NORMAL` leave it out.
    #[must_use]
    pub fn deleting(mut self) -> Self {
        self.is_deleting = true;
        self
    }

    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    pub(super) fn status(&self) -> &'static str {
        if self.is_deleting {
            "DELETING"
        } else {
            "NORMAL"
        }
    }
}

/// As the API says who may pull.
pub(super) fn visibility(is_public: bool) -> &'static str {
    if is_public { "PUBLIC" } else { "PRIVATE" }
}
