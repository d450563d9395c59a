use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use tokio::sync::OnceCell;

use super::{
    super::{
        api::{Api, Call},
        connection::Connection,
        reading::{RESTARTS, whole},
        wire,
    },
    catalogue::ask,
};
use crate::{
    config::AcrInstance,
    error::{BoxError, Incompleteness, IntegrationError, Step},
};

/// The configured instance, and its id once it is known.
#[derive(Debug)]
pub(super) struct Located {
    configured: AcrInstance,
    id: OnceCell<String>,
}

/// An instance as its list or its own call shows it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct InstanceWire {
    #[serde(rename = "InstanceId")]
    pub(super) id: String,
    #[serde(
        rename = "InstanceName",
        default,
        deserialize_with = "wire::or_default"
    )]
    pub(super) name: String,
    #[serde(
        rename = "InstanceStatus",
        default,
        deserialize_with = "wire::or_default"
    )]
    status: String,
    /// What is wrong with it, in the vendor's own words.
    #[serde(rename = "InstanceIssue", default)]
    issue: Option<String>,
    /// Told by the list alone.
    #[serde(rename = "RegionId")]
    region: Option<String>,
}

impl InstanceWire {
    /// Whether it is in this region, which its endpoint alone would not tell.
    fn is_in(&self, region: &str) -> bool {
        self.region.as_deref().is_none_or(|own| own == region)
    }

    /// Whether it serves: an unknown state is one in which it may.
    pub(super) fn must_run(&self, api: &Api) -> Result<(), IntegrationError> {
        const AT_REST: [&str; 7] = [
            "PENDING",
            "INIT_ERROR",
            "STARTING",
            "STOPPING",
            "STOPPED",
            "DELETING",
            "DELETED",
        ];
        if !AT_REST.contains(&self.status.as_str()) {
            return Ok(());
        }
        let issue = self.issue.as_deref().unwrap_or_default();
        let subject = [&self.id, "is", &self.status, issue].join(" ");
        Err(IntegrationError::RegistryUnavailable {
            context: api.connection.at(Step::Registry, subject.trim_end()),
            retry_after: None,
        })
    }
}

impl Located {
    pub(super) fn new(connection: &Arc<Connection>) -> Result<Self, IntegrationError> {
        let configured = connection.settings.instance.clone().ok_or_else(|| {
            let source: BoxError = "no instance is configured".into();
            IntegrationError::ConfigInvalid {
                context: connection.at(Step::Config, "instance"),
                field: "instance_id",
                source,
            }
        })?;
        let id = match &configured {
            AcrInstance::Id(id) => OnceCell::new_with(Some(id.clone())),
            AcrInstance::Name(_) => OnceCell::new(),
        };
        Ok(Self { configured, id })
    }

    pub(super) fn as_str(&self) -> &str {
        self.configured.as_str()
    }

    /// The instance's id, for which a name is looked up once.
    pub(super) async fn id(&self, api: &Api, step: Step) -> Result<String, IntegrationError> {
        let found = self
            .id
            .get_or_try_init(async || self.look_up(api, step).await.map(|found| found.id));
        found.await.cloned()
    }

    /// The instance as it is now.
    pub(super) async fn look_up(
        &self,
        api: &Api,
        step: Step,
    ) -> Result<InstanceWire, IntegrationError> {
        match &self.configured {
            AcrInstance::Id(id) => {
                let call = Call::rpc("GetInstance", step)
                    .with("InstanceId", id)
                    .about(id);
                match api.ask(&call).await {
                    Ok(answer) => answer.json_of_any_type(),
                    Err(IntegrationError::WrongRegionOrEdition { context, .. }) => {
                        // The endpoint's own list may know it, or where it is.
                        let all = listed(api, step, None).await.unwrap_or_default();
                        match all.into_iter().find(|one| one.id == *id) {
                            Some(one) if one.is_in(api.connection.region()) => Ok(one),
                            elsewhere => Err(IntegrationError::WrongRegionOrEdition {
                                context,
                                right: elsewhere.and_then(|one| one.region),
                            }),
                        }
                    }
                    Err(error) => Err(error),
                }
            }
            AcrInstance::Name(name) => {
                // The filter may find parts of names.
                let found = listed(api, step, Some(name)).await?;
                let mut found = found.into_iter().filter(|one| one.name == *name);
                let missing = |right| IntegrationError::WrongRegionOrEdition {
                    context: api.connection.at(step, name),
                    right,
                };
                let one = found.next().ok_or_else(|| missing(None))?;
                if one.is_in(api.connection.region()) {
                    Ok(one)
                } else {
                    Err(missing(one.region))
                }
            }
        }
    }
}

/// The instances of the endpoint's region.
async fn listed(
    api: &Api,
    step: Step,
    name: Option<&str>,
) -> Result<Vec<InstanceWire>, IntegrationError> {
    let page = |at| -> BoxFuture<'_, _> {
        let mut call = Call::rpc("ListInstance", step);
        if let Some(name) = name {
            call = call.with("InstanceName", name).about(name);
        }
        Box::pin(async move { wire::page(&ask(api, call, &at).await?) })
    };
    let instances = whole(|one: &InstanceWire| one.id.clone(), page).await?;
    instances.ok_or_else(|| IntegrationError::IncompleteListing {
        context: api.connection.at(step, "instances"),
        reason: Incompleteness::KeptChanging {
            attempts: RESTARTS + 1,
        },
    })
}
