//! A simulated ACR Personal: the API 2016-06-07.

pub(super) mod calls;
mod image_calls;
mod repository_calls;
mod scan_calls;

use std::{io, net::SocketAddr, sync::Arc};

use super::{
    contents::Contents,
    demonstration,
    endpoint::{Endpoint, Holdings},
    enterprise::Instances,
    gateway::Gateway,
    keys::{AccessKey, AccessKeys},
    push::Listed,
    readings::{ErrorFields, Numbers, Readings, Wrapper},
    refusal::Denial,
};
use crate::{
    clock::{Clock, SystemClock},
    simulator::{
        fault::Faults,
        held::Held,
        log::RequestLog,
        server::{Handler, Server},
    },
};

pub(super) const VERSION: &str = "2016-06-07";

/// A simulated ACR Personal on a loopback port: the endpoint of one region. Stops when dropped.
///
/// Served are the calls that read regions, namespaces, repositories, tags and images, and what it
/// takes to log in; further the registry's own API (`/v2/`) and its token service (`/auth`), which
/// have domains of their own in reality. Every call must be signed by ACS3-HMAC-SHA256, of which
/// every part is checked.
///
/// No real service was at hand: the answers follow the vendor's documentation and what other
/// clients read. What these leave open can be chosen (see the builder), and is marked in the code.
#[derive(Debug)]
pub struct AcrPersonal {
    server: Server,
    endpoint: Arc<Endpoint<Contents>>,
}

impl Holdings for Contents {
    fn instances(&self) -> Option<&Instances> {
        None
    }

    fn personal(&self) -> Option<&Contents> {
        Some(self)
    }
}

impl AcrPersonal {
    /// The key of the account, which may do everything.
    pub const ACCESS_KEY_ID: &str = "LTAIsimulatedPersonal";
    /// Its secret.
    pub const ACCESS_KEY_SECRET: &str = "p9QmZt3RkXw8VbNs1LyCe6HgJdUfTa";
    /// The region of the endpoint, unless another is given.
    pub const REGION_ID: &str = "cn-hangzhou";

    /// With default settings, on a free port, with the demonstration's contents.
    pub fn builder() -> AcrPersonalBuilder {
        AcrPersonalBuilder {
            clock: None,
            region: Self::REGION_ID.to_owned(),
            readings: Readings::default(),
            contents: demonstration::contents(),
            keys: Vec::new(),
            port: 0,
            throttle: None,
        }
    }

    /// Where it listens, on 127.0.0.1.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// `http://127.0.0.1:PORT`, the endpoint.
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

    /// Who may ask.
    #[must_use]
    pub fn keys(&self) -> &AccessKeys {
        &self.endpoint.gateway.keys
    }

    /// Refuses, by `Throttling.User` with HTTP 400, what a key calls more often than this in any
    /// second; `None` refuses nothing.
    pub fn throttle(&self, per_second: Option<u32>) {
        self.endpoint.gateway.throttle.set(per_second);
    }

    /// How many calls were refused by the throttle as it is set now.
    #[must_use]
    pub fn throttled(&self) -> u64 {
        self.endpoint.gateway.throttle.refused()
    }

    /// How many logins to the registry were handed out by `GetAuthorizationToken`.
    #[must_use]
    pub fn logins(&self) -> u64 {
        self.endpoint.gateway.logins.issued()
    }

    /// Changes, or looks at, the contents; no request is answered meanwhile.
    pub fn change<T>(&self, change: impl FnOnce(&mut Contents) -> T) -> T {
        change(&mut self.endpoint.held.lock())
    }

    /// What a complete listing must show now; see [`Contents::listed`].
    #[must_use]
    pub fn listed(&self) -> Vec<Listed> {
        self.change(|contents| contents.listed())
    }

    /// Calls `hook` before every request with its number, its path and query as sent, and the
    /// contents, so that these can change between two pages. Replaces the hook before it.
    ///
    /// The hook changes what it is given; [`change`](Self::change) would wait for it forever.
    pub fn before_request(&self, hook: impl Fn(u64, &str, &mut Contents) + Send + Sync + 'static) {
        self.endpoint.held.before_request(hook);
    }
}

/// Sets up an [`AcrPersonal`].
#[derive(Debug)]
#[must_use]
pub struct AcrPersonalBuilder {
    clock: Option<Arc<dyn Clock>>,
    region: String,
    readings: Readings,
    contents: Contents,
    keys: Vec<AccessKey>,
    port: u16,
    throttle: Option<u32>,
}

impl AcrPersonalBuilder {
    /// The clock of dates, expirations, delays and the throttle; the machine's unless given.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The region; [`AcrPersonal::REGION_ID`] unless given.
    pub fn region(mut self, region_id: &str) -> Self {
        region_id.clone_into(&mut self.region);
        self
    }

    /// What it holds, instead of the demonstration.
    pub fn contents(mut self, contents: Contents) -> Self {
        self.contents = contents;
        self
    }

    /// Holds [`Contents::sized`]: so many namespaces, repositories and tags in all.
    pub fn sized(self, namespaces: u64, repositories: u64, tags: u64) -> Self {
        self.contents(Contents::sized(namespaces, repositories, tags))
    }

    /// One more key besides [`AcrPersonal::ACCESS_KEY_ID`].
    pub fn key(mut self, key: AccessKey) -> Self {
        self.keys.push(key);
        self
    }

    /// The port on 127.0.0.1; a free one unless given.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// See [`AcrPersonal::throttle`]; off unless given.
    pub fn throttle(mut self, per_second: u32) -> Self {
        self.throttle = Some(per_second);
        self
    }

    /// How totals and times are written.
    pub fn numbers(mut self, numbers: Numbers) -> Self {
        self.readings.numbers = numbers;
        self
    }

    /// Whether digests begin with `sha256:`, which those of the documented samples do not.
    pub fn prefixed_digests(mut self, prefixed: bool) -> Self {
        self.readings.prefixed_digests = prefixed;
        self
    }

    /// The largest page of every list, 100 unless given: for some lists no maximum is known.
    pub fn greatest_page_size(mut self, size: u64) -> Self {
        self.readings.greatest_page_size = size;
        self
    }

    /// Whether a page size above the largest counts as that; it is refused unless given.
    pub fn caps_page_size(mut self, caps: bool) -> Self {
        self.readings.caps_page_size = caps;
        self
    }

    /// In what answers are wrapped.
    pub fn wrapper(mut self, wrapper: Wrapper) -> Self {
        self.readings.wrapper = wrapper;
        self
    }

    /// How the fields of the service's own refusals are written.
    pub fn error_fields(mut self, fields: ErrorFields) -> Self {
        self.readings.error_fields = fields;
        self
    }

    /// How RAM denies.
    pub fn denial(mut self, denial: Denial) -> Self {
        self.readings.denial = denial;
        self
    }

    /// Starts it, within a tokio runtime.
    ///
    /// # Errors
    ///
    /// Where the port cannot be listened on.
    pub async fn start(self) -> io::Result<AcrPersonal> {
        let clock = self.clock.unwrap_or_else(SystemClock::shared);
        let gateway = Gateway::new(Arc::clone(&clock), self.region, self.readings);
        let account = AccessKey::new(AcrPersonal::ACCESS_KEY_ID, AcrPersonal::ACCESS_KEY_SECRET);
        for key in [account].into_iter().chain(self.keys) {
            gateway.keys.add(key);
        }
        gateway.throttle.set(self.throttle);
        let endpoint = Arc::new(Endpoint {
            gateway,
            held: Held::new(self.contents),
        });
        let handler = Arc::clone(&endpoint) as Arc<dyn Handler>;
        let server = Server::start(self.port, clock, handler).await?;
        let url = || format!("http://{}", server.address());
        endpoint.gateway.url.get_or_init(url);
        Ok(AcrPersonal { server, endpoint })
    }
}
