#![allow(clippy::unwrap_used, clippy::expect_used)]

mod body;
#[cfg(feature = "rustls")]
mod connecting;
mod egress;
mod limits;
mod lockout;
mod network;
mod privacy;
mod redirect;
mod server;
mod session;
mod throttle;
#[cfg(feature = "rustls")]
mod tls;

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use tokio::task::JoinHandle;
use url::Url;

use super::{Account, Answer, ConnectionSettings, HttpClient, request::RequestBuilder};
use crate::{
    clock::{Clock, ManualClock, Timestamp},
    error::{IntegrationError, NetworkPhase, Step},
    image::RegistryKind,
};

/// Generous time-outs: no test waits for them save those that say so.
fn settings(origin: &Url) -> ConnectionSettings {
    ConnectionSettings {
        requests_in_flight: NonZeroUsize::new(4).unwrap(),
        connect_timeout: Duration::from_secs(20),
        read_timeout: Duration::from_secs(20),
        ..ConnectionSettings::to(RegistryKind::HarborV2, origin.clone())
    }
}

/// A client whose waits end at once.
fn client(origin: &Url) -> (HttpClient, ManualClock) {
    let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
    (with_clock(settings(origin), &clock), clock)
}

fn with_clock(settings: ConnectionSettings, clock: &ManualClock) -> HttpClient {
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    HttpClient::new(settings, clock).unwrap()
}

fn account() -> Account {
    Account::basic("admin", "Harbor12345".to_owned().into())
}

fn phase(outcome: Result<Answer, IntegrationError>) -> NetworkPhase {
    match outcome {
        Err(IntegrationError::NetworkConnectError { phase, source, .. }) => {
            assert!(source.is_some());
            phase
        }
        other => panic!("no network error: {other:?}"),
    }
}

type Request = JoinHandle<Result<Answer, IntegrationError>>;

async fn ended(request: Request) -> Result<Answer, IntegrationError> {
    let patience = Duration::from_secs(20);
    tokio::time::timeout(patience, request)
        .await
        .unwrap()
        .unwrap()
}

/// Lets other tasks run until `condition` holds.
async fn until(condition: impl Fn() -> bool + Send + Sync) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    assert!(ended.is_ok(), "never came");
}

#[test]
fn a_request_can_be_awaited_on_any_thread() {
    fn is_send<T: Send>(_: T) {}
    let url = Url::parse("http://127.0.0.1:1").unwrap();
    let (client, _) = client(&url);
    let request: RequestBuilder<'_> = client.get(Step::Listing, url);
    is_send(request.account(&account()).send());
}
