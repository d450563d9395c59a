//! A simulated Alibaba Cloud Container Registry (ACR) of both editions: what they hold, and who may
//! ask.
//!
//! No real service was at hand. Signatures and requests are held to those of the vendor's SDK; the
//! answers follow its models, and what no source settles can be chosen: see
//! [`AcrEnterpriseBuilder`](crate::simulator::AcrEnterpriseBuilder) and
//! [`AcrPersonalBuilder`](crate::simulator::AcrPersonalBuilder).

mod call;
mod contents;
mod credentials;
mod demonstration;
mod endpoint;
pub(super) mod enterprise;
mod gateway;
mod keys;
mod logins;
mod manifests;
mod moments;
mod paging;
pub(super) mod personal;
mod push;
mod readings;
mod refusal;
mod regions;
mod registry;
mod scans;
mod settings;
mod signature;
mod throttle;

pub use contents::Contents;
pub use credentials::{CredentialServer, CredentialServerBuilder};
pub use enterprise::{Instance, InstanceStatus, Instances, VpcAccess};
pub use keys::{AccessKey, AccessKeys};
pub use push::{Listed, Push};
pub use readings::{ErrorFields, NextTokens, Numbers, Refusals, Wrapper};
pub use refusal::Denial;
pub use settings::{Namespace, Repository};

pub(super) use signature::Authorization;
