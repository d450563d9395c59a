use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::simulator::harbor::Role;

/// What a robot may do in the projects that it covers, and one thing that it may do outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Permission {
    /// List the repositories of a project.
    RepositoryList,
    /// Get one repository.
    RepositoryRead,
    /// Pull by `/v2/`.
    RepositoryPull,
    /// List the artifacts of a repository or a project.
    ArtifactList,
    /// Get one artifact.
    ArtifactRead,
    /// Get one project.
    ProjectRead,
    /// Read `/v2/_catalog`, which is a permission on the system.
    CatalogRead,
    /// Read the audit log, which is a permission on the system.
    AuditLogList,
    /// Any other permission on the system, `project:list` for one. Up to 2.9 such a permission
    /// costs all those in projects.
    System,
}

impl Permission {
    /// All that a listing and a pull need, and nothing that a release up to 2.9 trips over.
    pub const LISTING: &[Self] = &[
        Self::RepositoryList,
        Self::RepositoryRead,
        Self::RepositoryPull,
        Self::ArtifactList,
        Self::ArtifactRead,
        Self::ProjectRead,
    ];

    pub(super) fn is_of_system(&self) -> bool {
        matches!(self, Self::CatalogRead | Self::AuditLogList | Self::System)
    }
}

/// Who logs in: a system administrator, a user or a robot.
#[derive(Clone)]
pub struct Account {
    pub(super) name: String,
    pub(super) secret: String,
    email: Option<String>,
    disabled: bool,
    pub(super) kind: Kind,
    pub(super) id: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Administrator,
    User {
        roles: BTreeMap<String, Role>,
    },
    Robot {
        /// `None` for a system robot, which covers every project.
        project: Option<String>,
        permissions: BTreeSet<Permission>,
    },
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

    /// A system robot that covers every project; its user name is `robot$NAME`.
    #[must_use]
    pub fn system_robot(name: &str, secret: &str, permissions: &[Permission]) -> Self {
        let kind = Kind::Robot {
            project: None,
            permissions: permissions.iter().copied().collect(),
        };
        Self::new(format!("robot${name}"), secret, kind)
    }

    /// A robot of one project; its user name is `robot$PROJECT+NAME`.
    #[must_use]
    pub fn project_robot(
        project: &str,
        name: &str,
        secret: &str,
        permissions: &[Permission],
    ) -> Self {
        let kind = Kind::Robot {
            project: Some(project.to_owned()),
            permissions: permissions.iter().copied().collect(),
        };
        Self::new(format!("robot${project}+{name}"), secret, kind)
    }

    fn new(name: String, secret: &str, kind: Kind) -> Self {
        Self {
            name,
            secret: secret.to_owned(),
            email: None,
            disabled: false,
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

    /// Another user name: the prefix of robots is configurable, and 2.0 puts no project into it.
    #[must_use]
    pub fn named(mut self, user_name: &str) -> Self {
        user_name.clone_into(&mut self.name);
        self
    }

    /// An address that serves as a user name too.
    #[must_use]
    pub fn email(mut self, address: &str) -> Self {
        self.email = Some(address.to_owned());
        self
    }

    /// Refuses the right secret as if it were wrong, as Harbor does with a disabled robot.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.disabled = true;
        self
    }

    /// The name to log in with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether this is what it logs in with.
    pub(super) fn opens_with(&self, secret: &str) -> bool {
        !self.disabled && self.secret == secret
    }

    pub(super) fn email_address(&self) -> Option<&str> {
        self.email.as_deref()
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
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}
