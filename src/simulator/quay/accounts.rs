use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    sessions::Sessions,
    tokens::Token,
    users::{Robot, User},
};
use crate::clock::Clock;

/// The accounts of a running server; they may change at any time.
///
/// A wrong password locks its user for a time that doubles with each further one: half a second,
/// one and a half, three and a half. Meanwhile every log-in of that user is refused, the right
/// password included. Robots and tokens are never locked. Recorded on Quay 3, the lengths of the
/// lock read from the source.
pub struct Accounts {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    users: BTreeMap<String, User>,
    robots: BTreeMap<String, Robot>,
    /// By the part that names them.
    tokens: BTreeMap<String, Token>,
    last_id: u64,
    failed: BTreeMap<String, u64>,
    locks: BTreeMap<String, Lock>,
    hashes: u64,
    pub(super) sessions: Sessions,
}

#[derive(Default)]
struct Lock {
    /// Wrong passwords since the last right one.
    failures: u32,
    until: Duration,
}

/// Why credentials count for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    Invalid(String),
    /// Nothing was looked at, and nothing will be for so long.
    Locked(Duration),
}

impl Failure {
    fn invalid(message: &str) -> Self {
        Self::Invalid(message.to_owned())
    }
}

impl Accounts {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            state: Mutex::default(),
        }
    }

    /// Adds a user, or replaces the one of that name.
    pub fn add_user(&self, mut user: User) {
        let mut state = self.state();
        state.last_id += 1;
        user.id = state.last_id;
        state.users.insert(user.name.clone(), user);
    }

    /// Adds a robot, or replaces the one of that name.
    pub fn add_robot(&self, robot: Robot) {
        self.state().robots.insert(robot.name.clone(), robot);
    }

    /// Adds a token, or replaces the one whose first 20 characters it shares.
    pub fn add_token(&self, token: Token) {
        let name = Token::name_of(&token.value).to_owned();
        self.state().tokens.insert(name, token);
    }

    /// Revokes a token. Says whether there was one.
    pub fn revoke_token(&self, value: &str) -> bool {
        let name = Token::name_of(value);
        self.state().tokens.remove(name).is_some()
    }

    /// Disables a user with all tokens, or enables both again. Says whether there is one.
    pub fn set_disabled(&self, user: &str, disabled: bool) -> bool {
        let mut state = self.state();
        let user = state.users.get_mut(user);
        user.map(|user| user.is_disabled = disabled).is_some()
    }

    /// Changes a user's password, which ends the user's sessions. Says whether there is one.
    pub fn set_password(&self, user: &str, password: &str) -> bool {
        let mut state = self.state();
        state.sessions.end_of(user);
        let user = state.users.get_mut(user);
        user.map(|user| password.clone_into(&mut user.password))
            .is_some()
    }

    /// Ends every session.
    pub fn end_sessions(&self) {
        self.state().sessions = Sessions::default();
    }

    /// How many sessions of this user have not ended.
    #[must_use]
    pub fn open_sessions(&self, user: &str) -> usize {
        self.state().sessions.open_of(user)
    }

    /// How often a log-in with this user's or robot's name failed, whether or not there is one.
    /// Attempts while the user was locked are not log-ins.
    #[must_use]
    pub fn failed_logins(&self, name: &str) -> u64 {
        self.state().failed.get(name).copied().unwrap_or_default()
    }

    /// How many tokens and passwords were compared with their bcrypt hashes, which costs a real
    /// server 0.3 s of a processor each time: one for every API call by token, one for every
    /// log-in. Robots cost none, nor what is named by no token and no user.
    #[must_use]
    pub fn bcrypts(&self) -> u64 {
        self.state().hashes
    }

    /// Whose password this is.
    pub(super) fn log_in(&self, name: &str, password: &str) -> Result<User, Failure> {
        let now = self.clock.monotonic();
        let mut state = self.state();
        let invalid = Failure::invalid("Invalid Username or Password");
        let user = state.users.get(name).cloned();
        if let Some(lock) = state.locks.get(name).filter(|lock| now < lock.until) {
            return Err(Failure::Locked(lock.until.saturating_sub(now)));
        }
        state.hashes += u64::from(user.is_some());
        match user {
            Some(user) if user.password == password => {
                state.locks.remove(name);
                if user.is_disabled {
                    let message = "This user has been disabled. Please contact your administrator.";
                    return Err(Failure::invalid(message));
                }
                Ok(user)
            }
            Some(_) => {
                *state.failed.entry(name.to_owned()).or_default() += 1;
                let lock = state.locks.entry(name.to_owned()).or_default();
                lock.failures += 1;
                let doubled = 1_u32.checked_shl(lock.failures).unwrap_or(u32::MAX);
                lock.until = now + Duration::from_millis(500).saturating_mul(doubled - 1);
                Err(invalid)
            }
            None => {
                *state.failed.entry(name.to_owned()).or_default() += 1;
                Err(invalid)
            }
        }
    }

    /// Whose token this is, of a robot of this name.
    pub(super) fn robot(&self, name: &str, token: &str) -> Result<Robot, Failure> {
        let mut state = self.state();
        let robot = state.robots.get(name).cloned();
        if let Some(robot) = robot.as_ref().filter(|robot| robot.token == token) {
            return Ok(robot.clone());
        }
        *state.failed.entry(name.to_owned()).or_default() += 1;
        Err(match robot {
            Some(_) => Failure::Invalid(format!(
                "Could not find robot with username: {name} and supplied password."
            )),
            None => Failure::invalid("Could not find robot with specified username"),
        })
    }

    /// Whose OAuth token this is, with what it may be used for.
    pub(super) fn oauth(&self, value: &str) -> Result<(User, Token), Failure> {
        let mut state = self.state();
        let named = state.tokens.get(Token::name_of(value)).cloned();
        state.hashes += u64::from(named.is_some());
        let token = named
            .filter(|token| token.value == value)
            .ok_or_else(|| Failure::invalid("OAuth access token could not be validated"))?;
        let now = self.clock.now();
        if token.expires.is_some_and(|expires| expires <= now) {
            return Err(Failure::invalid("OAuth access token has expired"));
        }
        let user = state.users.get(&token.user);
        match user.filter(|user| !user.is_disabled) {
            Some(user) => Ok((user.clone(), token)),
            // Read from the source; no recording asks for this token's reason.
            None => Err(Failure::invalid(
                "Granter of the oauth access token is disabled",
            )),
        }
    }

    pub(super) fn user(&self, name: &str) -> Option<User> {
        self.state().users.get(name).cloned()
    }

    /// In the order in which they were added.
    pub(super) fn users(&self) -> Vec<User> {
        let mut users: Vec<_> = self.state().users.values().cloned().collect();
        users.sort_by_key(|user| user.id);
        users
    }

    pub(super) fn robots(&self) -> Vec<Robot> {
        self.state().robots.values().cloned().collect()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Accounts")
            .field("users", &state.users.values())
            .field("robots", &state.robots.values())
            .field("tokens", &state.tokens.values())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{
        clock::{ManualClock, Timestamp},
        simulator::quay::Scope,
    };

    const TOKEN: &str = "AAAAAAAAAABBBBBBBBBBCCCCCCCCCCDDDDDDDDDD";

    fn accounts(clock: &ManualClock) -> Accounts {
        let accounts = Accounts::new(Arc::new(clock.clone()));
        accounts.add_user(User::new("ann", "right"));
        accounts.add_robot(Robot::new("acme+puller", "secret"));
        accounts.add_token(Token::new(TOKEN, "ann", &[Scope::RepoRead]));
        accounts
    }

    fn lock(accounts: &Accounts, password: &str) -> Option<Duration> {
        match accounts.log_in("ann", password) {
            Err(Failure::Locked(left)) => Some(left),
            _ => None,
        }
    }

    #[test]
    fn each_wrong_password_locks_its_user_for_longer() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let accounts = accounts(&clock);
        for millis in [500, 1500, 3500] {
            assert_eq!(lock(&accounts, "wrong"), None);
            let locked = Duration::from_millis(millis);
            assert_eq!(lock(&accounts, "wrong"), Some(locked));
            assert_eq!(lock(&accounts, "right"), Some(locked));
            clock.advance(locked);
        }
        assert_eq!(accounts.failed_logins("ann"), 3);
        assert!(accounts.log_in("ann", "right").is_ok());
        assert_eq!(lock(&accounts, "wrong"), None);
        assert_eq!(lock(&accounts, "right"), Some(Duration::from_millis(500)));
    }

    #[test]
    fn neither_robots_nor_unknown_names_are_locked() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let accounts = accounts(&clock);
        for _ in 0..2 {
            assert!(accounts.robot("acme+puller", "wrong").is_err());
            assert!(matches!(
                accounts.log_in("nobody", "wrong"),
                Err(Failure::Invalid(_))
            ));
        }
        assert!(accounts.robot("acme+puller", "secret").is_ok());
        assert_eq!(accounts.failed_logins("acme+puller"), 2);
        assert_eq!(accounts.bcrypts(), 0);
    }

    #[test]
    fn a_token_is_compared_only_where_its_name_is_known() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let accounts = accounts(&clock);
        assert!(accounts.oauth(TOKEN).is_ok());
        assert!(accounts.oauth(&TOKEN.replace('D', "E")).is_err());
        assert_eq!(accounts.bcrypts(), 2);
        assert!(accounts.oauth("short").is_err());
        assert!(accounts.set_disabled("ann", true));
        assert!(accounts.oauth(TOKEN).is_err());
        assert!(accounts.set_disabled("ann", false));
        assert!(accounts.revoke_token(TOKEN));
        assert!(accounts.oauth(TOKEN).is_err());
        assert_eq!(accounts.bcrypts(), 3);
    }

    #[test]
    fn a_token_is_good_until_it_expires() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let accounts = accounts(&clock);
        let hour = Duration::from_secs(3600);
        let expires = Timestamp::UNIX_EPOCH.saturating_add(hour);
        accounts.add_token(Token::new(TOKEN, "ann", &[]).expires(expires));
        assert!(accounts.oauth(TOKEN).is_ok());
        clock.advance(hour);
        let expired = Failure::invalid("OAuth access token has expired");
        assert_eq!(accounts.oauth(TOKEN).unwrap_err(), expired);
    }

    #[test]
    fn no_secret_shows_in_debug() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let shown = format!("{:?}", accounts(&clock));
        for secret in ["right", "secret", "AAAA", "DDDD"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
