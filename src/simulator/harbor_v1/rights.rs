use super::{
    account::{Account, Kind},
    records::ProjectRecord,
    refusal::Refusal,
};
use crate::simulator::harbor::Role;

/// Who asks: an account, or an anonymous client.
#[derive(Debug, Clone)]
pub(super) struct Viewer {
    pub(super) account: Option<Account>,
}

impl Viewer {
    pub(super) fn is_administrator(&self) -> bool {
        self.account.as_ref().is_some_and(Account::is_administrator)
    }

    pub(super) fn name(&self) -> &str {
        self.account.as_ref().map_or("", Account::name)
    }

    /// What a refusal is to this viewer.
    pub(super) fn denied(&self) -> Refusal {
        match &self.account {
            Some(account) => Refusal::Forbidden(account.name().to_owned()),
            None => Refusal::Unauthorized("UnAuthorized"),
        }
    }

    /// Whether it is the viewer's by a role.
    pub(super) fn is_member(&self, project: &ProjectRecord) -> bool {
        match self.kind() {
            Some(Kind::User { roles }) => roles.contains_key(&project.name),
            _ => false,
        }
    }

    /// Whether the list of projects shows it, and its repositories may be listed: to a robot, whose
    /// project is of no account to the API, what everybody sees.
    pub(super) fn sees(&self, project: &ProjectRecord) -> bool {
        project.public || self.is_administrator() || self.is_member(project)
    }

    /// The number of the role in the project that its record states, 0 for none. The administrator
    /// with id 1 created all projects and is therefore a member of each.
    pub(super) fn role_in(&self, project: &ProjectRecord) -> u64 {
        let is_owner = self.account.as_ref().is_some_and(|account| account.id == 1);
        match self.kind() {
            Some(Kind::Administrator) if is_owner => Role::ProjectAdmin as u64,
            Some(Kind::User { roles }) => {
                let role = roles.get(&project.name);
                role.map_or(0, |role| *role as u64)
            }
            _ => 0,
        }
    }

    /// What a token lets its bearer do in the repositories of the project. Of members and of
    /// the administrator of a project no token was recorded.
    pub(super) fn actions_in(&self, project: &ProjectRecord) -> &'static [&'static str] {
        const ALL: &[&str] = &["pull", "push", "*", "delete"];
        let role = match self.kind() {
            Some(Kind::Administrator) => return ALL,
            Some(Kind::User { roles }) => roles.get(&project.name),
            Some(Kind::Robot { project: own }) if *own == project.name => return &["pull"],
            _ => None,
        };
        match role {
            Some(Role::ProjectAdmin | Role::Maintainer) => ALL,
            Some(Role::Developer) => &["pull", "push", "*"],
            Some(Role::Guest) => &["pull"],
            None if project.public => &["pull"],
            None => &[],
        }
    }

    fn kind(&self) -> Option<&Kind> {
        self.account.as_ref().map(|account| &account.kind)
    }
}
