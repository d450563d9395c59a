use std::{collections::BTreeMap, fmt, sync::Arc};

use super::{Intake, IntakeError, member::Member};
use crate::{
    clock::{Clock, SystemClock},
    config::IntegrationConfig,
    connector::{ConnectContext, RegistryConnector, connect_within},
    error::IntegrationError,
    ingest::{ImageIngesterBuilder, ImageSink},
    inventory::Inventory,
    network::{EgressPolicy, address_pools::AddressPools},
};

type Connect = dyn Fn(&IntegrationConfig, Arc<dyn Clock>) -> Result<Arc<dyn RegistryConnector>, IntegrationError>
    + Send
    + Sync;

type SetUp = dyn Fn(ImageIngesterBuilder) -> ImageIngesterBuilder + Send + Sync;

/// What all integrations share.
pub(super) struct Parts {
    pub(super) inventory: Arc<dyn Inventory>,
    pub(super) sink: Arc<dyn ImageSink>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) connect: Box<Connect>,
    pub(super) ingestion: Box<SetUp>,
}

/// Sets up an [`Intake`].
#[must_use]
pub struct IntakeBuilder {
    inventory: Option<Arc<dyn Inventory>>,
    sink: Option<Arc<dyn ImageSink>>,
    clock: Arc<dyn Clock>,
    egress: EgressPolicy,
    pools: Option<AddressPools>,
    connect: Option<Box<Connect>>,
    ingestion: Box<SetUp>,
    integrations: Vec<IntegrationConfig>,
}

impl IntakeBuilder {
    pub(super) fn new() -> Self {
        Self {
            inventory: None,
            sink: None,
            clock: SystemClock::shared(),
            egress: EgressPolicy::new(),
            pools: None,
            connect: None,
            ingestion: Box::new(|ingester| ingester),
            integrations: Vec::new(),
        }
    }

    /// Where everything is kept. Required.
    pub fn inventory(mut self, inventory: Arc<dyn Inventory>) -> Self {
        self.inventory = Some(inventory);
        self
    }

    /// The scanner. Required.
    pub fn sink(mut self, sink: Arc<dyn ImageSink>) -> Self {
        self.sink = Some(sink);
        self
    }

    /// One more integration.
    pub fn integration(mut self, config: IntegrationConfig) -> Self {
        self.integrations.push(config);
        self
    }

    /// Several more.
    pub fn integrations(mut self, configs: impl IntoIterator<Item = IntegrationConfig>) -> Self {
        self.integrations.extend(configs);
        self
    }

    /// Waits and measures by this clock in place of the machine's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Lets connections go only where this policy does. By default everywhere but where nothing is ever
    /// dialled. Of no effect on connectors made by [`connect`](Self::connect).
    pub fn egress(mut self, egress: EgressPolicy) -> Self {
        self.egress = egress;
        self
    }

    /// The addresses from which the program connects, where they are not the documented ones: a
    /// verification tells them where a connection times out.
    pub fn address_pools(mut self, pools: AddressPools) -> Self {
        self.pools = Some(pools);
        self
    }

    /// Sets up how images are handed over, beside the pace, which is the integration's: leases,
    /// images in hand, retries, re-scans, the grace at the end.
    pub fn ingestion(
        mut self,
        set_up: impl Fn(ImageIngesterBuilder) -> ImageIngesterBuilder + Send + Sync + 'static,
    ) -> Self {
        self.ingestion = Box::new(set_up);
        self
    }

    /// Connects by this in place of [`connect_within`], which is given one context for all integrations,
    /// so that those of one cloud account keep to one rate: for connectors of other crates.
    pub fn connect(
        mut self,
        connect: impl Fn(
            &IntegrationConfig,
            Arc<dyn Clock>,
        ) -> Result<Arc<dyn RegistryConnector>, IntegrationError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.connect = Some(Box::new(connect));
        self
    }

    /// The intake. The inventory has been asked whether each name may be used; no registry has been
    /// asked yet.
    ///
    /// # Errors
    /// [`IntakeError::Missing`] where the inventory or the sink was not given,
    /// [`IntakeError::NameTaken`] where two integrations have one name,
    /// [`IntakeError::Integration`] where there can be no connection to one, and
    /// [`IntakeError::Inventory`], with
    /// [`InventoryError::IntegrationRebound`](crate::inventory::InventoryError::IntegrationRebound)
    /// where a name belongs to another registry.
    pub async fn build(self) -> Result<Intake, IntakeError> {
        let missing = |part| IntakeError::Missing { part };
        let context = ConnectContext::with_clock(Arc::clone(&self.clock)).with_egress(self.egress);
        let context = match self.pools {
            Some(pools) => context.with_address_pools(pools),
            None => context,
        };
        let shared = move |config: &IntegrationConfig, _| connect_within(config, &context);
        let parts = Parts {
            inventory: self.inventory.ok_or_else(|| missing("inventory"))?,
            sink: self.sink.ok_or_else(|| missing("sink"))?,
            clock: self.clock,
            connect: self.connect.unwrap_or_else(|| Box::new(shared)),
            ingestion: self.ingestion,
        };
        let mut members = BTreeMap::new();
        for config in self.integrations {
            let member = Member::new(config, &parts)?;
            let name = member.name().to_owned();
            if members.contains_key(&name) {
                return Err(IntakeError::NameTaken { name });
            }
            parts.inventory.is_bound(&member.binding()).await?;
            members.insert(name, Arc::new(member));
        }
        Ok(Intake::new(parts, members))
    }
}

impl fmt::Debug for IntakeBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntakeBuilder")
            .field("integrations", &self.integrations)
            .finish_non_exhaustive()
    }
}
