//! The rate of requests that an account keeps to.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join;
use registry_intake::{
    conformance::observe,
    connector::{ConnectContext, connect_within},
    inventory::SqliteInventory,
    simulator::acr::Contents,
    sync::InventorySync,
};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Notes when each request comes.
fn moments(acr: &AcrEnterprise, clock: &Arc<dyn Clock>) -> Arc<Mutex<Vec<Duration>>> {
    let moments: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let (noted, clock) = (Arc::clone(&moments), Arc::clone(clock));
    acr.before_request(move |_, _, _| {
        let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.push(clock.monotonic());
    });
    moments
}

/// The most requests in any second, wherever it begins.
fn most_in_a_second(moments: &Mutex<Vec<Duration>>) -> usize {
    let mut moments = moments.lock().unwrap().clone();
    moments.sort_unstable();
    let in_second = |begin: &Duration| {
        let within = |moment: &&Duration| (*begin..*begin + SECOND).contains(*moment);
        moments.iter().filter(within).count()
    };
    moments.iter().map(in_second).max().unwrap_or_default()
}

#[tokio::test]
async fn a_sync_of_two_thousand_repositories_of_twenty_tags_stays_within_the_accounts_rate() {
    let contents = Contents::sized(20, 2_000, 40_000);
    let (acr, clock) = enterprise(AcrEnterprise::builder().contents(contents)).await;
    acr.throttle(Some(15));
    let moments = moments(&acr, &clock);
    let inventory = SqliteInventory::in_memory(Arc::clone(&clock))
        .await
        .unwrap();
    // One at a time, so that each is noted at the moment at which it began.
    let registry = connector(of_enterprise(&acr).requests_in_flight(1), &clock);
    let sync = InventorySync::new("acr", registry, Arc::new(inventory));
    let report = sync.run().await.unwrap();
    assert!(report.proof.is_some(), "{report:?}");
    assert_eq!(report.listed, 40_000);
    // ⌈2000/100⌉ pages of repositories and one of each one's tags; page 1 again, and the count.
    assert_eq!(acr.log().total(), 20 + 2_000 + 2);
    assert_eq!(acr.throttled(), 0);
    assert!(most_in_a_second(&moments) <= 15);
}

#[tokio::test]
async fn two_integrations_of_one_account_keep_to_one_rate() {
    let other = registry_intake::simulator::acr::Instance::new("cri-other", "other")
        .contents(Contents::sized(1, 40, 40));
    let builder = AcrEnterprise::builder()
        .contents(Contents::sized(1, 40, 40))
        .instance(other);
    let (acr, clock) = enterprise(builder).await;
    let context = ConnectContext::with_clock(Arc::clone(&clock));
    let registries = ["cri-other", AcrEnterprise::INSTANCE_ID].map(|id| {
        let config = of_enterprise(&acr).instance(AcrInstance::Id(id.to_owned()));
        connect_within(&config.requests_per_second(5).build().unwrap(), &context).unwrap()
    });
    let [one, two] = registries;
    let (one, two) = join(observe(one), observe(two)).await;
    assert!(one.is_complete() && two.is_complete());
    // Whoever sent them: the last begins so many fifths of a second after the first.
    let sent = u32::try_from(one.requests + two.requests).unwrap();
    assert!(clock.monotonic() >= (sent - 1) * SECOND / 5);
}

#[tokio::test]
async fn a_throttle_below_the_rate_slows_the_listing_down_and_loses_nothing() {
    let (acr, clock) =
        enterprise(AcrEnterprise::builder().contents(Contents::sized(2, 60, 60))).await;
    acr.throttle(Some(5));
    let seen = observe(connector(of_enterprise(&acr), &clock)).await;
    assert!(acr.throttled() > 0, "nothing was throttled");
    assert!(seen.is_complete(), "{:?} {:?}", seen.end, seen.skipped);
    assert_eq!(seen.images, shown(acr.listed()));
}
