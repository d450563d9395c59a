use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::clock::Timestamp;

/// An access key of an account or of a RAM user, who may do everything unless narrowed.
///
/// ```
/// use registry_intake::simulator::acr::AccessKey;
///
/// let scanner = AccessKey::new("LTAIscanner", "secret")
///     .allows(&["cr:Get*", "cr:List*"])
///     .denies(&["cr:ListRepositoryTag"]);
/// # let _ = scanner;
/// ```
#[derive(Debug, Clone)]
pub struct AccessKey {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) token: Option<String>,
    pub(super) expires: Option<Timestamp>,
    pub(super) is_active: bool,
    pub(super) has_registry_password: bool,
    allowed: Vec<String>,
    denied: Vec<String>,
}

impl AccessKey {
    /// A lasting one.
    #[must_use]
    pub fn new(id: &str, secret: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
            token: None,
            expires: None,
            is_active: true,
            has_registry_password: true,
            allowed: vec!["*".to_owned()],
            denied: Vec::new(),
        }
    }

    /// One that counts together with a security token only, and only until then. Such ids begin
    /// `STS.`.
    #[must_use]
    pub fn temporary(id: &str, secret: &str, security_token: &str, expires: Timestamp) -> Self {
        Self {
            token: Some(security_token.to_owned()),
            expires: Some(expires),
            ..Self::new(id, secret)
        }
    }

    /// May do these actions only, `cr:ListInstance` or `cr:List*` say.
    #[must_use]
    pub fn allows(mut self, actions: &[&str]) -> Self {
        self.allowed = actions.iter().map(|&action| action.to_owned()).collect();
        self
    }

    /// May not do these, whatever else allows them.
    #[must_use]
    pub fn denies(mut self, actions: &[&str]) -> Self {
        self.denied
            .extend(actions.iter().map(|&action| action.to_owned()));
        self
    }

    /// Switched off.
    #[must_use]
    pub fn inactive(mut self) -> Self {
        self.is_active = false;
        self
    }

    /// Of a RAM user who has never set the password of the Personal registry, and to whom it gives
    /// no token therefore.
    #[must_use]
    pub fn without_registry_password(mut self) -> Self {
        self.has_registry_password = false;
        self
    }

    pub(super) fn may(&self, action: &str) -> bool {
        let matches = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => action.starts_with(start),
            None => action == pattern,
        };
        self.allowed.iter().any(matches) && !self.denied.iter().any(matches)
    }
}

/// The access keys of a running simulator; they may change at any time. A clone is the same.
#[derive(Clone, Default)]
pub struct AccessKeys {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    keys: BTreeMap<String, AccessKey>,
    refused: BTreeMap<String, u64>,
    /// Key and nonce, as long as they are remembered.
    nonces: BTreeSet<String>,
    /// When each was used, oldest first.
    used: VecDeque<(Timestamp, String)>,
}

impl AccessKeys {
    /// Adds a key, which has used no nonce yet, or replaces the one of that id.
    pub fn add(&self, key: AccessKey) {
        let mut state = self.state();
        let used = format!("{}\n", key.id);
        state.nonces.retain(|nonce| !nonce.starts_with(&used));
        state.keys.insert(key.id.clone(), key);
    }

    /// Deletes a key. Says whether it was there.
    pub fn delete(&self, id: &str) -> bool {
        self.state().keys.remove(id).is_some()
    }

    /// How many requests with this key's id were refused for a wrong signature or token, for a key
    /// that is not there, or for one that is switched off.
    #[must_use]
    pub fn refused(&self, id: &str) -> u64 {
        self.state().refused.get(id).copied().unwrap_or_default()
    }

    pub(super) fn find(&self, id: &str) -> Option<AccessKey> {
        self.state().keys.get(id).cloned()
    }

    pub(super) fn count_refusal(&self, id: &str) {
        *self.state().refused.entry(id.to_owned()).or_default() += 1;
    }

    /// Notes that a nonce was used. Says whether it was new within `memory`.
    pub(super) fn use_nonce(
        &self,
        id: &str,
        nonce: &str,
        now: Timestamp,
        memory: Duration,
    ) -> bool {
        let mut state = self.state();
        let state = &mut *state;
        let forgotten = now.saturating_sub(memory);
        while let Some((_, nonce)) = state.used.pop_front_if(|(at, _)| *at < forgotten) {
            state.nonces.remove(&nonce);
        }
        let nonce = format!("{id}\n{nonce}");
        let is_new = state.nonces.insert(nonce.clone());
        if is_new {
            state.used.push_back((now, nonce));
        }
        is_new
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for AccessKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKeys").finish_non_exhaustive()
    }
}
