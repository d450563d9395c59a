use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::account::Account;
use crate::{
    clock::Clock,
    simulator::{exchange, harbor::Lockout},
};

/// The accounts of a running server; they may change at any time.
///
/// A wrong password is answered after 1.5 s of the simulator's clock and locks its user name for
/// as long: meanwhile the right password counts as none, without delay. Recorded on 1.10.19.
pub struct Accounts {
    lockout: Lockout,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    by_name: BTreeMap<String, Account>,
    last_id: u64,
}

impl Accounts {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            lockout: Lockout::new(clock),
            state: Mutex::default(),
        }
    }

    /// Adds an account, or replaces the one of its name.
    pub fn add(&self, mut account: Account) {
        let mut state = self.state();
        // 2 is Harbor's own anonymous user.
        state.last_id += if state.last_id == 1 { 2 } else { 1 };
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
        self.lockout.failures(name)
    }

    /// Whose credentials these are; `None` is an anonymous client, or one that passes for it.
    pub(super) async fn authenticate(&self, authorization: Option<&str>) -> Option<Account> {
        let (name, password) = exchange::basic(authorization?)?;
        let account = self.named(&name);
        let right = account.filter(|account| account.secret == password);
        // A robot is recognised by its secret alone, which no lock concerns (read from the
        // source); whoever is no robot with the right secret is taken for a user.
        let robot = right.as_ref().is_some_and(Account::is_robot);
        if !robot && self.lockout.is_locked(&name) {
            return None;
        }
        if right.is_none() {
            self.lockout.fail(&name).await;
        }
        right
    }

    /// By user name, or of a user by address.
    fn named(&self, name: &str) -> Option<Account> {
        let state = self.state();
        let mut users = state.by_name.values();
        let account = state.by_name.get(name);
        account
            .or_else(|| users.find(|user| !name.is_empty() && user.email == name))
            .cloned()
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
