use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::exchange::Request;

/// How many requests [`RequestLog::recent`] remembers.
const REMEMBERED: usize = 4096;

/// One request that reached the server, faults and refusals included.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Logged {
    /// 1 for the first request since the server started.
    pub number: u64,
    /// The method, as sent.
    pub method: String,
    /// Path and query, as sent.
    pub target: String,
    /// The user name of its Basic credentials, or the id of the access key by which it is signed,
    /// right or wrong.
    pub account: Option<String>,
    /// The name of the call, `ListRepoTag` say, where it is one to an API of Alibaba Cloud.
    pub call: Option<String>,
}

/// What reached a simulated registry.
#[derive(Default)]
pub struct RequestLog {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    numbered: u64,
    total: u64,
    in_flight: usize,
    max_in_flight: usize,
    by_path: BTreeMap<String, u64>,
    by_call: BTreeMap<String, u64>,
    /// By `Host` header.
    authorizations: BTreeMap<String, BTreeSet<String>>,
    cookies: BTreeMap<String, BTreeSet<String>>,
    recent: VecDeque<Logged>,
}

impl RequestLog {
    /// Requests since the start, or since [`reset`](Self::reset).
    #[must_use]
    pub fn total(&self) -> u64 {
        self.state().total
    }

    /// Requests whose path (as sent, without the query) is exactly `path`.
    #[must_use]
    pub fn of_path(&self, path: &str) -> u64 {
        self.state().by_path.get(path).copied().unwrap_or_default()
    }

    /// Every path asked for (as sent, without the query), and how often.
    #[must_use]
    pub fn by_path(&self) -> BTreeMap<String, u64> {
        self.state().by_path.clone()
    }

    /// Calls of this name to an API of Alibaba Cloud, `ListRepoTag` say.
    #[must_use]
    pub fn of_call(&self, name: &str) -> u64 {
        self.state().by_call.get(name).copied().unwrap_or_default()
    }

    /// The most requests that were being answered at one time.
    #[must_use]
    pub fn max_in_flight(&self) -> usize {
        self.state().max_in_flight
    }

    /// The different `Authorization` headers sent under this `Host` header.
    #[must_use]
    pub fn authorizations(&self, host: &str) -> BTreeSet<String> {
        self.state()
            .authorizations
            .get(host)
            .cloned()
            .unwrap_or_default()
    }

    /// The different `Cookie` headers sent under this `Host` header.
    #[must_use]
    pub fn cookies(&self, host: &str) -> BTreeSet<String> {
        self.state().cookies.get(host).cloned().unwrap_or_default()
    }

    /// The last 4,096 requests, oldest first.
    #[must_use]
    pub fn recent(&self) -> Vec<Logged> {
        self.state().recent.iter().cloned().collect()
    }

    /// Forgets everything but the numbering and what is in flight.
    pub fn reset(&self) {
        let mut state = self.state();
        *state = State {
            numbered: state.numbered,
            in_flight: state.in_flight,
            max_in_flight: state.in_flight,
            ..State::default()
        };
    }

    /// Numbers the request and counts it as in flight until the guard is dropped.
    pub(super) fn enter(&self, request: &mut Request) -> InFlight<'_> {
        let mut state = self.state();
        let state = &mut *state;
        state.numbered += 1;
        request.number = state.numbered;
        state.total += 1;
        state.in_flight += 1;
        state.max_in_flight = state.max_in_flight.max(state.in_flight);
        *state.by_path.entry(request.path.clone()).or_default() += 1;
        if let Some(call) = request.call() {
            *state.by_call.entry(call.to_owned()).or_default() += 1;
        }
        let host = request.header("host").unwrap_or_default();
        for (name, seen) in [
            ("authorization", &mut state.authorizations),
            ("cookie", &mut state.cookies),
        ] {
            if let Some(value) = request.header(name) {
                let seen = seen.entry(host.to_owned()).or_default();
                seen.insert(value.to_owned());
            }
        }
        if state.recent.len() == REMEMBERED {
            state.recent.pop_front();
        }
        state.recent.push_back(Logged {
            number: request.number,
            method: request.method.clone(),
            target: request.target(),
            account: request.account(),
            call: request.call().map(str::to_owned),
        });
        InFlight { log: self }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RequestLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestLog")
            .field("total", &self.total())
            .finish_non_exhaustive()
    }
}

pub(super) struct InFlight<'a> {
    log: &'a RequestLog,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.log.state().in_flight -= 1;
    }
}
