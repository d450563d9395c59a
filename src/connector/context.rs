use std::{
    collections::HashMap,
    fmt,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    clock::{Clock, SystemClock},
    config::IntegrationConfig,
    error::IntegrationError,
    http::{Budget, ConnectionSettings, HttpClient},
    network::{EgressPolicy, address_pools::AddressPools},
};

/// What connections share that are made for one program: its clock, where they may go, and how many
/// requests each account of a cloud may send in all.
///
/// Alibaba Cloud counts the requests of an account, whichever registry they are for, so that two
/// integrations of one account must keep to one rate. An account is known by its AccessKey, or by the
/// `account_id` of the configurations where its users have keys of their own. Clones share everything.
///
/// ```
/// use registry_intake::{config::Config, connector::{ConnectContext, connect_within}};
///
/// # fn connectors(config: &Config) -> Result<(), registry_intake::error::IntegrationError> {
/// let context = ConnectContext::new();
/// for integration in &config.integrations {
///     let registry = connect_within(integration, &context)?;
///     // ...
/// #   drop(registry);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ConnectContext {
    clock: Arc<dyn Clock>,
    egress: EgressPolicy,
    pools: Option<Arc<AddressPools>>,
    budgets: Arc<Mutex<HashMap<String, Arc<Budget>>>>,
}

impl ConnectContext {
    /// A context by the machine's clock, in which nothing was sent yet.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(SystemClock::shared())
    }

    /// The same by another clock.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            egress: EgressPolicy::new(),
            pools: None,
            budgets: Arc::default(),
        }
    }

    /// The same where connections go only as this policy lets them.
    #[must_use]
    pub fn with_egress(mut self, egress: EgressPolicy) -> Self {
        self.egress = egress;
        self
    }

    /// The same for a program that connects from addresses of its own: where a connection times out, these
    /// are told as the ones that must be let in, in place of the documented.
    #[must_use]
    pub fn with_address_pools(mut self, pools: AddressPools) -> Self {
        self.pools = Some(Arc::new(pools));
        self
    }

    /// Where connections may go.
    #[must_use]
    pub const fn egress(&self) -> &EgressPolicy {
        &self.egress
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The way to a configured registry. Connects to nothing yet.
    pub(super) fn client(
        &self,
        config: &IntegrationConfig,
    ) -> Result<HttpClient, IntegrationError> {
        let settings = ConnectionSettings::of(config, &self.egress, self.pools.as_deref());
        HttpClient::new(settings, Arc::clone(&self.clock))
    }

    /// The budget of the account of this name. Where its users name several rates, the smallest
    /// counts.
    pub(super) fn budget(&self, account: &str, per_second: NonZeroU32) -> Arc<Budget> {
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        match budgets.get(account) {
            Some(budget) => {
                budget.at_most(per_second);
                Arc::clone(budget)
            }
            None => {
                let budget = Arc::new(Budget::per_second(per_second));
                budgets.insert(account.to_owned(), Arc::clone(&budget));
                budget
            }
        }
    }
}

impl Default for ConnectContext {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ConnectContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectContext")
            .field("egress", &self.egress)
            .finish_non_exhaustive()
    }
}
