use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{header, redirect, retry};
use tower::util::MapFutureLayer;

use super::{
    client::ConnectionSettings,
    material::{self, Material, Unusable},
    proxy,
    resolve::GuardedResolver,
    stopwatch,
};
use crate::clock::Clock;

/// How long certificates and secrets count as they were read. A file may have a new certificate then;
/// connections that stand are not affected.
pub(super) const READ_AGAIN: Duration = Duration::from_secs(60);

/// The transport, which decides nothing by itself: no redirect, no repetition, and no proxy but the
/// configured one. Made when it is first needed, since secrets must be waited for.
pub(super) struct Transport {
    settings: ConnectionSettings,
    clock: Arc<dyn Clock>,
    ready: Mutex<Option<Ready>>,
}

struct Ready {
    client: reqwest::Client,
    material: Material,
    read_at: Duration,
}

impl Transport {
    /// Whatever is wrong with what can be read without waiting is told at once.
    pub(super) fn new(
        settings: ConnectionSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Unusable> {
        let material = Material::public(&settings)?;
        let client = client(&settings, &material)?;
        let ready = (!material::holds_secrets(&settings)).then(|| Ready {
            client,
            material,
            read_at: clock.monotonic(),
        });
        Ok(Self {
            settings,
            clock,
            ready: Mutex::new(ready),
        })
    }

    /// The client that connects with what is valid now.
    pub(super) async fn client(&self) -> Result<reqwest::Client, Unusable> {
        if let Some(client) = self.fresh() {
            return Ok(client);
        }
        let made = match Material::whole(&self.settings).await {
            Ok(material) => self.made(material),
            Err(unusable) => Err(unusable),
        };
        let mut ready = self.lock();
        match (made, ready.as_mut()) {
            (Ok(made), _) => {
                let client = made.client.clone();
                *ready = Some(made);
                Ok(client)
            }
            // A file in the middle of being written; what was valid serves on.
            (Err(unusable), Some(old)) => {
                tracing::warn!(
                    field = unusable.field,
                    error = %unusable.source,
                    "the certificates cannot be read anew"
                );
                old.read_at = self.clock.monotonic();
                Ok(old.client.clone())
            }
            (Err(unusable), None) => Err(unusable),
        }
    }

    /// Goes on without the connections that stand, save for the requests that have them in use.
    pub(super) fn forget_connections(&self) {
        let mut ready = self.lock();
        if let Some(ready) = ready.as_mut()
            && let Ok(client) = client(&self.settings, &ready.material)
        {
            ready.client = client;
        }
    }

    fn fresh(&self) -> Option<reqwest::Client> {
        let ready = self.lock();
        let ready = ready.as_ref()?;
        let age = self.clock.monotonic().saturating_sub(ready.read_at);
        let is_fresh = age < READ_AGAIN || !material::may_change(&self.settings);
        is_fresh.then(|| ready.client.clone())
    }

    /// The client for this material; the same one, connections included, where nothing has changed.
    fn made(&self, material: Material) -> Result<Ready, Unusable> {
        let read_at = self.clock.monotonic();
        let same = self
            .lock()
            .as_ref()
            .filter(|ready| ready.material.is_same(&material))
            .map(|ready| ready.client.clone());
        Ok(Ready {
            client: match same {
                Some(client) => client,
                None => client(&self.settings, &material)?,
            },
            material,
            read_at,
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Ready>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn client(settings: &ConnectionSettings, material: &Material) -> Result<reqwest::Client, Unusable> {
    let proxy = settings
        .proxy
        .as_ref()
        .map(|settings| proxy::proxy(settings, material.proxy_password.as_ref()))
        .transpose()?;
    let builder = || {
        let mut headers = header::HeaderMap::new();
        headers.insert(
            header::ACCEPT,
            header::HeaderValue::from_static("application/json"),
        );
        let builder = reqwest::Client::builder()
            .user_agent(concat!("registry-intake/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            // None of the environment's; clears those that were given before.
            .no_proxy()
            .https_only(settings.origin.scheme() == "https")
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .gzip(true)
            .connect_timeout(settings.connect_timeout)
            .read_timeout(read_timeout(settings))
            // Sooner than servers close idle connections, nginx after 75 s.
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(settings.requests_in_flight.get())
            .connector_layer(MapFutureLayer::new(stopwatch::noted))
            .dns_resolver(GuardedResolver::new(settings));
        match &proxy {
            Some(proxy) => builder.proxy(proxy.clone()),
            None => builder,
        }
    };
    finish(builder, settings, material)
}

/// How long a connection is kept that nothing uses.
pub(super) const IDLE: Duration = Duration::from_secs(30);

/// reqwest starts it with the request, so it must not end before the attempt to connect does: who
/// was not reached did not fail to answer.
pub(super) fn read_timeout(settings: &ConnectionSettings) -> Duration {
    settings
        .read_timeout
        .max(settings.connect_timeout.saturating_mul(9) / 8)
}

#[cfg(feature = "rustls")]
fn finish(
    builder: impl Fn() -> reqwest::ClientBuilder,
    settings: &ConnectionSettings,
    material: &Material,
) -> Result<reqwest::Client, Unusable> {
    super::tls::build(builder, &settings.tls, material)
}

#[cfg(not(feature = "rustls"))]
fn finish(
    builder: impl Fn() -> reqwest::ClientBuilder,
    _: &ConnectionSettings,
    _: &Material,
) -> Result<reqwest::Client, Unusable> {
    builder()
        .build()
        .map_err(|error| Unusable::new("protocol", error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::image::RegistryKind;

    #[test]
    fn the_wait_for_an_answer_outlasts_the_attempt_to_connect() {
        let seconds = Duration::from_secs;
        for (connect, read, effective) in [(10, 30, seconds(30)), (8, 1, seconds(9))] {
            let settings = ConnectionSettings {
                connect_timeout: seconds(connect),
                read_timeout: seconds(read),
                ..ConnectionSettings::to(
                    RegistryKind::HarborV2,
                    "http://localhost".parse().unwrap(),
                )
            };
            assert_eq!(read_timeout(&settings), effective);
        }
    }
}
