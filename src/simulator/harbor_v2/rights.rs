use super::{
    account::{Account, Kind, Permission},
    records::ProjectRecord,
    refusal::Refusal,
    release::Release,
};
use crate::simulator::harbor::Role;

/// Who asks: an account, or an anonymous client.
#[derive(Debug, Clone)]
pub(super) struct Viewer {
    pub(super) account: Option<Account>,
    pub(super) release: Release,
}

impl Viewer {
    pub(super) fn is_administrator(&self) -> bool {
        self.account.as_ref().is_some_and(Account::is_administrator)
    }

    /// What a refusal is to this viewer.
    pub(super) fn denied(&self) -> Refusal {
        match self.account {
            Some(_) => Refusal::Forbidden,
            None => Refusal::Unauthorized,
        }
    }

    /// Whether the lists of projects and of all repositories show it. A system robot sees all
    /// that it covers, whatever it may do there; a robot of 2.0 sees public projects only.
    pub(super) fn sees(&self, project: &ProjectRecord) -> bool {
        let is_own = match self.kind() {
            None => false,
            Some(Kind::Administrator) => true,
            Some(Kind::User { roles }) => roles.contains_key(&project.name),
            Some(Kind::Robot { project: None, .. }) => true,
            Some(Kind::Robot { project: own, .. }) => {
                !self.release.is_legacy() && covers(own.as_deref(), project)
            }
        };
        project.public || is_own
    }

    /// # Errors
    ///
    /// 401 or 403 where it may not.
    pub(super) fn may(
        &self,
        permission: Permission,
        project: &ProjectRecord,
    ) -> Result<(), Refusal> {
        let allowed = match self.kind() {
            None => project.public,
            Some(Kind::Administrator) => true,
            Some(Kind::User { roles }) => project.public || roles.contains_key(&project.name),
            Some(Kind::Robot {
                project: own,
                permissions,
            }) => {
                let is_crippled = permissions.iter().any(Permission::is_of_system)
                    && self.release.system_permission_costs_projects();
                let is_never_given = permission == Permission::ProjectRead
                    && !self.release.lets_robots_get_projects();
                let is_granted = covers(own.as_deref(), project)
                    && permissions.contains(&permission)
                    && !is_never_given;
                !is_crippled && (project.public || is_granted)
            }
        };
        if allowed { Ok(()) } else { Err(self.denied()) }
    }

    pub(super) fn may_read_catalog(&self) -> bool {
        match self.kind() {
            Some(Kind::Administrator) => true,
            Some(Kind::Robot { permissions, .. }) => permissions.contains(&Permission::CatalogRead),
            Some(Kind::User { .. }) | None => false,
        }
    }

    /// The number of the role in the project that its record states. The administrator with id 1
    /// created all projects and is therefore a member of each.
    pub(super) fn role_in(&self, project: &ProjectRecord) -> Option<u64> {
        match self.kind()? {
            Kind::Administrator => {
                let is_owner = self.account.as_ref().is_some_and(|account| account.id == 1);
                is_owner.then_some(Role::ProjectAdmin as u64)
            }
            Kind::User { roles } => roles.get(&project.name).map(|role| *role as u64),
            Kind::Robot { .. } => None,
        }
    }

    fn kind(&self) -> Option<&Kind> {
        self.account.as_ref().map(|account| &account.kind)
    }
}

fn covers(own: Option<&str>, project: &ProjectRecord) -> bool {
    own.is_none_or(|own| own == project.name)
}
