use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{clock::Clock, simulator::exchange};

/// How long a failed log-in is held back, and how long it locks its user name.
const FROZEN: Duration = Duration::from_millis(1500);

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
    /// Any permission on the system, `project:list` for one. Up to 2.9 it costs all the others.
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
}

/// What a user is in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// Administers the project.
    ProjectAdmin = 1,
    /// Pushes and pulls.
    Developer = 2,
    /// Reads.
    Guest = 3,
    /// Pushes, pulls, scans, deletes.
    Maintainer = 4,
}

/// Who logs in: a system administrator, a user or a robot.
#[derive(Clone)]
pub struct Account {
    name: String,
    secret: String,
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

/// The accounts of a running server; they may change at any time.
///
/// A wrong password is answered after 1.5 s of the simulator's clock and locks its user name for
/// as long: meanwhile the right password counts as none, without delay. Recorded on Harbor 2.15.2.
pub struct Accounts {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    by_name: BTreeMap<String, Account>,
    last_id: u64,
    failed: BTreeMap<String, u64>,
    locked_until: BTreeMap<String, Duration>,
}

enum LogIn {
    As(Box<Account>),
    Locked,
    Failed,
}

impl Accounts {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            state: Mutex::default(),
        }
    }

    /// Adds an account, or replaces the one of its name.
    pub fn add(&self, mut account: Account) {
        let mut state = self.state();
        state.last_id += 1;
        account.id = state.last_id;
        state.by_name.insert(account.name.clone(), account);
    }

    /// Deletes an account. Says whether there was one.
    pub fn remove(&self, name: &str) -> bool {
        self.state().by_name.remove(name).is_some()
    }

    /// Changes the password or secret of an account. Says whether there is one.
    pub fn set_password(&self, name: &str, password: &str) -> bool {
        let mut state = self.state();
        let account = state.by_name.get_mut(name);
        account
            .map(|account| password.clone_into(&mut account.secret))
            .is_some()
    }

    /// How often a log-in with this user name failed, whether or not there is such a user.
    /// Attempts while the name was locked are not log-ins.
    #[must_use]
    pub fn failed_logins(&self, name: &str) -> u64 {
        self.state().failed.get(name).copied().unwrap_or_default()
    }

    /// Whose credentials these are; `None` is an anonymous client, or one that passes for it.
    pub(super) async fn authenticate(&self, authorization: Option<&str>) -> Option<Account> {
        let (name, password) = exchange::basic(authorization?)?;
        match self.log_in(&name, &password) {
            LogIn::As(account) => Some(*account),
            LogIn::Locked => None,
            LogIn::Failed => {
                self.clock.sleep(FROZEN).await;
                None
            }
        }
    }

    fn log_in(&self, name: &str, password: &str) -> LogIn {
        let now = self.clock.monotonic();
        let mut state = self.state();
        let account = state.by_name.get(name).or_else(|| {
            state
                .by_name
                .values()
                .find(|account| account.email_address() == Some(name))
        });
        let right = account
            .filter(|account| !account.disabled && account.secret == password)
            .cloned();
        // Harbor asks for a robot before it asks for a user, and only users are locked. That a
        // robot's right secret passes a lock is read from the source, not recorded.
        if let Some(robot) = right.as_ref().filter(|account| account.is_robot()) {
            return LogIn::As(Box::new(robot.clone()));
        }
        if state
            .locked_until
            .get(name)
            .is_some_and(|until| now < *until)
        {
            return LogIn::Locked;
        }
        if let Some(account) = right {
            return LogIn::As(Box::new(account));
        }
        *state.failed.entry(name.to_owned()).or_default() += 1;
        state.locked_until.insert(name.to_owned(), now + FROZEN);
        LogIn::Failed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.state().by_name.values())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use base64::{Engine as _, prelude::BASE64_STANDARD};

    use super::*;
    use crate::clock::{ManualClock, Timestamp};

    fn basic(name: &str, password: &str) -> String {
        format!(
            "Basic {}",
            BASE64_STANDARD.encode(format!("{name}:{password}"))
        )
    }

    fn accounts(clock: &ManualClock) -> Arc<Accounts> {
        let accounts = Accounts::new(Arc::new(clock.clone()));
        accounts.add(Account::administrator("admin", "right"));
        accounts.add(Account::system_robot(
            "lister",
            "right",
            Permission::LISTING,
        ));
        Arc::new(accounts)
    }

    /// Starts a log-in that fails and waits until its answer is being held back.
    async fn fail(
        accounts: &Arc<Accounts>,
        clock: &ManualClock,
        name: &str,
    ) -> tokio::task::JoinHandle<Option<Account>> {
        let accounts = Arc::clone(accounts);
        let wrong = basic(name, "wrong");
        let attempt = tokio::spawn(async move { accounts.authenticate(Some(&wrong)).await });
        while clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        attempt
    }

    #[tokio::test]
    async fn a_failed_log_in_is_held_back_and_locks_its_name_for_as_long() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let accounts = accounts(&clock);
        let right = basic("admin", "right");
        let attempt = fail(&accounts, &clock, "admin").await;

        clock.advance(Duration::from_millis(1499));
        tokio::task::yield_now().await;
        assert!(!attempt.is_finished());
        assert!(accounts.authenticate(Some(&right)).await.is_none());

        clock.advance(Duration::from_millis(1));
        assert!(attempt.await.unwrap().is_none());
        assert!(accounts.authenticate(Some(&right)).await.is_some());
        assert_eq!(accounts.failed_logins("admin"), 1);
    }

    #[tokio::test]
    async fn a_lock_concerns_its_own_name_and_no_robot_with_the_right_secret() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let accounts = accounts(&clock);
        let _attempt = fail(&accounts, &clock, "robot$lister").await;
        for name in ["admin", "robot$lister"] {
            let right = basic(name, "right");
            assert!(
                accounts.authenticate(Some(&right)).await.is_some(),
                "{name}"
            );
        }
    }

    #[tokio::test]
    async fn malformed_credentials_are_no_log_in() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let accounts = accounts(&clock);
        for header in ["Basic !!!", "Bearer x", "Basic bm9jb2xvbg=="] {
            assert!(accounts.authenticate(Some(header)).await.is_none());
        }
        assert_eq!(clock.sleepers(), 0);
    }

    #[tokio::test]
    async fn a_changed_password_counts_at_once_and_the_old_one_is_wrong() {
        let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
        let accounts = accounts(&clock);
        assert!(accounts.set_password("admin", "new"));
        assert!(
            accounts
                .authenticate(Some(&basic("admin", "new")))
                .await
                .is_some()
        );
        assert!(
            accounts
                .authenticate(Some(&basic("admin", "right")))
                .await
                .is_none()
        );
        assert_eq!(accounts.failed_logins("admin"), 1);
    }

    #[test]
    fn no_secret_shows_in_debug() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        assert!(!format!("{:?}", accounts(&clock)).contains("right"));
    }
}
