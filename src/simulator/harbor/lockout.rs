use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::clock::Clock;

/// How long a failed log-in is held back, and how long it locks its user name.
const FROZEN: Duration = Duration::from_millis(1500);

/// Failed log-ins, and the user names that they lock.
pub(in crate::simulator) struct Lockout {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failed: BTreeMap<String, u64>,
    locked_until: BTreeMap<String, Duration>,
}

impl Lockout {
    pub(in crate::simulator) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            state: Mutex::default(),
        }
    }

    /// Whether the right password counts as none.
    pub(in crate::simulator) fn is_locked(&self, name: &str) -> bool {
        let now = self.clock.monotonic();
        let state = self.state();
        state
            .locked_until
            .get(name)
            .is_some_and(|until| now < *until)
    }

    /// Locks the name, and holds the answer back for as long.
    pub(in crate::simulator) async fn fail(&self, name: &str) {
        {
            let until = self.clock.monotonic() + FROZEN;
            let mut state = self.state();
            *state.failed.entry(name.to_owned()).or_default() += 1;
            state.locked_until.insert(name.to_owned(), until);
        }
        self.clock.sleep(FROZEN).await;
    }

    pub(in crate::simulator) fn failures(&self, name: &str) -> u64 {
        self.state().failed.get(name).copied().unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Lockout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lockout").finish_non_exhaustive()
    }
}
