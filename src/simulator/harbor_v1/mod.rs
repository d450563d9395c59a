//! A simulated Harbor 1.x, its contents and its accounts.

mod access_log;
mod account;
mod accounts;
mod changes;
mod contents;
mod cookies;
mod demonstration;
mod distribution;
mod logs;
mod negotiation;
mod paging;
mod projects;
mod push;
mod records;
mod refusal;
mod repositories;
mod rights;
mod routes;
mod search;
mod system;
mod tags;
mod token_service;

pub use account::Account;
pub use accounts::Accounts;
pub use contents::Contents;
pub use push::{Listed, Project, Push};

pub use super::harbor::{Child, Role};

use std::{
    cell::RefCell,
    fmt, io,
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use serde::Serialize;

use self::rights::Viewer;
use super::{
    exchange::{Answer, Request},
    fault::Faults,
    harbor::http_date,
    held::Held,
    log::RequestLog,
    server::{Handler, Server},
};
use crate::clock::{Clock, SystemClock, Timestamp};

/// How Harbor writes that something never happened.
const NEVER: &str = "0001-01-01T00:00:00Z";
const JSON: &str = "application/json; charset=utf-8";
const VERSION: &str = "v1.10.19-b1a56175";

/// A simulated Harbor 1.10 on a loopback port. Stops when dropped.
///
/// Served, as stock nginx in front of Harbor does: under `/api` `systeminfo`, `ping`,
/// `users/current`, `statistics`, `projects`, `repositories`, tags, `search` and `logs`, all of
/// them to be read; `/service/token`; under `/v2/` the challenge, the catalog, manifests and lists
/// of tags. Other routes that Harbor has are answered with 501, so that nobody takes their absence
/// for an answer.
///
/// A manifest of one of Docker's images that is asked for by `/v2/` counts as a pull, by `HEAD` too:
/// the log tells of it, and the repository's `update_time` changes. What is answered with 304, to an
/// `If-None-Match` with its digest, does not count, nor does a list given as a list.
///
/// Harbor filters the catalog, after it was cut into pages, by the names that its database has:
/// pages may be short, or `null`, with a `Link` to the next, and what the lists of repositories
/// hide the catalog hides too (recorded: 89 names on a page of 100).
#[derive(Debug)]
pub struct HarborV1 {
    server: Server,
    harbor: Arc<Harbor>,
}

impl HarborV1 {
    /// The user name of the system administrator that every simulated Harbor has.
    pub const USERNAME: &str = "admin";
    /// That administrator's password.
    pub const PASSWORD: &str = "Harbor12345";

    /// On a free port, with the demonstration's contents.
    pub fn builder() -> HarborV1Builder {
        HarborV1Builder {
            clock: None,
            version: VERSION.to_owned(),
            contents: None,
            accounts: Vec::new(),
            port: 0,
            throttle: None,
            external_url: None,
            filters_catalog: true,
        }
    }

    /// Where it listens, on 127.0.0.1.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// What was asked.
    #[must_use]
    pub fn log(&self) -> &RequestLog {
        self.server.log()
    }

    /// What goes wrong.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        self.server.faults()
    }

    /// Who may log in.
    #[must_use]
    pub fn accounts(&self) -> &Accounts {
        &self.harbor.accounts
    }

    /// See [`Server::throttle`]. Neither core nor stock nginx throttles, so the form of the refusal
    /// is recorded nowhere.
    pub fn throttle(&self, per_second: Option<u32>) {
        self.server.throttle(per_second);
    }

    /// Changes, or looks at, the contents; no request is answered meanwhile.
    pub fn change<T>(&self, change: impl FnOnce(&mut Contents) -> T) -> T {
        change(&mut self.harbor.contents.lock())
    }

    /// What a complete listing must show now; see [`Contents::listed`].
    #[must_use]
    pub fn listed(&self) -> Vec<Listed> {
        self.harbor.contents.lock().listed()
    }

    /// Calls `hook` before every request with its number, its path and query as sent, and the
    /// contents, so that these can change between two pages. Replaces the hook before it.
    ///
    /// The hook changes what it is given; [`change`](Self::change) would wait for it forever.
    pub fn before_request(&self, hook: impl Fn(u64, &str, &mut Contents) + Send + Sync + 'static) {
        self.harbor.contents.before_request(hook);
    }
}

/// Sets up a [`HarborV1`].
#[derive(Debug)]
#[must_use]
pub struct HarborV1Builder {
    clock: Option<Arc<dyn Clock>>,
    version: String,
    contents: Option<Contents>,
    accounts: Vec<Account>,
    port: u16,
    throttle: Option<u32>,
    external_url: Option<String>,
    filters_catalog: bool,
}

impl HarborV1Builder {
    /// The clock of lock-outs, delays and token lifetimes; the machine's unless given.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// What `systeminfo` says for its version, `v1.10.19-b1a56175` unless given. Nothing else
    /// changes by it.
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    /// What it holds, instead of the demonstration.
    pub fn contents(mut self, contents: Contents) -> Self {
        self.contents = Some(contents);
        self
    }

    /// Holds [`Contents::sized`]: so many projects, repositories and tags in all.
    pub fn sized(self, projects: u64, repositories: u64, tags: u64) -> Self {
        self.contents(Contents::sized(projects, repositories, tags))
    }

    /// One more account besides [`HarborV1::USERNAME`].
    pub fn account(mut self, account: Account) -> Self {
        self.accounts.push(account);
        self
    }

    /// The port on 127.0.0.1; a free one unless given.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// See [`HarborV1::throttle`]; off unless given.
    pub fn throttle(mut self, per_second: u32) -> Self {
        self.throttle = Some(per_second);
        self
    }

    /// The external URL that Harbor was configured with, which the token realm shows whatever host
    /// the client used; the address it listens on unless given.
    pub fn external_url(mut self, url: &str) -> Self {
        self.external_url = Some(url.to_owned());
        self
    }

    /// Shows all that the registry has in its catalog, as where something else than Harbor answers
    /// for it. No recording shows that.
    pub fn unfiltered_catalog(mut self) -> Self {
        self.filters_catalog = false;
        self
    }

    /// Starts it, within a tokio runtime.
    ///
    /// # Errors
    ///
    /// Where the port cannot be listened on.
    pub async fn start(self) -> io::Result<HarborV1> {
        let clock = self.clock.unwrap_or_else(SystemClock::shared);
        let accounts = Accounts::new(Arc::clone(&clock));
        let administrator = Account::administrator(HarborV1::USERNAME, HarborV1::PASSWORD);
        accounts.add(administrator);
        for account in self.accounts {
            accounts.add(account);
        }
        let harbor = Arc::new(Harbor {
            version: self.version,
            clock: Arc::clone(&clock),
            accounts,
            contents: Held::new(self.contents.unwrap_or_else(demonstration::contents)),
            external_url: OnceLock::new(),
            filters_catalog: self.filters_catalog,
        });
        let handler = Arc::clone(&harbor) as Arc<dyn Handler>;
        let server = Server::start(self.port, clock, handler).await?;
        let external_url = self.external_url;
        harbor
            .external_url
            .get_or_init(|| external_url.unwrap_or_else(|| format!("http://{}", server.address())));
        server.throttle(self.throttle);
        Ok(HarborV1 { server, harbor })
    }
}

struct Harbor {
    version: String,
    clock: Arc<dyn Clock>,
    accounts: Accounts,
    contents: Held<Contents>,
    external_url: OnceLock<String>,
    filters_catalog: bool,
}

impl Harbor {
    fn answer_as(&self, account: Option<Account>, request: &Request) -> Answer {
        let mut contents = self.contents.lock();
        let asked = Asked {
            request,
            viewer: Viewer { account },
            version: &self.version,
            contents: &contents,
            external_url: self.external_url.get().map_or("", String::as_str),
            filters_catalog: self.filters_catalog,
            now: self.clock.now(),
            pulled: RefCell::new(None),
        };
        let answer = asked.route();
        if let Some(pull) = asked.pulled.take() {
            contents.pull_as(&pull.user, &pull.path, &pull.reference);
        }
        // A clock that is behind the contents would deny what they tell.
        let now = self.clock.now().max(contents.now);
        answer.with("Date", http_date(now))
    }
}

impl fmt::Debug for Harbor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Harbor")
            .field("version", &self.version)
            .field("accounts", &self.accounts)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Handler for Harbor {
    fn before(&self, request: &Request) {
        self.contents.call_hook(request);
    }

    async fn answer(&self, request: &Request) -> Answer {
        if !routes::reach_core(&request.path) {
            return self.answer_as(None, request);
        }
        let account = self.accounts.authenticate(request.authorization()).await;
        cookies::set(request, self.answer_as(account, request))
    }
}

/// One request with all that its answer depends on.
struct Asked<'a> {
    request: &'a Request,
    viewer: Viewer,
    version: &'a str,
    contents: &'a Contents,
    external_url: &'a str,
    filters_catalog: bool,
    now: Timestamp,
    pulled: RefCell<Option<Pulled>>,
}

/// What the registry tells Harbor of when it has answered.
struct Pulled {
    user: String,
    path: String,
    reference: String,
}

impl Asked<'_> {
    /// The first parameter of this name.
    fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self.request.parameters().into_iter();
        pairs
            .find(|(present, _)| present == name)
            .map(|(_, value)| value)
    }
}

/// JSON as core writes it: with line breaks, none at the end, and compressed when asked to.
fn json(body: &impl Serialize) -> Answer {
    // A body that cannot be JSON is left empty, which no client takes for JSON.
    let body = serde_json::to_vec_pretty(body).unwrap_or_default();
    Answer::new(200, JSON, body).compressible()
}
