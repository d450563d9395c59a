use std::{collections::BTreeSet, fmt};

use super::settings::OWNERS;

/// To what a user or a robot belongs, and what it was permitted.
#[derive(Debug, Clone, Default)]
pub(super) struct Ties {
    /// Organization and team.
    pub(super) teams: BTreeSet<(String, String)>,
    /// Full paths of repositories.
    pub(super) reads: BTreeSet<String>,
    /// Organizations of which every repository is permitted.
    pub(super) reads_all: BTreeSet<String>,
}

/// Somebody with a password. Signs in, pulls, and grants tokens that act as this user.
#[derive(Clone)]
pub struct User {
    pub(super) name: String,
    pub(super) password: String,
    pub(super) ties: Ties,
    pub(super) is_superuser: bool,
    pub(super) is_disabled: bool,
    pub(super) id: u64,
}

impl User {
    /// A user without any right beyond the own namespace.
    #[must_use]
    pub fn new(name: &str, password: &str) -> Self {
        Self {
            name: name.to_owned(),
            password: password.to_owned(),
            ties: Ties::default(),
            is_superuser: false,
            is_disabled: false,
            id: 0,
        }
    }

    /// Makes the user an administrator of this organization.
    #[must_use]
    pub fn owner_of(self, organization: &str) -> Self {
        self.member_of(organization, OWNERS)
    }

    /// Makes the user a member of a team.
    #[must_use]
    pub fn member_of(mut self, organization: &str, team: &str) -> Self {
        let team = (organization.to_owned(), team.to_owned());
        self.ties.teams.insert(team);
        self
    }

    /// Permits the user to read the repository of this full path.
    #[must_use]
    pub fn reads(mut self, path: &str) -> Self {
        self.ties.reads.insert(path.to_owned());
        self
    }

    /// Makes the user a superuser, who by default sees nothing of others' organizations: see
    /// [`QuayBuilder::superusers_full_access`](super::QuayBuilder::superusers_full_access).
    #[must_use]
    pub fn superuser(mut self) -> Self {
        self.is_superuser = true;
        self
    }

    /// Disables the user, and thereby every token of the user.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.is_disabled = true;
        self
    }

    /// The user name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("name", &self.name)
            .field("ties", &self.ties)
            .field("is_superuser", &self.is_superuser)
            .field("is_disabled", &self.is_disabled)
            .finish_non_exhaustive()
    }
}

/// A robot of an organization or of a user: it may pull and nothing else.
#[derive(Clone)]
pub struct Robot {
    pub(super) name: String,
    pub(super) token: String,
    pub(super) ties: Ties,
}

impl Robot {
    /// A robot without any right; its full name is `OWNER+NAME`.
    #[must_use]
    pub fn new(full_name: &str, token: &str) -> Self {
        Self {
            name: full_name.to_owned(),
            token: token.to_owned(),
            ties: Ties::default(),
        }
    }

    /// Permits it to read the repository of this full path.
    #[must_use]
    pub fn reads(mut self, path: &str) -> Self {
        self.ties.reads.insert(path.to_owned());
        self
    }

    /// Permits it to read every repository of its owner, as a default permission does.
    #[must_use]
    pub fn reads_all(mut self) -> Self {
        let owner = self.owner().to_owned();
        self.ties.reads_all.insert(owner);
        self
    }

    /// Makes it a member of a team of its owner.
    #[must_use]
    pub fn member_of(mut self, team: &str) -> Self {
        let team = (self.owner().to_owned(), team.to_owned());
        self.ties.teams.insert(team);
        self
    }

    /// The name to log in with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn owner(&self) -> &str {
        self.name.split('+').next().unwrap_or_default()
    }
}

impl fmt::Debug for Robot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Robot")
            .field("name", &self.name)
            .field("ties", &self.ties)
            .finish_non_exhaustive()
    }
}
