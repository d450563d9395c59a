use serde::Deserialize;

use super::{
    super::{
        api::{Api, Call},
        fault::is_of_its_scope,
        wire,
    },
    AcrEnterprise,
};
use crate::{
    config::NetworkType,
    connector::PullAccess,
    error::{IntegrationError, Step},
    image::Location,
};

/// The way to the registry over a VPC, and who may take it.
#[derive(Debug, Deserialize)]
pub(super) struct VpcEndpointWire {
    #[serde(rename = "Enable", default, deserialize_with = "wire::or_default")]
    enable: bool,
    #[serde(rename = "Domains", default, deserialize_with = "wire::or_default")]
    domains: Vec<DomainWire>,
    #[serde(rename = "LinkedVpcs", default, deserialize_with = "wire::or_default")]
    linked: Vec<LinkedVpcWire>,
}

#[derive(Debug, Deserialize)]
struct LinkedVpcWire {
    #[serde(rename = "Status")]
    status: Option<String>,
}

/// The way to the registry over the Internet.
#[derive(Debug, Deserialize)]
struct EndpointWire {
    #[serde(rename = "Domains", default, deserialize_with = "wire::or_default")]
    domains: Vec<DomainWire>,
}

/// A plain text in one call, with its type in the other.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum DomainWire {
    Plain(String),
    Typed {
        #[serde(rename = "Domain")]
        domain: String,
        #[serde(rename = "Type")]
        kind: Option<String>,
    },
}

impl DomainWire {
    fn name(&self) -> &str {
        match self {
            Self::Plain(domain) | Self::Typed { domain, .. } => domain,
        }
    }

    /// Whether it is a domain of the user's own. One without a type is so unless it is the vendor's.
    fn is_own(&self) -> bool {
        match self {
            Self::Typed {
                kind: Some(kind), ..
            } => kind == "USER",
            other => !other.name().ends_with(".aliyuncs.com"),
        }
    }
}

impl VpcEndpointWire {
    /// Whether anybody may take it. That an enabled endpoint with a linked VPC that runs is what the
    /// product calls configured is our reading, and an open fact.
    pub(super) fn is_configured(&self) -> bool {
        let runs = |vpc: &LinkedVpcWire| vpc.status.as_deref().is_none_or(|one| one == "RUNNING");
        self.enable && self.linked.iter().any(runs)
    }
}

/// A user's own domain, else the first.
fn preferred(domains: &[DomainWire]) -> Option<&str> {
    let own = domains.iter().find(|domain| domain.is_own());
    own.or_else(|| domains.first())
        .map(DomainWire::name)
        .filter(|domain| !domain.is_empty())
}

impl AcrEnterprise {
    pub(super) async fn vpc_endpoint(
        &self,
        api: &Api,
        instance: &str,
        step: Step,
    ) -> Result<VpcEndpointWire, IntegrationError> {
        let call = Call::rpc("GetInstanceVpcEndpoint", step)
            .with("InstanceId", instance)
            .with("ModuleName", "Registry");
        api.ask(&call.about(instance)).await?.json_of_any_type()
    }

    /// The domain to pull from: the configured one; else what the API lists for the network; else, for
    /// an account that may not ask, the one that follows from the instance's name.
    async fn domain(&self, api: &Api, instance: &str) -> Result<String, IntegrationError> {
        if let Some(domain) = &self.connection.settings.domain {
            return Ok(domain.clone());
        }
        let network = self.connection.config.network();
        let domains = match network {
            NetworkType::Vpc => {
                let endpoint = self.vpc_endpoint(api, instance, Step::Pull).await;
                endpoint.map(|endpoint| endpoint.domains)
            }
            NetworkType::Public => {
                let call = Call::rpc("GetInstanceEndpoint", Step::Pull)
                    .with("InstanceId", instance)
                    .with("EndpointType", "internet")
                    .with("ModuleName", "Registry");
                let answer = api.ask(&call.about(instance)).await;
                answer
                    .and_then(|answer| answer.json_of_any_type::<EndpointWire>())
                    .map(|endpoint| endpoint.domains)
            }
        };
        match domains {
            Ok(domains) => {
                if let Some(domain) = preferred(&domains) {
                    return Ok(domain.to_owned());
                }
            }
            Err(error) if is_of_its_scope(&error) => {}
            Err(error) => return Err(error),
        }
        let name = self.instance.look_up(api, Step::Pull).await?.name;
        let region = self.connection.region();
        Ok(match network {
            NetworkType::Public => format!("{name}-registry.{region}.cr.aliyuncs.com"),
            NetworkType::Vpc => format!("{name}-registry-vpc.{region}.cr.aliyuncs.com"),
        })
    }

    pub(super) async fn access(
        &self,
        api: &Api,
        location: &Location,
    ) -> Result<PullAccess, IntegrationError> {
        let instance = self.instance.id(api, Step::Pull).await?;
        let domain = self
            .domain
            .get_or_try_init(async || self.domain(api, &instance).await)
            .await?;
        let login = self.log_in(api, &instance).await?;
        self.connection.access(login, domain, location)
    }

    /// The right to pull, as verification and pulling ask for it.
    pub(super) async fn log_in(
        &self,
        api: &Api,
        instance: &str,
    ) -> Result<super::super::pull::Login, IntegrationError> {
        let call = Call::rpc("GetAuthorizationToken", Step::Pull).with("InstanceId", instance);
        self.login.get(api, &call.about(instance)).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn domains(json: &str) -> Vec<DomainWire> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_domain_of_the_users_own_is_preferred_in_both_forms() {
        let typed = r#"[
            { "Type": "SYSTEM", "Domain": "team-a-registry.cn-hangzhou.cr.aliyuncs.com" },
            { "Type": "USER", "Domain": "registry.example.com" }
        ]"#;
        assert_eq!(preferred(&domains(typed)), Some("registry.example.com"));
        let plain =
            r#"["team-a-registry-vpc.cn-hangzhou.cr.aliyuncs.com", "registry.example.com"]"#;
        assert_eq!(preferred(&domains(plain)), Some("registry.example.com"));
        let system = r#"["team-a-registry-vpc.cn-hangzhou.cr.aliyuncs.com"]"#;
        assert_eq!(
            preferred(&domains(system)),
            Some("team-a-registry-vpc.cn-hangzhou.cr.aliyuncs.com")
        );
        assert_eq!(preferred(&[]), None);
    }

    #[test]
    fn access_over_a_vpc_takes_an_enabled_endpoint_and_a_linked_vpc_that_runs() {
        for (json, configured) in [
            (
                r#"{"Enable":true,"LinkedVpcs":[{"Status":"RUNNING"}]}"#,
                true,
            ),
            (
                r#"{"Enable":true,"LinkedVpcs":[{"Status":"CREATING"}]}"#,
                false,
            ),
            (r#"{"Enable":true,"LinkedVpcs":[]}"#, false),
            (
                r#"{"Enable":false,"LinkedVpcs":[{"Status":"RUNNING"}]}"#,
                false,
            ),
            ("{}", false),
            (r#"{"Enable":null,"Domains":null,"LinkedVpcs":null}"#, false),
        ] {
            let endpoint: VpcEndpointWire = serde_json::from_str(json).unwrap();
            assert_eq!(endpoint.is_configured(), configured, "{json}");
        }
    }
}
