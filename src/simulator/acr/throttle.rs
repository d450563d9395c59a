use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

/// Lets each access key call so often in any second, wherever it begins.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    per_second: Option<u32>,
    /// When each key's calls of the last second came, oldest first.
    admitted: BTreeMap<String, VecDeque<Duration>>,
    refused: u64,
}

impl Throttle {
    pub(super) fn set(&self, per_second: Option<u32>) {
        *self.state() = State {
            per_second,
            ..State::default()
        };
    }

    pub(super) fn refused(&self) -> u64 {
        self.state().refused
    }

    pub(super) fn admits(&self, key: &str, now: Duration) -> bool {
        let mut state = self.state();
        let Some(limit) = state.per_second else {
            return true;
        };
        let admitted = state.admitted.entry(key.to_owned()).or_default();
        while admitted
            .pop_front_if(|at| now.saturating_sub(*at) >= SECOND)
            .is_some()
        {}
        let is_admitted = (admitted.len() as u64) < u64::from(limit);
        if is_admitted {
            admitted.push_back(now);
        }
        state.refused += u64::from(!is_admitted);
        is_admitted
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
