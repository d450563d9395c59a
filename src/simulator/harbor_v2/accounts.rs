use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{account::Account, sessions::Sessions};
use crate::{
    clock::Clock,
    simulator::{exchange, harbor::Lockout},
};

/// The accounts of a running server and their sessions; they may change at any time.
///
/// A wrong password is answered after 1.5 s of the simulator's clock and locks its user name for
/// as long: meanwhile the right password counts as none, without delay. Recorded on Harbor 2.15.2;
/// the delay, in the answer to the form too, also on 2.5, 2.11 and 2.12.
pub struct Accounts {
    clock: Arc<dyn Clock>,
    lockout: Lockout,
    state: Mutex<State>,
}

/// Where passwords of users are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum AuthMode {
    /// In Harbor's database, hashed.
    #[default]
    Database,
    /// In a directory. No server of this mode was recorded.
    Ldap,
    /// With another party, whose page users sign in at: the form turns them away with 403. Only
    /// the first administrator is still a user of the database. No server of this mode was
    /// recorded; this is read from the source.
    Oidc,
}

impl AuthMode {
    /// What `auth_mode` says of it: `db_auth`, `ldap_auth` or `oidc_auth`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Database => "db_auth",
            Self::Ldap => "ldap_auth",
            Self::Oidc => "oidc_auth",
        }
    }
}

#[derive(Default)]
struct State {
    by_name: BTreeMap<String, Account>,
    last_id: u64,
    auth_mode: AuthMode,
    password_cost: Duration,
    hashes: u64,
    sessions: Sessions,
}

impl State {
    fn user(&self, name: &str) -> Option<&Account> {
        let mut all = self.by_name.values();
        self.by_name
            .get(name)
            .or_else(|| all.find(|account| account.email_address() == Some(name)))
            .filter(|account| !account.is_robot())
    }

    /// Whether Harbor itself has this user's password. The administrator that it was installed
    /// with never belongs to another party (read from the source).
    fn hashes(&self, user: &Account) -> bool {
        self.auth_mode == AuthMode::Database || user.id == 1
    }
}

impl Accounts {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            lockout: Lockout::new(Arc::clone(&clock)),
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

    /// Deletes an account. Says whether there was one. What becomes of its sessions is recorded
    /// nowhere; here they are nobody's.
    pub fn remove(&self, name: &str) -> bool {
        self.state().by_name.remove(name).is_some()
    }

    /// Changes the password or secret of an account. Says whether there is one. What becomes of
    /// its sessions is recorded nowhere; here they go on.
    pub fn set_password(&self, name: &str, password: &str) -> bool {
        let mut state = self.state();
        let account = state.by_name.get_mut(name);
        account
            .map(|account| password.clone_into(&mut account.secret))
            .is_some()
    }

    /// Where the passwords of users are from now on.
    pub fn set_auth_mode(&self, mode: AuthMode) {
        self.state().auth_mode = mode;
    }

    /// How long, by the simulator's clock, every comparison with the hash of a user's password
    /// takes from now on. Since 2.15.2 the real server needs 0.15 to 0.3 s, since it hashes
    /// 600,000 times. Robots and sessions cost nothing.
    pub fn set_password_cost(&self, each: Duration) {
        self.state().password_cost = each;
    }

    /// How often a log-in with this user name failed, by Basic credentials or by form, whether or
    /// not there is such a user. Attempts while the name was locked are not log-ins.
    #[must_use]
    pub fn failed_logins(&self, name: &str) -> u64 {
        self.lockout.failures(name)
    }

    /// How often a password was compared with the hash of a user's: once for every request with
    /// Basic credentials and every sign-in by form, unless the name was unknown or locked.
    #[must_use]
    pub fn password_hashes(&self) -> u64 {
        self.state().hashes
    }

    /// How often somebody has signed in by form.
    #[must_use]
    pub fn form_logins(&self) -> u64 {
        self.state().sessions.signed_in()
    }

    /// How many sessions of users who signed in by form have not ended.
    #[must_use]
    pub fn open_sessions(&self) -> usize {
        self.state().sessions.open()
    }

    /// Ends every session. Who goes on with one is an anonymous client: lists answer 200 and less.
    pub fn end_sessions(&self) {
        self.state().sessions.end_all();
    }

    /// Ends every session from now on, those that are open included, once it has authorised so
    /// many requests; `None` ends no more of them.
    pub fn end_sessions_after(&self, requests: Option<u64>) {
        self.state().sessions.end_after(requests);
    }

    /// Whose credentials these are; `None` is an anonymous client, or one that passes for it.
    pub(super) async fn authenticate(&self, authorization: Option<&str>) -> Option<Account> {
        let (name, password) = exchange::basic(authorization?)?;
        // Harbor asks for a robot before it asks for a user, and only users are locked. That a
        // robot's right secret passes a lock is read from the source, not recorded.
        if let Some(robot) = self.robot(&name, &password) {
            return Some(robot);
        }
        self.log_in(&name, &password).await
    }

    fn robot(&self, name: &str, secret: &str) -> Option<Account> {
        let state = self.state();
        let robot = state.by_name.get(name)?;
        (robot.is_robot() && robot.opens_with(secret)).then(|| robot.clone())
    }

    async fn log_in(&self, name: &str, password: &str) -> Option<Account> {
        if self.lockout.is_locked(name) {
            return None;
        }
        let (user, cost) = {
            let mut state = self.state();
            let user = state.user(name).cloned();
            let is_hashed = user.as_ref().is_some_and(|user| state.hashes(user));
            state.hashes += u64::from(is_hashed);
            (user, is_hashed.then_some(state.password_cost))
        };
        if let Some(cost) = cost.filter(|cost| !cost.is_zero()) {
            self.clock.sleep(cost).await;
        }
        if let Some(user) = user.filter(|user| user.opens_with(password)) {
            return Some(user);
        }
        self.lockout.fail(name).await;
        None
    }

    /// The new session of the user whose password this is, in the place of the one before.
    pub(super) async fn sign_in(
        &self,
        before: Option<&str>,
        name: &str,
        password: &str,
    ) -> Option<String> {
        let user = self.log_in(name, password).await?;
        Some(self.state().sessions.sign_in(before, user.name))
    }

    /// Who has signed in to this session, which has thereby authorised one more request.
    pub(super) fn of_session(&self, sid: &str) -> Option<Account> {
        let mut state = self.state();
        let name = state.sessions.user(sid)?;
        state.by_name.get(&name).cloned()
    }

    /// What to call a new session of nobody by, unless this one is known.
    pub(super) fn begin_session(&self, sid: Option<&str>) -> Option<String> {
        self.state().sessions.begin(sid)
    }

    pub(super) fn end_session(&self, sid: &str) {
        self.state().sessions.end(sid);
    }

    pub(super) fn auth_mode(&self) -> AuthMode {
        self.state().auth_mode
    }

    /// Whether somebody else has this user's password, or there is no such user.
    pub(super) fn is_foreign(&self, name: &str) -> bool {
        let state = self.state();
        state.auth_mode == AuthMode::Oidc
            && !state.user(name).is_some_and(|user| state.hashes(user))
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

    use super::{super::account::Permission, *};
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
