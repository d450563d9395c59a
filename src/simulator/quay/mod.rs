//! A simulated Quay 3, its contents and its accounts.

mod accounts;
mod api;
mod asked;
mod contents;
mod demonstration;
mod distribution;
mod login;
mod lookup;
mod manifests;
mod organizations;
mod page_token;
mod push;
mod records;
mod refusal;
mod repositories;
mod rights;
mod routes;
mod sessions;
mod settings;
mod system;
mod tags;
mod token_service;
mod tokens;
mod users;

pub use accounts::Accounts;
pub use contents::Contents;
pub use push::{Child, Listed, Push};
pub use settings::{Organization, Repository, State, Team};
pub use tokens::{Scope, Token};
pub use users::{Robot, User};

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock},
};

use async_trait::async_trait;

use self::{asked::Asked, distribution::TagLists};
use super::{
    exchange::{Answer, Request},
    fault::Faults,
    held::Held,
    log::RequestLog,
    server::{Handler, Server},
};
use crate::clock::{Clock, SystemClock};

/// A simulated Quay 3 on a loopback port. Stops when dropped.
///
/// Served, as nginx in front of Quay does: `/config`, `/health/instance`, `/v1/_ping`; under
/// `/api/v1` the head of `discovery`, repositories with their tags, organizations with members and
/// robots, the own user, signing in and out; `/v2/auth`; under `/v2/` the challenge, manifests and
/// lists of tags. Other routes that Quay has are answered with 501, so that nobody takes their
/// absence for an answer.
///
/// Its silent traps are those of the real server: whoever sends a wrong token sees what anonymous
/// clients see, a page token that is garbage or older than two days starts the list over, pages of
/// tags shift when tags come and go, the tags of a repository's details end at 500, and the list
/// of tags under `/v2/` lacks what was pushed within the last two minutes.
#[derive(Debug)]
pub struct Quay {
    server: Server,
    registry: Arc<Registry>,
}

impl Quay {
    /// The user who creates organizations unless another is said to, and thereby owns them.
    pub const USERNAME: &str = "owner";
    /// That user's password.
    pub const PASSWORD: &str = "QuayOwner12345";
    /// A token of that user with the scopes `repo:read` and `org:admin`.
    pub const AUTH_TOKEN: &str = "q3Xh7tVbN0sLmWcE9aRkTy5UiPzGdJfOo2Bv8Yx1";

    /// A Quay with default settings, on a free port, with the demonstration's contents.
    pub fn builder() -> QuayBuilder {
        QuayBuilder {
            clock: None,
            settings: Settings {
                anonymous_access: true,
                superusers_full_access: false,
                version: Some("3.11.0".to_owned()),
            },
            contents: None,
            users: Vec::new(),
            robots: Vec::new(),
            tokens: Vec::new(),
            port: 0,
            throttle: None,
            external_url: None,
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

    /// Users, robots and tokens.
    #[must_use]
    pub fn accounts(&self) -> &Accounts {
        &self.registry.accounts
    }

    /// Refuses, with 429, what goes beyond so many requests a second; `None` refuses nothing.
    pub fn throttle(&self, per_second: Option<u32>) {
        self.server.throttle(per_second);
    }

    /// Changes, or looks at, the contents; no request is answered meanwhile.
    pub fn change<T>(&self, change: impl FnOnce(&mut Contents) -> T) -> T {
        change(&mut self.registry.contents.lock())
    }

    /// What a complete listing of this organization must show now; see [`Contents::listed`].
    #[must_use]
    pub fn listed(&self, organization: &str) -> Vec<Listed> {
        let now = self.registry.clock.now();
        self.registry.contents.lock().listed(organization, now)
    }

    /// The names of all organizations, in alphabetical order.
    #[must_use]
    pub fn organizations(&self) -> Vec<String> {
        let contents = self.registry.contents.lock();
        contents.organizations.keys().cloned().collect()
    }

    /// Calls `hook` before every request with its number, its path and query as sent, and the
    /// contents, so that these can change between two pages. Replaces the hook before it.
    ///
    /// The hook changes what it is given; [`change`](Self::change) would wait for it forever.
    pub fn before_request(&self, hook: impl Fn(u64, &str, &mut Contents) + Send + Sync + 'static) {
        self.registry.contents.before_request(hook);
    }
}

/// Sets up a [`Quay`].
#[derive(Debug)]
#[must_use]
pub struct QuayBuilder {
    clock: Option<Arc<dyn Clock>>,
    settings: Settings,
    contents: Option<Contents>,
    users: Vec<User>,
    robots: Vec<Robot>,
    tokens: Vec<Token>,
    port: u16,
    throttle: Option<u32>,
    external_url: Option<String>,
}

impl QuayBuilder {
    /// The clock of locks, expirations, caches, delays and token lifetimes; the machine's unless
    /// given.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// What it holds, instead of the demonstration.
    pub fn contents(mut self, contents: Contents) -> Self {
        self.contents = Some(contents);
        self
    }

    /// Holds [`Contents::sized`]: so many organizations, repositories and tags in all.
    pub fn sized(self, organizations: u64, repositories: u64, tags: u64) -> Self {
        self.contents(Contents::sized(organizations, repositories, tags))
    }

    /// One more user besides [`Quay::USERNAME`].
    pub fn user(mut self, user: User) -> Self {
        self.users.push(user);
        self
    }

    /// One more robot.
    pub fn robot(mut self, robot: Robot) -> Self {
        self.robots.push(robot);
        self
    }

    /// One more token besides [`Quay::AUTH_TOKEN`].
    pub fn token(mut self, token: Token) -> Self {
        self.tokens.push(token);
        self
    }

    /// The port on 127.0.0.1; a free one unless given.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// See [`Quay::throttle`]; off unless given.
    pub fn throttle(mut self, per_second: u32) -> Self {
        self.throttle = Some(per_second);
        self
    }

    /// Whether clients without credentials, or with wrong ones, are shown what is public
    /// (`FEATURE_ANONYMOUS_ACCESS`). They are unless given.
    pub fn anonymous_access(mut self, allowed: bool) -> Self {
        self.settings.anonymous_access = allowed;
        self
    }

    /// Whether superusers see and administer every organization
    /// (`FEATURE_SUPERUSERS_FULL_ACCESS`). They do not unless given.
    pub fn superusers_full_access(mut self, allowed: bool) -> Self {
        self.settings.superusers_full_access = allowed;
        self
    }

    /// The version that `/config` states, right or wrong; 3.11.0 unless given.
    pub fn version(mut self, version: &str) -> Self {
        self.settings.version = Some(version.to_owned());
        self
    }

    /// Has no `/config`, as Quay before 3.8.
    pub fn without_config(mut self) -> Self {
        self.settings.version = None;
        self
    }

    /// The URL that Quay was configured with, which the token realm shows whatever host the client
    /// used; the address it listens on unless given.
    pub fn external_url(mut self, url: &str) -> Self {
        self.external_url = Some(url.to_owned());
        self
    }

    /// Starts it, within a tokio runtime.
    ///
    /// # Errors
    ///
    /// Where the port cannot be listened on.
    pub async fn start(self) -> io::Result<Quay> {
        let clock = self.clock.unwrap_or_else(SystemClock::shared);
        let accounts = Accounts::new(Arc::clone(&clock));
        let owner = User::new(Quay::USERNAME, Quay::PASSWORD);
        let scopes = [Scope::RepoRead, Scope::OrgAdmin];
        let token = Token::new(Quay::AUTH_TOKEN, Quay::USERNAME, &scopes);
        for user in [owner].into_iter().chain(self.users) {
            accounts.add_user(user);
        }
        for robot in self.robots {
            accounts.add_robot(robot);
        }
        for token in [token].into_iter().chain(self.tokens) {
            accounts.add_token(token);
        }
        let registry = Arc::new(Registry {
            settings: self.settings,
            clock: Arc::clone(&clock),
            accounts,
            contents: Held::new(self.contents.unwrap_or_else(demonstration::contents)),
            tag_lists: Mutex::default(),
            external_url: OnceLock::new(),
        });
        let handler = Arc::clone(&registry) as Arc<dyn Handler>;
        let server = Server::start(self.port, clock, handler).await?;
        let external_url = self.external_url;
        registry
            .external_url
            .get_or_init(|| external_url.unwrap_or_else(|| format!("http://{}", server.address())));
        server.throttle(self.throttle);
        Ok(Quay { server, registry })
    }
}

/// What an operator of the real server sets.
#[derive(Debug)]
struct Settings {
    anonymous_access: bool,
    superusers_full_access: bool,
    /// As `/config` states it, where there is one.
    version: Option<String>,
}

struct Registry {
    settings: Settings,
    clock: Arc<dyn Clock>,
    accounts: Accounts,
    contents: Held<Contents>,
    tag_lists: Mutex<TagLists>,
    external_url: OnceLock<String>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("settings", &self.settings)
            .field("accounts", &self.accounts)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Handler for Registry {
    fn before(&self, request: &Request) {
        self.contents.call_hook(request);
    }

    async fn answer(&self, request: &Request) -> Answer {
        let contents = self.contents.lock();
        let asked = Asked::new(self, request, &contents);
        asked.routed().with("Date", asked::http_date(asked.now))
    }

    /// Read from the configuration of nginx, which throttles only where it is told to; the form
    /// of the page is recorded nowhere.
    fn throttled(&self) -> Answer {
        refusal::nginx(429, "429 Too Many Requests")
    }
}
