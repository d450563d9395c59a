use std::{collections::BTreeMap, fmt};

use crate::simulator::harbor::Role;

/// Who logs in: a system administrator, a user or a robot of one project.
#[derive(Clone)]
pub struct Account {
    pub(super) name: String,
    pub(super) secret: String,
    pub(super) email: String,
    pub(super) kind: Kind,
    pub(super) id: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Administrator,
    User { roles: BTreeMap<String, Role> },
    Robot { project: String },
}

impl Account {
    /// A system administrator.
    #[must_use]
    pub fn administrator(name: &str, password: &str) -> Self {
        Self::new(name.to_owned(), password, Kind::Administrator)
    }

    /// A user without any role: sees public projects.
    #[must_use]
    pub fn user(name: &str, password: &str) -> Self {
        let roles = BTreeMap::new();
        Self::new(name.to_owned(), password, Kind::User { roles })
    }

    /// A robot that may pull from one project by `/v2/`, and is a stranger to the API; its user
    /// name is `robot$NAME`. The real secret is a signed token; here it is any text.
    #[must_use]
    pub fn robot(project: &str, name: &str, secret: &str) -> Self {
        let project = project.to_owned();
        Self::new(format!("robot${name}"), secret, Kind::Robot { project })
    }

    fn new(name: String, secret: &str, kind: Kind) -> Self {
        Self {
            name,
            secret: secret.to_owned(),
            email: String::new(),
            kind,
            id: 0,
        }
    }

    /// Makes a user a member of a project. Nothing to others, who have no roles.
    #[must_use]
    pub fn member_of(mut self, project: &str, role: Role) -> Self {
        if let Kind::User { roles } = &mut self.kind {
            roles.insert(project.to_owned(), role);
        }
        self
    }

    /// An address that serves as a user name too.
    #[must_use]
    pub fn email(mut self, address: &str) -> Self {
        address.clone_into(&mut self.email);
        self
    }

    /// The name to log in with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn is_administrator(&self) -> bool {
        self.kind == Kind::Administrator
    }

    pub(super) fn is_robot(&self) -> bool {
        matches!(self.kind, Kind::Robot { .. })
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
