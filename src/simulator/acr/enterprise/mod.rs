//! A simulated ACR Enterprise: the API 2018-12-01.

pub(super) mod calls;
mod endpoint_calls;
mod instance_calls;
mod instances;
mod repository_calls;
mod scan_calls;
mod tag_calls;

pub use instances::{Instance, InstanceStatus, Instances, VpcAccess};

use std::{io, net::SocketAddr, sync::Arc};

use super::{
    contents::Contents,
    demonstration,
    endpoint::{Endpoint, Holdings},
    gateway::Gateway,
    keys::{AccessKey, AccessKeys},
    push::Listed,
    readings::{NextTokens, Numbers, Readings, Refusals},
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

pub(super) const VERSION: &str = "2018-12-01";

/// A simulated ACR Enterprise on a loopback port: the endpoint of one region. Stops when dropped.
///
/// Served are the calls that read instances, namespaces, repositories and tags, how an instance is
/// reached, and what it takes to log in to it; further the registry's own API (`/v2/`) and its
/// token service (`/auth`), which have domains of their own in reality. Every call must be signed
/// by ACS3-HMAC-SHA256, of which every part is checked.
///
/// No real service was at hand: the answers follow the models of the vendor's SDK and its
/// documentation. What these leave open can be chosen (see the builder), and is marked in the code.
#[derive(Debug)]
pub struct AcrEnterprise {
    server: Server,
    endpoint: Arc<Endpoint<Instances>>,
}

impl Holdings for Instances {
    fn instances(&self) -> Option<&Instances> {
        Some(self)
    }

    fn personal(&self) -> Option<&Contents> {
        None
    }
}

impl AcrEnterprise {
    /// The key of the account, which may do everything.
    pub const ACCESS_KEY_ID: &str = "LTAIsimulatedEnterprise";
    /// Its secret.
    pub const ACCESS_KEY_SECRET: &str = "b4Jx0TqLr7VnYc2WmZkEs9UhGdPfAo";
    /// The instance that is always there.
    pub const INSTANCE_ID: &str = "cri-simulated0000001";
    /// Its name.
    pub const INSTANCE_NAME: &str = "simulated";
    /// The region of the endpoint, unless another is given.
    pub const REGION_ID: &str = "cn-hangzhou";

    /// With default settings, on a free port, with the demonstration's contents.
    pub fn builder() -> AcrEnterpriseBuilder {
        AcrEnterpriseBuilder {
            clock: None,
            region: Self::REGION_ID.to_owned(),
            readings: Readings::default(),
            instances: Instances::new(
                Instance::new(Self::INSTANCE_ID, Self::INSTANCE_NAME)
                    .contents(demonstration::contents()),
            ),
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

    /// Changes, or looks at, the contents of the instance that is always there; no request is
    /// answered meanwhile.
    pub fn change<T>(&self, change: impl FnOnce(&mut Contents) -> T) -> T {
        change(self.endpoint.held.lock().main_mut().contents_mut())
    }

    /// Changes, or looks at, all instances.
    pub fn change_instances<T>(&self, change: impl FnOnce(&mut Instances) -> T) -> T {
        change(&mut self.endpoint.held.lock())
    }

    /// What a complete listing of the instance that is always there must show now; see
    /// [`Contents::listed`].
    #[must_use]
    pub fn listed(&self) -> Vec<Listed> {
        self.change(|contents| contents.listed())
    }

    /// Calls `hook` before every request with its number, its path and query as sent, and the
    /// contents of the instance that is always there, so that these can change between two pages.
    /// Replaces the hook before it.
    ///
    /// The hook changes what it is given; [`change`](Self::change) would wait for it forever.
    pub fn before_request(&self, hook: impl Fn(u64, &str, &mut Contents) + Send + Sync + 'static) {
        let hook = move |number, target: &str, instances: &mut Instances| {
            hook(number, target, instances.main_mut().contents_mut());
        };
        self.endpoint.held.before_request(hook);
    }
}

/// Sets up an [`AcrEnterprise`].
#[derive(Debug)]
#[must_use]
pub struct AcrEnterpriseBuilder {
    clock: Option<Arc<dyn Clock>>,
    region: String,
    readings: Readings,
    instances: Instances,
    keys: Vec<AccessKey>,
    port: u16,
    throttle: Option<u32>,
}

impl AcrEnterpriseBuilder {
    /// The clock of dates, expirations, delays and the throttle; the machine's unless given.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The region; [`AcrEnterprise::REGION_ID`] unless given. A request with the host of another
    /// region's endpoint is answered for that region.
    pub fn region(mut self, region_id: &str) -> Self {
        region_id.clone_into(&mut self.region);
        self
    }

    /// What the instance holds that is always there, instead of the demonstration.
    pub fn contents(mut self, contents: Contents) -> Self {
        *self.instances.main_mut().contents_mut() = contents;
        self
    }

    /// Holds [`Contents::sized`]: so many namespaces, repositories and tags in all.
    pub fn sized(self, namespaces: u64, repositories: u64, tags: u64) -> Self {
        self.contents(Contents::sized(namespaces, repositories, tags))
    }

    /// The instance that is always there, instead of the usual one.
    pub fn main(mut self, instance: Instance) -> Self {
        *self.instances.main_mut() = instance;
        self
    }

    /// One more instance.
    pub fn instance(mut self, instance: Instance) -> Self {
        self.instances.put(instance);
        self
    }

    /// One more key besides [`AcrEnterprise::ACCESS_KEY_ID`].
    pub fn key(mut self, key: AccessKey) -> Self {
        self.keys.push(key);
        self
    }

    /// The port on 127.0.0.1; a free one unless given.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// See [`AcrEnterprise::throttle`]; off unless given.
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

    /// Whether lists are paged by token too.
    pub fn next_tokens(mut self, next_tokens: NextTokens) -> Self {
        self.readings.next_tokens = next_tokens;
        self
    }

    /// Whether `ListRepository` answers without a namespace; it does unless given.
    pub fn lists_all_repositories(mut self, lists: bool) -> Self {
        self.readings.lists_all_repositories = lists;
        self
    }

    /// How the service refuses.
    pub fn refusals(mut self, refusals: Refusals) -> Self {
        self.readings.refusals = refusals;
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
    pub async fn start(self) -> io::Result<AcrEnterprise> {
        let clock = self.clock.unwrap_or_else(SystemClock::shared);
        let gateway = Gateway::new(Arc::clone(&clock), self.region, self.readings);
        let account = AccessKey::new(
            AcrEnterprise::ACCESS_KEY_ID,
            AcrEnterprise::ACCESS_KEY_SECRET,
        );
        for key in [account].into_iter().chain(self.keys) {
            gateway.keys.add(key);
        }
        gateway.throttle.set(self.throttle);
        let endpoint = Arc::new(Endpoint {
            gateway,
            held: Held::new(self.instances),
        });
        let handler = Arc::clone(&endpoint) as Arc<dyn Handler>;
        let server = Server::start(self.port, clock, handler).await?;
        let url = || format!("http://{}", server.address());
        endpoint.gateway.url.get_or_init(url);
        Ok(AcrEnterprise { server, endpoint })
    }
}
