//! A process that syncs and ingests at once, for as long as it is let.

use std::{
    any::Any,
    env,
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    pin::pin,
    process::Stdio,
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
use tokio::{
    process::{Child, Command},
    sync::watch,
};

use super::{
    clock::FastClock,
    freeze::Freeze,
    ledger::{Entry, Ledger},
    points::{Gate, OPENING, TOO_LATE, is_read, tell},
    registry::{REFUSED, SLOW},
};
use crate::inventory::{
    guarded::{Passage, inventory_by_passage},
    place::Place,
};

pub(crate) const NAME: &str = "harbor";
pub(crate) const IN_HAND: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// Two seconds of the machine's time, so that a stall of the machine does not end it.
const LEASE: Duration = Duration::from_secs(2 * 3600);

/// Who lives longer will never come to the point at which to be killed.
const OVERDUE: Duration = Duration::from_secs(120 * 3600);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(crate) harbor: SocketAddr,
    pub(crate) ledger: PathBuf,
    pub(crate) began: Timestamp,
    pub(crate) per_hour: NonZeroU32,
    pub(crate) at_once: bool,
    /// Renewed while a run is at work, and over soon after its process is dead or frozen.
    pub(crate) run_lease: Duration,
    /// Between two runs.
    pub(crate) rest: Duration,
    /// Between two looks for what is new to be ingested.
    pub(crate) poll: Duration,
    /// Where to hang, and which time.
    pub(crate) hang_at: Option<(String, usize)>,
    /// Whether to freeze as soon as there is an image in hand and a page to be written.
    pub(crate) freezes: bool,
    /// Whether to end when the inventory is true and everything ingested.
    pub(crate) is_last: bool,
}

impl Orders {
    const VARIABLE: &str = "REGISTRY_INTAKE_TEST_ORDERS";

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

/// A process that runs this test, of `module`, again and follows the orders.
pub(crate) fn spawn(module: &str, test: &str, place: &Place, orders: &Orders) -> Child {
    let module = module.split_once("::").unwrap().1;
    Command::new(env::current_exe().unwrap())
        .args(["--exact", &format!("{module}::{}::{test}", place.store())])
        // What the harness prints then stands on lines of its own.
        .args(["--nocapture", "--test-threads=2"])
        .envs(place.variables())
        .env(Orders::VARIABLE, serde_json::to_string(orders).unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

pub(crate) async fn live(place: Place) {
    let orders = Orders::of_parent();
    let clock: Arc<dyn Clock> = Arc::new(FastClock::since(orders.began));
    let gate = Arc::new(Gate::new(orders.hang_at.clone()));
    let ledger = Arc::new(Ledger::append_to(&orders.ledger));
    let freeze = Arc::new(Freeze::new(orders.freezes));
    let renewals = watch::Sender::new(());
    gate.pass(OPENING);
    let inventory = Arc::new(Watched {
        inner: place.open_at(Arc::clone(&clock)).await,
        gate: Arc::clone(&gate),
        ledger: Arc::clone(&ledger),
        freeze: Arc::clone(&freeze),
        renewals: renewals.clone(),
    });
    ledger.write(&found(&*inventory).await);
    let registry = orders.registry();
    let sync = InventorySync::new(
        NAME,
        Arc::clone(&registry),
        Arc::<Watched>::clone(&inventory),
    )
    .with_clock(Arc::clone(&clock))
    .with_lease(orders.run_lease);
    let sink = Arc::new(Sink {
        gate: Arc::clone(&gate),
        ledger: Arc::clone(&ledger),
        freeze,
        renewals,
    });
    let in_hand = if orders.freezes {
        // Nothing is being claimed then, for which SQLite would be locked to all.
        NonZeroUsize::MIN
    } else {
        IN_HAND
    };
    let ingester = ImageIngester::builder(NAME, registry, inventory, sink)
        .clock(Arc::clone(&clock))
        .pace(orders.pace())
        .lease(LEASE)
        .in_hand(in_hand)
        .poll_interval(orders.poll)
        // A kill counts as an attempt.
        .max_attempts(NonZeroU32::MAX)
        .build()
        .unwrap();
    let ingest = async |until| {
        let observe = |event| {
            if let IngestEvent::Acknowledged { digest, .. } = event {
                let by = std::process::id();
                ledger.write(&Entry::Acknowledged { digest, by });
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
                    clock.sleep(orders.rest).await;
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

/// One run, once the lease of who is dead, or at work, has ended.
async fn run(sync: &InventorySync, clock: &dyn Clock) -> RunReport {
    loop {
        match sync.run().await {
            Ok(report) => return report,
            Err(SyncError::Inventory(InventoryError::RunInProgress { until, .. })) => {
                clock.sleep(until.since(clock.now())).await;
            }
            Err(SyncError::Inventory(InventoryError::RunSuperseded { .. })) => {}
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
    freeze: Arc<Freeze>,
    renewals: watch::Sender<()>,
}

impl Watched {
    /// Whoever answers too late is refused, and the ledger has it.
    fn note_lateness(&self, method: &'static str, error: &InventoryError) {
        use InventoryError::{LeaseLost, RunSuperseded};
        if matches!(error, LeaseLost { .. } | RunSuperseded { .. }) {
            self.ledger.write(&Entry::TooLate {
                method: method.to_owned(),
                by: std::process::id(),
            });
            tell(TOO_LATE);
        }
    }

    fn note_success<T: 'static>(&self, method: &'static str, answer: &T) {
        let answer: &dyn Any = answer;
        if let Some(Claim::Granted(claimed)) = answer.downcast_ref() {
            let at = claimed.lease_until.saturating_sub(LEASE);
            self.ledger.write(&Entry::Granted { at });
        }
        if let Some(report) = answer.downcast_ref::<RunReport>() {
            self.ledger.write(&Entry::Synced {
                takeovers: report.takeovers,
                by: std::process::id(),
            });
        }
        if method == "renew" {
            self.renewals.send_replace(());
        }
    }
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
        let answer = self.freeze.around(method, call).await;
        let answer = answer.inspect_err(|error| self.note_lateness(method, error))?;
        self.note_success(method, &answer);
        // Of an acknowledgement the ingester tells, with the image.
        if method != "acknowledge" {
            self.gate.pass(&format!("after {method}"));
        }
        Ok(answer)
    }
}

struct Sink {
    gate: Arc<Gate>,
    ledger: Arc<Ledger>,
    freeze: Arc<Freeze>,
    renewals: watch::Sender<()>,
}

#[async_trait]
impl ImageSink for Sink {
    async fn ingest(&self, delivery: Delivery) -> Result<(), SinkError> {
        let tags = delivery.locations.iter().flat_map(|at| &at.tags);
        let is = |kind| tags.clone().any(|tag| tag.as_str().starts_with(kind));
        let is_slow = is(SLOW);
        let is_refusable = is(REFUSED) && delivery.attempt == 1;
        let (digest, fence) = (delivery.digest, delivery.fence);
        let mut renewals = self.renewals.subscribe();
        self.gate.pass("before hand-over");
        self.ledger.write(&Entry::Handed {
            digest: digest.clone(),
            fence,
            by: std::process::id(),
        });
        self.gate.pass("in hand-over");
        let was_held = self.freeze.hold().await;
        if is_slow && !was_held {
            renewals.changed().await?;
        }
        let is_refused = is_refusable && !was_held;
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
