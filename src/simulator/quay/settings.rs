use std::collections::BTreeSet;

use super::Quay;

/// The team that administers an organization; every one has it.
pub(super) const OWNERS: &str = "owners";

/// An organization to be created.
///
/// ```
/// use registry_intake::simulator::quay::{Organization, Team};
///
/// let acme = Organization::new("acme").team(Team::members("readers").reads("web/frontend"));
/// # let _ = acme;
/// ```
#[derive(Debug, Clone)]
pub struct Organization {
    pub(super) name: String,
    pub(super) creator: String,
    pub(super) teams: Vec<Team>,
}

impl Organization {
    /// Created by [`Quay::USERNAME`].
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            creator: Quay::USERNAME.to_owned(),
            teams: vec![Team::admins(OWNERS)],
        }
    }

    /// Created by this user, who thereby belongs to its team `owners`.
    #[must_use]
    pub fn created_by(mut self, user: &str) -> Self {
        user.clone_into(&mut self.creator);
        self
    }

    /// One more team besides `owners`.
    #[must_use]
    pub fn team(mut self, team: Team) -> Self {
        self.teams.push(team);
        self
    }
}

/// A team of an organization. Users and robots say themselves to which they belong.
#[derive(Debug, Clone)]
pub struct Team {
    pub(super) name: String,
    pub(super) role: TeamRole,
    pub(super) reads: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TeamRole {
    Member,
    Creator,
    Admin,
}

impl TeamRole {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Creator => "creator",
            Self::Admin => "admin",
        }
    }
}

impl Team {
    /// May do what it is permitted, one repository at a time.
    #[must_use]
    pub fn members(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            role: TeamRole::Member,
            reads: BTreeSet::new(),
        }
    }

    /// May create repositories too.
    #[must_use]
    pub fn creators(name: &str) -> Self {
        Self {
            role: TeamRole::Creator,
            ..Self::members(name)
        }
    }

    /// Administers the organization.
    #[must_use]
    pub fn admins(name: &str) -> Self {
        Self {
            role: TeamRole::Admin,
            ..Self::members(name)
        }
    }

    /// Permits its members to read this repository of the organization.
    #[must_use]
    pub fn reads(mut self, repository: &str) -> Self {
        self.reads.insert(repository.to_owned());
        self
    }
}

/// A repository to be created.
#[derive(Debug, Clone)]
pub struct Repository {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) public: bool,
    pub(super) application: bool,
    pub(super) state: State,
}

/// What may be done with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum State {
    /// Pushed to and pulled from.
    #[default]
    Normal,
    /// Pulled from.
    ReadOnly,
    /// Pulled from; filled from another registry.
    Mirror,
}

impl State {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Normal => "NORMAL",
            Self::ReadOnly => "READ_ONLY",
            Self::Mirror => "MIRROR",
        }
    }
}

impl Repository {
    /// The repository of this full path, `acme/web/frontend` say, for those with a right to it.
    /// A namespace that is no organization is a user's.
    #[must_use]
    pub fn private(path: &str) -> Self {
        let (namespace, name) = path.split_once('/').unwrap_or(("library", path));
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            description: String::new(),
            public: false,
            application: false,
            state: State::Normal,
        }
    }

    /// The same, read by everybody.
    #[must_use]
    pub fn public(path: &str) -> Self {
        Self {
            public: true,
            ..Self::private(path)
        }
    }

    /// Its description, in Markdown.
    #[must_use]
    pub fn description(mut self, text: &str) -> Self {
        text.clone_into(&mut self.description);
        self
    }

    /// Its state, normal unless given.
    #[must_use]
    pub fn state(mut self, state: State) -> Self {
        self.state = state;
        self
    }

    /// Makes it one of the kind `application`, which no list of images shows.
    #[must_use]
    pub fn application(mut self) -> Self {
        self.application = true;
        self
    }

    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    pub(super) fn kind(&self) -> &'static str {
        if self.application {
            "application"
        } else {
            "image"
        }
    }
}
