use serde::Deserialize;

use super::{
    super::{
        api::{Api, Call},
        fault::is_of_its_scope,
        wire::{self, DomainsWire},
    },
    AcrPersonal,
    catalogue::path,
};
use crate::{
    config::NetworkType,
    connector::PullAccess,
    error::{IntegrationError, Step},
    image::{Location, RepositoryName},
};

#[derive(Deserialize)]
struct RepositoryWire {
    repo: DomainListWire,
}

#[derive(Deserialize)]
struct DomainListWire {
    #[serde(rename = "repoDomainList")]
    domains: Option<DomainsWire>,
}

impl AcrPersonal {
    pub(super) async fn access(
        &self,
        api: &Api,
        location: &Location,
    ) -> Result<PullAccess, IntegrationError> {
        let domain = self.domain(api, &location.repository).await?;
        let call = Call::roa("GetAuthorizationToken", Step::Pull, "/tokens".to_owned());
        let login = self.login.get(api, &call).await?;
        self.connection.access(login, &domain, location)
    }

    /// The domain to pull from: the configured one; else what the API tells of the repository, which
    /// is `crpi-...` for a registry made since September 2024; else that of the region, which serves
    /// the older ones.
    async fn domain(
        &self,
        api: &Api,
        repository: &RepositoryName,
    ) -> Result<String, IntegrationError> {
        if let Some(domain) = &self.connection.settings.domain {
            return Ok(domain.clone());
        }
        let told = match self.domains.get() {
            Some(told) => Some(told.clone()),
            None => domains(api, repository).await?,
        };
        // A repository that is gone, or hidden, tells nothing of the others.
        if let Some(told) = &told {
            let _told_before = self.domains.set(told.clone());
        }
        let (network, region) = (self.connection.config.network(), self.connection.region());
        let told = told.and_then(|domains| match network {
            NetworkType::Public => domains.public,
            NetworkType::Vpc => domains.vpc,
        });
        Ok(told
            .filter(|domain| !domain.is_empty())
            .unwrap_or_else(|| match network {
                NetworkType::Public => format!("registry.{region}.aliyuncs.com"),
                NetworkType::Vpc => format!("registry-vpc.{region}.aliyuncs.com"),
            }))
    }
}

/// What the API tells, where the account may ask. The inner fields of this answer are an open fact, so
/// that none is demanded.
async fn domains(
    api: &Api,
    repository: &RepositoryName,
) -> Result<Option<DomainsWire>, IntegrationError> {
    let call = Call::roa("GetRepo", Step::Pull, path(repository)).about(repository.as_str());
    match api.ask(&call).await {
        Ok(answer) => {
            let told = wire::one::<RepositoryWire>(&answer).map(|told| told.repo);
            let told = told.or_else(|_| wire::one::<DomainListWire>(&answer));
            Ok(told.ok().and_then(|told| told.domains))
        }
        Err(error) if is_of_its_scope(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
