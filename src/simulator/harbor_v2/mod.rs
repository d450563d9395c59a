//! A simulated Harbor 2.x, its contents and its accounts.

mod account;
mod accounts;
mod artifact_row;
mod artifacts;
mod audit;
mod audit_rows;
mod changes;
mod contents;
mod csrf;
mod demonstration;
mod distribution;
mod lookup;
mod middleware;
mod projects;
mod push;
mod query;
mod records;
mod refusal;
mod release;
mod repositories;
mod rights;
mod routes;
mod sessions;
mod system;

pub use account::{Account, Permission};
pub use accounts::{Accounts, AuthMode};
pub use contents::Contents;
pub use push::{Listed, Project, Push, Pushed};
pub use release::{ParseReleaseError, Release};

pub use super::harbor::{Child, Role};

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;

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
const NEVER: &str = "0001-01-01T00:00:00.000Z";

/// A simulated Harbor 2.x on a loopback port. Stops when dropped.
///
/// Served, as stock nginx in front of Harbor does: `/api/version`, and under `/api/v2.0`
/// `systeminfo`, `ping`, `users/current`, `statistics`, `projects`, `repositories`, artifacts, the
/// audit logs and, to be read, `configurations`;
/// `/service/token`; under `/v2/` the challenge, the catalog, manifests and lists of tags; signing in by form at
/// `/c/login` and out at `/c/log_out`. Other routes that Harbor has are answered with 501, so that
/// nobody takes their absence for an answer.
#[derive(Debug)]
pub struct HarborV2 {
    server: Server,
    harbor: Arc<Harbor>,
}

impl HarborV2 {
    /// The user name of the system administrator that every simulated Harbor has.
    pub const USERNAME: &str = "admin";
    /// That administrator's password.
    pub const PASSWORD: &str = "Harbor12345";
    /// The user name of the system robot that every simulated Harbor has: it may list everything.
    /// (2.0, which knows no such robots, lets it in all the same.)
    pub const ROBOT_USERNAME: &str = "robot$lister";
    /// That robot's secret.
    pub const ROBOT_SECRET: &str = "bPWvOe2Tc1gkHAkzYUMkMd5VnQYYZeTA";

    /// The newest release, on a free port, with the demonstration's contents.
    pub fn builder() -> HarborV2Builder {
        HarborV2Builder {
            clock: None,
            release: Release::default(),
            contents: None,
            accounts: Vec::new(),
            port: 0,
            throttle: None,
            external_url: None,
            auth_mode: AuthMode::default(),
            password_cost: Duration::ZERO,
            checks_origin: false,
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

    /// The release that it simulates.
    #[must_use]
    pub fn release(&self) -> Release {
        self.harbor.release
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

    /// Whether whatever is not a GET and carries a session, signing in included, must name as its
    /// `Origin`, or without one as its `Referer`, `https://` and its host: over plain HTTP it is
    /// then always refused with 403. Releases with gorilla/csrf 1.7.3 do so, Harbor 2.12.3 for
    /// one; of those recorded none does.
    pub fn check_origin(&self, checks: bool) {
        self.harbor.checks_origin.store(checks, Ordering::Relaxed);
    }

    /// Changes, or looks at, the contents; no request is answered meanwhile.
    pub fn change<T>(&self, change: impl FnOnce(&mut Contents) -> T) -> T {
        change(&mut self.harbor.contents.lock())
    }

    /// What a complete listing must show now; see [`Contents::listed`].
    #[must_use]
    pub fn listed(&self) -> Vec<Listed> {
        self.harbor.contents.lock().listed(self.harbor.release)
    }

    /// Calls `hook` before every request with its number, its path and query as sent, and the
    /// contents, so that these can change between two pages. Replaces the hook before it.
    ///
    /// The hook changes what it is given; [`change`](Self::change) would wait for it forever.
    pub fn before_request(&self, hook: impl Fn(u64, &str, &mut Contents) + Send + Sync + 'static) {
        self.harbor.contents.before_request(hook);
    }
}

/// Sets up a [`HarborV2`].
#[derive(Debug)]
#[must_use]
pub struct HarborV2Builder {
    clock: Option<Arc<dyn Clock>>,
    release: Release,
    contents: Option<Contents>,
    accounts: Vec<Account>,
    port: u16,
    throttle: Option<u32>,
    external_url: Option<String>,
    auth_mode: AuthMode,
    password_cost: Duration,
    checks_origin: bool,
}

impl HarborV2Builder {
    /// The clock of lock-outs, delays and token lifetimes; the machine's unless given.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The release to simulate; 2.15 unless given.
    pub fn release(mut self, release: Release) -> Self {
        self.release = release;
        self
    }

    /// What it holds, instead of the demonstration.
    pub fn contents(mut self, contents: Contents) -> Self {
        self.contents = Some(contents);
        self
    }

    /// Holds [`Contents::sized`]: so many projects, repositories and artifacts in all.
    pub fn sized(self, projects: u64, repositories: u64, artifacts: u64) -> Self {
        self.contents(Contents::sized(projects, repositories, artifacts))
    }

    /// One more account besides [`HarborV2::USERNAME`] and [`HarborV2::ROBOT_USERNAME`].
    pub fn account(mut self, account: Account) -> Self {
        self.accounts.push(account);
        self
    }

    /// The port on 127.0.0.1; a free one unless given.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// See [`HarborV2::throttle`]; off unless given.
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

    /// See [`Accounts::set_auth_mode`]; the database unless given.
    pub fn auth_mode(mut self, mode: AuthMode) -> Self {
        self.auth_mode = mode;
        self
    }

    /// See [`Accounts::set_password_cost`]; nothing unless given.
    pub fn password_cost(mut self, each: Duration) -> Self {
        self.password_cost = each;
        self
    }

    /// See [`HarborV2::check_origin`]; not checked unless given.
    pub fn check_origin(mut self, checks: bool) -> Self {
        self.checks_origin = checks;
        self
    }

    /// Starts it, within a tokio runtime.
    ///
    /// # Errors
    ///
    /// Where the port cannot be listened on.
    pub async fn start(self) -> io::Result<HarborV2> {
        let clock = self.clock.unwrap_or_else(SystemClock::shared);
        let accounts = Accounts::new(Arc::clone(&clock));
        accounts.set_auth_mode(self.auth_mode);
        accounts.set_password_cost(self.password_cost);
        accounts.add(Account::administrator(
            HarborV2::USERNAME,
            HarborV2::PASSWORD,
        ));
        accounts.add(Account::system_robot(
            "lister",
            HarborV2::ROBOT_SECRET,
            Permission::LISTING,
        ));
        for account in self.accounts {
            accounts.add(account);
        }
        let harbor = Arc::new(Harbor {
            release: self.release,
            clock: Arc::clone(&clock),
            accounts,
            contents: Held::new(self.contents.unwrap_or_else(demonstration::contents)),
            external_url: OnceLock::new(),
            checks_origin: AtomicBool::new(self.checks_origin),
        });
        let handler = Arc::clone(&harbor) as Arc<dyn Handler>;
        let server = Server::start(self.port, clock, handler).await?;
        let external_url = self.external_url;
        harbor
            .external_url
            .get_or_init(|| external_url.unwrap_or_else(|| format!("http://{}", server.address())));
        server.throttle(self.throttle);
        Ok(HarborV2 { server, harbor })
    }
}

struct Harbor {
    release: Release,
    clock: Arc<dyn Clock>,
    accounts: Accounts,
    contents: Held<Contents>,
    external_url: OnceLock<String>,
    checks_origin: AtomicBool,
}

impl Harbor {
    fn answer_as(&self, account: Option<Account>, request: &Request) -> Answer {
        let asked = Asked {
            request,
            viewer: Viewer {
                account,
                release: self.release,
            },
            auth_mode: self.accounts.auth_mode(),
            contents: &self.contents.lock(),
            external_url: self.external_url(),
            now: self.clock.now(),
        };
        asked.route()
    }

    fn external_url(&self) -> &str {
        self.external_url.get().map_or("", String::as_str)
    }

    fn checks_origin(&self) -> bool {
        self.checks_origin.load(Ordering::Relaxed)
    }

    /// As HTTP writes times, so long from now.
    fn http_date(&self, ahead: Duration) -> String {
        http_date(self.clock.now().saturating_add(ahead))
    }
}

impl fmt::Debug for Harbor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Harbor")
            .field("release", &self.release)
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
        let answer = if routes::reach_core(&request.path) {
            self.answer_as_core(request).await
        } else {
            self.answer_as(None, request)
        };
        // A clock that is behind the contents would deny what they tell.
        let now = self.clock.now().max(self.contents.lock().now);
        answer.with("Date", http_date(now))
    }
}

/// One request with all that its answer depends on.
struct Asked<'a> {
    request: &'a Request,
    viewer: Viewer,
    auth_mode: AuthMode,
    contents: &'a Contents,
    external_url: &'a str,
    now: Timestamp,
}

impl Asked<'_> {
    fn release(&self) -> Release {
        self.viewer.release
    }
}

/// As Harbor writes times: UTC to the millisecond, always with three digits.
fn stamp(time: Timestamp) -> String {
    let nanos = time.as_unix_nanos();
    let millis = nanos.rem_euclid(1_000_000_000) / 1_000_000;
    let second = nanos - nanos.rem_euclid(1_000_000_000);
    let second = Timestamp::from_unix_nanos(second).to_string();
    format!("{}.{millis:03}Z", second.trim_end_matches('Z'))
}
