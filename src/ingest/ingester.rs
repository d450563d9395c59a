use std::{
    fmt,
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

use tokio::sync::watch;

use super::{ImageSink, IngestEvent, IngestReport, Until, patience::Pauses, run::Run};
use crate::{
    clock::{Clock, SystemClock},
    config::SpeedLimit,
    connector::RegistryConnector,
    error::{ErrorContext, IntegrationError, Step, Unsupported},
    inventory::{Binding, Inventory, InventoryError},
    pace::Pace,
};

/// Below this a wait is no wait: a clock that differs from the inventory's must not make it spin.
pub(super) const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

/// A shorter lease would be lost to a slow disk.
const SHORTEST_LEASE: Duration = Duration::from_secs(1);

/// What is due again as soon as it was ingested would keep the scanner busy for ever.
const SHORTEST_RESCAN: Duration = Duration::from_secs(1);

/// Hands the images of one integration to a sink, no faster than the speed limit.
///
/// Any number of ingesters, in this process or others, may work on one inventory: the limit holds
/// for all of them together, and each image is claimed by one.
pub struct ImageIngester {
    pub(super) integration: String,
    pub(super) connector: Arc<dyn RegistryConnector>,
    pub(super) inventory: Arc<dyn Inventory>,
    pub(super) sink: Arc<dyn ImageSink>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) pace: watch::Sender<Pace>,
    pub(super) rescan_after: Option<Duration>,
    pub(super) lease: Duration,
    pub(super) in_hand: NonZeroUsize,
    pub(super) max_attempts: NonZeroU32,
    pub(super) retry_pauses: Pauses,
    pub(super) poll_interval: Duration,
    pub(super) grace: Duration,
}

impl ImageIngester {
    /// Starts an ingester for the integration of this name in the inventory, whose images
    /// `connector` gives the right to pull. The pace is that of
    /// [`SpeedLimit::DEFAULT`] unless set.
    pub fn builder(
        integration: impl Into<String>,
        connector: Arc<dyn RegistryConnector>,
        inventory: Arc<dyn Inventory>,
        sink: Arc<dyn ImageSink>,
    ) -> ImageIngesterBuilder {
        ImageIngesterBuilder {
            ingester: Self {
                integration: integration.into(),
                connector,
                inventory,
                sink,
                clock: SystemClock::shared(),
                pace: watch::Sender::new(SpeedLimit::DEFAULT.into()),
                rescan_after: None,
                lease: Duration::from_secs(600),
                in_hand: const { NonZeroUsize::new(4).unwrap() },
                max_attempts: const { NonZeroU32::new(5).unwrap() },
                retry_pauses: Pauses {
                    first: Duration::from_secs(60),
                    factor: 4,
                    longest: Duration::from_secs(6 * 3600),
                },
                poll_interval: Duration::from_secs(10),
                grace: Duration::from_secs(30),
            },
        }
    }

    /// How long after its last ingestion an image is ingested again; none for never.
    #[must_use]
    pub const fn rescan_after(&self) -> Option<Duration> {
        self.rescan_after
    }

    /// Changes the pace, also of a run that is under way. A wait that is still due scales with it;
    /// an hour that begins after the change holds at most the new number of images, and one that
    /// spans it at most the larger of both.
    pub fn set_pace(&self, pace: impl Into<Pace>) {
        self.pace.send_replace(pace.into());
    }

    /// Ingests until `until` says so or `stop` is ready. Then nothing more is claimed; what is in
    /// hand is waited for, after `stop` for the grace period at the most, and then given back.
    ///
    /// While the inventory is not available it is asked again with growing pauses; what is in hand
    /// meanwhile stays in hand and is acknowledged as soon as the inventory is back.
    ///
    /// Nothing is spawned. Dropping the future drops what is in hand, and the images come again
    /// once their leases end.
    ///
    /// # Errors
    /// [`InventoryError::UnknownIntegration`] before the first sync of the integration;
    /// [`InventoryError::IntegrationRebound`] where the name belongs to another registry;
    /// [`InventoryError::Unavailable`] where the inventory stays so for about two minutes; any
    /// other error of the inventory. What was in hand has been settled by then as far as it could.
    pub async fn run(
        &self,
        until: Until,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<IngestReport, InventoryError> {
        self.run_observed(until, stop, |_| ()).await
    }

    /// The same, telling `observe` what happens. It is called on the task that ingests: it must not
    /// block.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_observed(
        &self,
        until: Until,
        stop: impl Future<Output = ()> + Send,
        mut observe: impl FnMut(IngestEvent) + Send,
    ) -> Result<IngestReport, InventoryError> {
        let binding = Binding {
            integration: self.integration.clone(),
            kind: self.connector.kind(),
            registry: self.connector.registry().to_owned(),
        };
        if !self.inventory.is_bound(&binding).await? {
            return Err(InventoryError::UnknownIntegration {
                integration: self.integration.clone(),
            });
        }
        Run::new(self, until, &mut observe).drive(stop).await
    }
}

impl fmt::Debug for ImageIngester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageIngester")
            .field("integration", &self.integration)
            .field("connector", &self.connector)
            .field("inventory", &self.inventory)
            .field("pace", &*self.pace.borrow())
            .field("lease", &self.lease)
            .field("in_hand", &self.in_hand)
            .field("max_attempts", &self.max_attempts)
            .finish_non_exhaustive()
    }
}

/// Sets up an [`ImageIngester`].
#[derive(Debug)]
#[must_use]
pub struct ImageIngesterBuilder {
    ingester: ImageIngester,
}

impl ImageIngesterBuilder {
    /// The speed limit: a configured [`SpeedLimit`], which is spread evenly over the hour, or a
    /// [`Pace`]. 10 images per hour unless set.
    pub fn pace(self, pace: impl Into<Pace>) -> Self {
        self.ingester.pace.send_replace(pace.into());
        self
    }

    /// How long after its last ingestion an image is ingested again, by the same limit and after
    /// all that waits for its first time. At least 1 second; never unless set.
    pub fn rescan_after(mut self, rescan_after: impl Into<Option<Duration>>) -> Self {
        let rescan_after = rescan_after.into();
        self.ingester.rescan_after = rescan_after.map(|after| after.max(SHORTEST_RESCAN));
        self
    }

    /// Waits and measures by this clock in place of the machine's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.ingester.clock = clock;
        self
    }

    /// For how long an image is out of reach of others after its holder died; while the sink works
    /// the lease is renewed. At least 1 second, 10 minutes unless set.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.ingester.lease = lease.max(SHORTEST_LEASE);
        self
    }

    /// How many images the sink may have in hand at once. 4 unless set.
    pub const fn in_hand(mut self, images: NonZeroUsize) -> Self {
        self.ingester.in_hand = images;
        self
    }

    /// How often an image is tried before it is parked. 5 unless set.
    pub const fn max_attempts(mut self, attempts: NonZeroU32) -> Self {
        self.ingester.max_attempts = attempts;
        self
    }

    /// The pause after the first failure of an image and the longest pause; each is four times the
    /// one before. 1 minute and 6 hours unless set.
    pub const fn retry_pauses(mut self, first: Duration, longest: Duration) -> Self {
        self.ingester.retry_pauses.first = first;
        self.ingester.retry_pauses.longest = longest;
        self
    }

    /// How often to look for new images and changes while waiting. 10 seconds unless set.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.ingester.poll_interval = interval.max(SHORTEST_PAUSE);
        self
    }

    /// How long what is in hand may go on once the ingester was told to stop. 30 seconds unless
    /// set.
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.ingester.grace = grace;
        self
    }

    /// The ingester. Nothing has been claimed or asked yet.
    ///
    /// # Errors
    /// [`IntegrationError::ScanNotSupported`] where the registry's images are listed but never
    /// scanned, [`IntegrationError::NotSupported`] where there is no connector for it.
    pub fn build(self) -> Result<ImageIngester, IntegrationError> {
        let connector = &self.ingester.connector;
        let capabilities = connector.capabilities();
        let context = || {
            let (kind, host) = (connector.kind(), connector.host());
            Box::new(ErrorContext::new(kind, host, Step::Pull))
        };
        if !capabilities.sync {
            return Err(IntegrationError::NotSupported {
                context: context(),
                what: Unsupported::Connector,
            });
        }
        if !capabilities.scan {
            return Err(IntegrationError::ScanNotSupported { context: context() });
        }
        Ok(self.ingester)
    }
}

/// Spread evenly over the hour.
impl From<SpeedLimit> for Pace {
    fn from(limit: SpeedLimit) -> Self {
        limit.per_hour().map_or(Self::Unlimited, Self::Spread)
    }
}
