use std::time::Duration;

use crate::{clock::Timestamp, simulator::acr::contents::Contents};

/// 2025-12-31T00:00:00Z, before anything was pushed.
const BOUGHT: Timestamp = Timestamp::from_unix_nanos(1_767_139_200_000_000_000);

/// The only resource group there is.
pub(super) const RESOURCE_GROUP: &str = "rg-simulated0000001";

/// What an instance is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum InstanceStatus {
    /// Not set up yet.
    Pending,
    /// Serves.
    #[default]
    Running,
    /// Does not serve, for lack of payment say.
    Stopped,
    /// Is going.
    Deleting,
}

impl InstanceStatus {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Stopped => "STOPPED",
            Self::Deleting => "DELETING",
        }
    }
}

/// Whether an instance can be reached over a VPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum VpcAccess {
    /// Switched off, and no VPC is linked.
    Off,
    /// Switched on, with no VPC linked.
    Unlinked,
    /// A VPC is being linked.
    Creating,
    /// A VPC is linked.
    #[default]
    Linked,
}

/// An instance of ACR Enterprise with what it holds: running, open to the public network and
/// linked to a VPC unless it says otherwise.
///
/// ```
/// use registry_intake::simulator::acr::{Contents, Instance, InstanceStatus};
///
/// let instance = Instance::new("cri-team", "team")
///     .status(InstanceStatus::Stopped)
///     .contents(Contents::sized(1, 10, 100));
/// # let _ = instance;
/// ```
#[derive(Debug, Clone)]
pub struct Instance {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) status: InstanceStatus,
    /// Its region, where that is not the one of the endpoint.
    pub(super) region: Option<String>,
    pub(super) vpc: VpcAccess,
    pub(super) is_public: bool,
    pub(super) let_in: Vec<String>,
    pub(super) domain: Option<String>,
    pub(super) vpc_domain: Option<String>,
    pub(super) created: Timestamp,
    pub(super) contents: Contents,
}

impl Instance {
    /// With nothing in it.
    #[must_use]
    pub fn new(id: &str, name: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            status: InstanceStatus::default(),
            region: None,
            vpc: VpcAccess::default(),
            is_public: true,
            let_in: Vec::new(),
            domain: None,
            vpc_domain: None,
            created: BOUGHT,
            contents: Contents::empty(),
        }
    }

    /// With this in it.
    #[must_use]
    pub fn contents(mut self, contents: Contents) -> Self {
        self.contents = contents;
        self
    }

    /// In this state.
    #[must_use]
    pub fn status(mut self, status: InstanceStatus) -> Self {
        self.status = status;
        self
    }

    /// In this region, of whose endpoint alone it is known; in that of the simulator unless given.
    #[must_use]
    pub fn region(mut self, region_id: &str) -> Self {
        self.region = Some(region_id.to_owned());
        self
    }

    /// Reached, or not, over a VPC.
    #[must_use]
    pub fn vpc_access(mut self, access: VpcAccess) -> Self {
        self.vpc = access;
        self
    }

    /// Not reached over the public network.
    #[must_use]
    pub fn without_public_access(mut self) -> Self {
        self.is_public = false;
        self
    }

    /// Lets in only these addresses of the public network, `203.0.113.0/24` say.
    #[must_use]
    pub fn lets_in(mut self, entries: &[&str]) -> Self {
        self.let_in = entries.iter().map(|&entry| entry.to_owned()).collect();
        self
    }

    /// A domain of the user's own in the public network, beside the one that ACR gives.
    #[must_use]
    pub fn user_domain(mut self, domain: &str) -> Self {
        self.domain = Some(domain.to_owned());
        self
    }

    /// A domain of the user's own in the VPC, beside the one that ACR gives.
    #[must_use]
    pub fn vpc_user_domain(mut self, domain: &str) -> Self {
        self.vpc_domain = Some(domain.to_owned());
        self
    }

    /// Changes its state.
    pub fn set_status(&mut self, status: InstanceStatus) {
        self.status = status;
    }

    /// Changes whether it is reached over a VPC.
    pub fn set_vpc_access(&mut self, access: VpcAccess) {
        self.vpc = access;
    }

    /// What it holds, to be changed.
    pub fn contents_mut(&mut self) -> &mut Contents {
        &mut self.contents
    }

    pub(in crate::simulator::acr) fn held(&self) -> &Contents {
        &self.contents
    }

    pub(in crate::simulator::acr) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn modified(&self) -> Timestamp {
        self.created.saturating_add(Duration::from_secs(3600))
    }

    /// The domain that ACR gives it in the public network, or in the VPC.
    pub(super) fn system_domain(&self, region: &str, is_vpc: bool) -> String {
        let network = if is_vpc { "-vpc" } else { "" };
        let region = self.region.as_deref().unwrap_or(region);
        format!("{}-registry{network}.{region}.cr.aliyuncs.com", self.name)
    }

    pub(in crate::simulator::acr) fn is_at(&self, host: &str, region: &str) -> bool {
        let own = [&self.domain, &self.vpc_domain];
        own.into_iter().flatten().any(|domain| domain == host)
            || [false, true]
                .map(|is_vpc| self.system_domain(region, is_vpc))
                .contains(&host.to_owned())
    }
}

/// The instances of an account: one that is always there, with the id
/// [`AcrEnterprise::INSTANCE_ID`](crate::simulator::AcrEnterprise::INSTANCE_ID) unless it was replaced, and others.
#[derive(Debug, Clone)]
pub struct Instances {
    main: Instance,
    others: Vec<Instance>,
}

impl Instances {
    pub(super) fn new(main: Instance) -> Self {
        let others = Vec::new();
        Self { main, others }
    }

    /// Adds an instance, or replaces the one of that id.
    pub fn put(&mut self, instance: Instance) {
        match self.get_mut(&instance.id) {
            Some(present) => *present = instance,
            None => self.others.push(instance),
        }
    }

    /// Takes an instance away, other than the first. Says whether it was there.
    pub fn remove(&mut self, id: &str) -> bool {
        let before = self.others.len();
        self.others.retain(|instance| instance.id != id);
        self.others.len() < before
    }

    /// The instance of this id, to be changed.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Instance> {
        let mut all = [&mut self.main].into_iter().chain(&mut self.others);
        all.find(|instance| instance.id == id)
    }

    /// The one that is always there.
    pub fn main_mut(&mut self) -> &mut Instance {
        &mut self.main
    }

    pub(in crate::simulator::acr) fn first(&self) -> &Instance {
        &self.main
    }

    pub(in crate::simulator::acr) fn iter(&self) -> impl Iterator<Item = &Instance> {
        [&self.main].into_iter().chain(&self.others)
    }

    pub(super) fn get(&self, id: &str) -> Option<&Instance> {
        self.iter().find(|instance| instance.id == id)
    }
}
