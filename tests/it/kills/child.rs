//! A process that syncs and ingests at once, for as long as it is let.

use std::{
    any::Any,
    env,
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::{Either, join, pending, select};
use registry_intake::{
    clock::{Clock, Timestamp},
    config::{IntegrationConfig, Protocol, RegistryType, RegistryVersion, Secret, SessionUse},
    connector::{RegistryConnector, connect},
    error::BoxError,
    ingest::{Delivery, ImageIngester, ImageSink, IngestEvent, SinkError, Until},
    inventory::{Change, Claim, ImageState, Inventory, InventoryError, RunReport},
    pace::Pace,
    simulator::HarborV2,
    sync::{InventorySync, SyncError},
};
use serde::{Deserialize, Serialize};

use super::{
    clock::FastClock,
    ledger::{Entry, Ledger},
    points::{Gate, OPENING, is_read},
    registry::{REFUSED, SLOW},
};
use crate::inventory::{
    guarded::{Passage, inventory_by_passage},
    place::Place,
};

pub(super) const NAME: &str = "harbor";
pub(super) const IN_HAND: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// A second of the machine's time, so that a stall of the machine does not end it.
const LEASE: Duration = Duration::from_secs(3600);

/// Renewed while a run is at work, and over soon after a process is dead.
const RUN_LEASE: Duration = Duration::from_secs(60);

/// Who lives longer will never come to the point at which to be killed.
const OVERDUE: Duration = Duration::from_secs(60 * 3600);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Orders {
    pub(super) harbor: SocketAddr,
    pub(super) ledger: PathBuf,
    pub(super) began: Timestamp,
    pub(super) per_hour: NonZeroU32,
    pub(super) at_once: bool,
    /// Where to hang, and which time.
    pub(super) hang_at: Option<(String, usize)>,
    /// Whether to end when the inventory is true and everything ingested.
    pub(super) is_last: bool,
}

impl Orders {
    pub(super) const VARIABLE: &str = "REGISTRY_INTAKE_TEST_ORDERS";

    fn of_parent() -> Self {
        serde_json::from_str(&env::var(Self::VARIABLE).unwrap()).unwrap()
    }

    pub(super) fn pace(&self) -> Pace {
        if self.at_once {
            Pace::Burst(self.per_hour)
        } else {
            Pace::Spread(self.per_hour)
        }
    }

    fn registry(&self) -> Arc<dyn RegistryConnector> {
        let config = IntegrationConfig::builder(NAME)
            .registry_type(RegistryType::Harbor)
            .version(RegistryVersion::V2)
            .protocol(Protocol::Http)
            .domain(self.harbor.ip().to_string())
            .port(self.harbor.port())
            .username(HarborV2::USERNAME)
            .password(Secret::new(HarborV2::PASSWORD))
            .session(SessionUse::Never)
            .connect_timeout(Duration::from_millis(300))
            .read_timeout(Duration::from_millis(300));
        connect(&config.build().unwrap()).unwrap()
    }
}

pub(super) async fn live(place: Place) {
    let orders = Orders::of_parent();
    let clock: Arc<dyn Clock> = Arc::new(FastClock::since(orders.began));
    let gate = Arc::new(Gate::new(orders.hang_at.clone()));
    let ledger = Arc::new(Ledger::append_to(&orders.ledger));
    gate.pass(OPENING);
    let inventory = Arc::new(Watched {
        inner: place.open_at(Arc::clone(&clock)).await,
        gate: Arc::clone(&gate),
        ledger: Arc::clone(&ledger),
    });
    ledger.write(&found(&*inventory).await);
    let registry = orders.registry();
    let sync = InventorySync::new(
        NAME,
        Arc::clone(&registry),
        Arc::<Watched>::clone(&inventory),
    )
    .with_clock(Arc::clone(&clock))
    .with_lease(RUN_LEASE);
    let sink = Arc::new(Sink {
        clock: Arc::clone(&clock),
        gate: Arc::clone(&gate),
        ledger: Arc::clone(&ledger),
    });
    let ingester = ImageIngester::builder(NAME, registry, inventory, sink)
        .clock(Arc::clone(&clock))
        .pace(orders.pace())
        .lease(LEASE)
        .in_hand(IN_HAND)
        .poll_interval(Duration::from_secs(60))
        // A kill counts as an attempt.
        .max_attempts(NonZeroU32::MAX)
        .build()
        .unwrap();
    let ingest = async |until| {
        let observe = |event| {
            if let IngestEvent::Acknowledged { digest, .. } = event {
                ledger.write(&Entry::Acknowledged { digest });
                gate.pass("after acknowledge");
            }
        };
        ingester.run_observed(until, pending(), observe).await
    };
    let life = async {
        if orders.is_last {
            while !is_whole(&run(&sync, &*clock).await) {}
            ingest(Until::DRAINED).await.unwrap();
        } else {
            let syncing = async {
                loop {
                    run(&sync, &*clock).await;
                    clock.sleep(Duration::from_secs(300)).await;
                }
            };
            let ingesting = async {
                while let Err(InventoryError::UnknownIntegration { .. }) =
                    ingest(Until::STOPPED).await
                {
                    clock.sleep(Duration::from_secs(10)).await;
                }
                panic!("the ingestion has ended");
            };
            let ((), ()) = join(syncing, ingesting).await;
        }
    };
    match select(pin!(life), clock.sleep(OVERDUE)).await {
        Either::Left(_) => {}
        Either::Right(_) => panic!("overdue: {:?}", orders.hang_at),
    }
}

async fn found(inventory: &dyn Inventory) -> Entry {
    let stored = inventory.images(NAME, None, u32::MAX).await.unwrap();
    let digests = |state| {
        let of_state = stored.iter().filter(move |stored| stored.state == state);
        of_state.map(|stored| stored.image.digest.clone()).collect()
    };
    Entry::Found {
        ingested: digests(ImageState::Ingested),
        gone: digests(ImageState::Gone),
    }
}

/// One run, once the lease of the dead has ended.
async fn run(sync: &InventorySync, clock: &dyn Clock) -> RunReport {
    loop {
        match sync.run().await {
            Ok(report) => return report,
            Err(SyncError::Inventory(InventoryError::RunInProgress { until, .. })) => {
                clock.sleep(until.since(clock.now())).await;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Whether it has seen by itself all there is.
const fn is_whole(report: &RunReport) -> bool {
    report.is_complete() && report.takeovers == 0
}

/// An inventory with a point before and after each commit.
#[derive(Debug)]
struct Watched {
    inner: Arc<dyn Inventory>,
    gate: Arc<Gate>,
    ledger: Arc<Ledger>,
}

inventory_by_passage!(Watched);

impl Passage for Watched {
    fn inner(&self) -> &dyn Inventory {
        &*self.inner
    }

    async fn pass<T: Send + 'static>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, InventoryError>> + Send,
    ) -> Result<T, InventoryError> {
        if is_read(method) {
            return call.await;
        }
        self.gate.pass(&format!("before {method}"));
        let answer = call.await?;
        if let Some(Claim::Granted(claimed)) = (&answer as &dyn Any).downcast_ref() {
            let at = claimed.lease_until.saturating_sub(LEASE);
            self.ledger.write(&Entry::Granted { at });
        }
        // Of an acknowledgement the ingester tells, with the image.
        if method != "acknowledge" {
            self.gate.pass(&format!("after {method}"));
        }
        Ok(answer)
    }
}

struct Sink {
    clock: Arc<dyn Clock>,
    gate: Arc<Gate>,
    ledger: Arc<Ledger>,
}

#[async_trait]
impl ImageSink for Sink {
    async fn ingest(&self, delivery: Delivery) -> Result<(), SinkError> {
        let tags = delivery.locations.iter().flat_map(|at| &at.tags);
        let is = |kind| tags.clone().any(|tag| tag.as_str().starts_with(kind));
        let (is_slow, is_refused) = (is(SLOW), is(REFUSED) && delivery.attempt == 1);
        let (digest, fence) = (delivery.digest, delivery.fence);
        self.gate.pass("before hand-over");
        self.ledger.write(&Entry::Handed {
            digest: digest.clone(),
            fence,
        });
        self.gate.pass("in hand-over");
        if is_slow {
            self.clock.sleep(LEASE / 2).await;
        }
        if is_refused {
            self.ledger.write(&Entry::Refused { digest });
        }
        self.gate.pass("after hand-over");
        if is_refused {
            return Err("not now".into());
        }
        Ok(())
    }

    async fn changed(&self, change: Change) -> Result<(), BoxError> {
        self.gate.pass("before change");
        self.ledger.write(&Entry::Told {
            kind: change.kind,
            digest: change.location.digest,
            tags: change.location.tags,
        });
        self.gate.pass("after change");
        Ok(())
    }
}
