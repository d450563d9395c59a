use std::collections::BTreeSet;

use super::{
    accounts::Accounts,
    contents::Contents,
    records::Home,
    settings::{OWNERS, TeamRole},
    tokens::{Scope, Token},
    users::{Robot, Ties, User},
};

/// Who asks, and what of all that this one may do the credentials let through.
#[derive(Debug, Clone)]
pub(super) struct Viewer {
    pub(super) who: Who,
    /// `None` after a log-in by password, which lets everything through.
    scopes: Option<BTreeSet<Scope>>,
    full_access: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Who {
    Nobody,
    User(User),
    Robot(Robot),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RepoRole {
    Read,
    Write,
    Admin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum UserRole {
    Read,
    Admin,
}

impl Viewer {
    pub(super) fn nobody() -> Self {
        Self {
            who: Who::Nobody,
            scopes: None,
            full_access: false,
        }
    }

    /// Logged in by password or session.
    pub(super) fn user(user: User, full_access: bool) -> Self {
        Self {
            who: Who::User(user),
            scopes: None,
            full_access,
        }
    }

    pub(super) fn robot(robot: Robot) -> Self {
        Self {
            who: Who::Robot(robot),
            ..Self::nobody()
        }
    }

    pub(super) fn token(user: User, token: Token, full_access: bool) -> Self {
        Self {
            scopes: Some(token.scopes),
            ..Self::user(user, full_access)
        }
    }

    pub(super) fn is_anonymous(&self) -> bool {
        matches!(self.who, Who::Nobody)
    }

    pub(super) fn name(&self) -> Option<&str> {
        match &self.who {
            Who::Nobody => None,
            Who::User(user) => Some(&user.name),
            Who::Robot(robot) => Some(&robot.name),
        }
    }

    pub(super) fn user_record(&self) -> Option<&User> {
        match &self.who {
            Who::User(user) => Some(user),
            _ => None,
        }
    }

    fn ties(&self) -> Option<&Ties> {
        match &self.who {
            Who::Nobody => None,
            Who::User(user) => Some(&user.ties),
            Who::Robot(robot) => Some(&robot.ties),
        }
    }

    /// The greatest of what the scopes let through.
    fn greatest<R: Ord + Copy>(&self, all: R, granted: &[(Scope, R)]) -> Option<R> {
        let Some(scopes) = &self.scopes else {
            return Some(all);
        };
        let granted = granted.iter().filter(|(scope, _)| scopes.contains(scope));
        granted.map(|(_, role)| *role).max()
    }

    pub(super) fn is_superuser(&self) -> bool {
        let lets_through = self.greatest((), &[(Scope::SuperUser, ())]).is_some();
        self.user_record()
            .is_some_and(|user| user.is_superuser && lets_through)
    }

    /// Whether this is a superuser to whom everything is open.
    pub(super) fn sees_all(&self) -> bool {
        self.full_access && self.is_superuser()
    }

    /// What the credentials let through of the user's own record.
    pub(super) fn user_role(&self) -> Option<UserRole> {
        self.user_record()?;
        let granted = [
            (Scope::UserRead, UserRole::Read),
            (Scope::UserAdmin, UserRole::Admin),
        ];
        self.greatest(UserRole::Admin, &granted)
    }

    /// What this one is in an organization, whatever the credentials are.
    pub(super) fn own_team_role(&self, contents: &Contents, name: &str) -> Option<TeamRole> {
        let who = self.name()?;
        if who == name {
            return Some(TeamRole::Admin);
        }
        let organization = contents.organizations.get(name)?;
        let teams = organization.teams.iter().filter(|team| {
            let is_creator = team.name == OWNERS && organization.creator == who;
            is_creator || self.is_in_team(name, &team.name)
        });
        teams.map(|team| team.role).max()
    }

    pub(super) fn is_in_team(&self, organization: &str, team: &str) -> bool {
        let team = (organization.to_owned(), team.to_owned());
        self.ties().is_some_and(|ties| ties.teams.contains(&team))
    }

    /// What the credentials let through of it.
    pub(super) fn team_role(&self, contents: &Contents, organization: &str) -> Option<TeamRole> {
        let granted = [
            (Scope::RepoCreate, TeamRole::Creator),
            (Scope::OrgAdmin, TeamRole::Admin),
        ];
        let greatest = self.greatest(TeamRole::Admin, &granted);
        self.own_team_role(contents, organization).min(greatest)
    }

    pub(super) fn administers(&self, contents: &Contents, organization: &str) -> bool {
        self.sees_all() || self.team_role(contents, organization) == Some(TeamRole::Admin)
    }

    pub(super) fn is_member(&self, contents: &Contents, organization: &str) -> bool {
        self.sees_all() || self.team_role(contents, organization).is_some()
    }

    /// What this one may do with a repository, there or not, whatever the credentials are.
    fn own_repo_role(&self, contents: &Contents, namespace: &str, name: &str) -> Option<RepoRole> {
        if self.own_team_role(contents, namespace) == Some(TeamRole::Admin) {
            return Some(RepoRole::Admin);
        }
        let ties = self.ties()?;
        let teams = contents.organizations.get(namespace);
        let is_read_by_team = teams
            .into_iter()
            .flat_map(|organization| &organization.teams)
            .any(|team| team.reads.contains(name) && self.is_in_team(namespace, &team.name));
        let is_read = is_read_by_team
            || ties.reads_all.contains(namespace)
            || ties.reads.contains(&format!("{namespace}/{name}"));
        is_read.then_some(RepoRole::Read)
    }

    /// What the credentials let through of it.
    pub(super) fn repo_role(
        &self,
        contents: &Contents,
        namespace: &str,
        name: &str,
    ) -> Option<RepoRole> {
        let granted = [
            (Scope::RepoRead, RepoRole::Read),
            (Scope::RepoWrite, RepoRole::Write),
            (Scope::RepoAdmin, RepoRole::Admin),
        ];
        let greatest = self.greatest(RepoRole::Admin, &granted);
        self.own_repo_role(contents, namespace, name).min(greatest)
    }

    /// Whether the list of repositories shows it without asking for public ones. No scope is
    /// needed for that.
    pub(super) fn lists(&self, contents: &Contents, home: &Home) -> bool {
        let Home { settings, .. } = home;
        let role = self.own_repo_role(contents, &settings.namespace, &settings.name);
        self.sees_all() || role.is_some()
    }
}

/// How many belong to a team.
pub(super) fn members_of(
    accounts: &Accounts,
    organization: &str,
    creator: &str,
    team: &str,
) -> usize {
    let place = (organization.to_owned(), team.to_owned());
    let users = accounts.users();
    let robots = accounts.robots();
    let users = users.iter().filter(|user| {
        let is_creator = team == OWNERS && user.name == creator;
        is_creator || user.ties.teams.contains(&place)
    });
    let robots = robots
        .iter()
        .filter(|robot| robot.ties.teams.contains(&place));
    users.count() + robots.count()
}
