use std::time::Duration;

use reqwest::{header, redirect, retry};
use tower::util::MapFutureLayer;

use super::{client::ConnectionSettings, resolve::GuardedResolver, stopwatch};

/// The transport, which decides nothing by itself: no proxy, no redirect, no repetition.
pub(super) fn transport(settings: &ConnectionSettings) -> reqwest::Result<reqwest::Client> {
    let builder = || {
        let mut headers = header::HeaderMap::new();
        headers.insert(
            header::ACCEPT,
            header::HeaderValue::from_static("application/json"),
        );
        reqwest::Client::builder()
            .user_agent(concat!("registry-intake/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .gzip(true)
            .connect_timeout(settings.connect_timeout)
            .read_timeout(read_timeout(settings))
            // Sooner than servers close idle connections, nginx after 75 s.
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(settings.requests_in_flight.get())
            .connector_layer(MapFutureLayer::new(stopwatch::noted))
            .dns_resolver(GuardedResolver::new(settings))
    };
    trusting(builder, settings)
}

/// reqwest starts it with the request, so it must not end before the attempt to connect does: who
/// was not reached did not fail to answer.
pub(super) fn read_timeout(settings: &ConnectionSettings) -> Duration {
    settings
        .read_timeout
        .max(settings.connect_timeout.saturating_mul(9) / 8)
}

/// Trust in the operating system's certificates and the further ones. A machine that has none of
/// its own still speaks http, and trusts the further ones alone.
#[cfg(feature = "rustls")]
fn trusting(
    builder: impl Fn() -> reqwest::ClientBuilder,
    settings: &ConnectionSettings,
) -> reqwest::Result<reqwest::Client> {
    let further = settings
        .extra_root_certificates
        .iter()
        .map(|der| reqwest::Certificate::from_der(der))
        .collect::<Result<Vec<_>, _>>()?;
    builder()
        .tls_certs_merge(further.clone())
        .build()
        .or_else(|_| builder().tls_certs_only(further).build())
}

#[cfg(not(feature = "rustls"))]
fn trusting(
    builder: impl Fn() -> reqwest::ClientBuilder,
    _: &ConnectionSettings,
) -> reqwest::Result<reqwest::Client> {
    builder().build()
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
