use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::moments::milliseconds;
use crate::{clock::Timestamp, simulator::made_up::digest_of};

/// The user of every temporary login.
pub(super) const TEMPORARY_USER: &str = "cr_temp_user";

/// What `GetAuthorizationToken` has handed out: passwords for the registry's token service.
#[derive(Debug, Default)]
pub(super) struct Logins {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    issued: u64,
    by_password: BTreeMap<String, Login>,
}

/// What a login is good for.
#[derive(Debug, Clone)]
pub(super) struct Login {
    /// An Enterprise instance; none for Personal.
    pub(super) instance: Option<String>,
    pub(super) expires: Timestamp,
}

impl Logins {
    /// The password of a new login.
    pub(super) fn issue(&self, login: Login) -> String {
        let mut state = self.state();
        state.issued += 1;
        let time = format!(r#"{{"time":"{}"}}"#, milliseconds(login.expires));
        let secret = digest_of(state.issued).split_off("sha256:".len());
        let password = format!("{}:{}", BASE64_STANDARD.encode(time), &secret[..40]);
        state.by_password.insert(password.clone(), login);
        password
    }

    /// How many were handed out.
    pub(super) fn issued(&self) -> u64 {
        self.state().issued
    }

    pub(super) fn find(&self, user: &str, password: &str, now: Timestamp) -> Option<Login> {
        let state = self.state();
        let login = state.by_password.get(password)?;
        (user == TEMPORARY_USER && now < login.expires).then(|| login.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
