//! The connectors of both editions of ACR against the simulated ones.

mod budget;
mod listing;
mod pulling;
mod verification;

use std::{collections::BTreeSet, sync::Arc};

use registry_intake::{
    clock::Clock,
    config::{
        AcrCredentials, AcrInstance, IntegrationConfig, IntegrationConfigBuilder, RegistryType,
        Secret,
    },
    conformance::Shown,
    connector::{RegistryConnector, connect_with_clock},
    simulator::{
        AcrEnterprise, AcrEnterpriseBuilder, AcrPersonal, AcrPersonalBuilder, acr::Listed,
    },
};

use crate::harbor_v2::jumping_clock;

pub(crate) async fn enterprise(builder: AcrEnterpriseBuilder) -> (AcrEnterprise, Arc<dyn Clock>) {
    let clock = jumping_clock();
    let acr = builder.clock(Arc::clone(&clock)).start().await.unwrap();
    (acr, clock)
}

pub(crate) async fn personal(builder: AcrPersonalBuilder) -> (AcrPersonal, Arc<dyn Clock>) {
    let clock = jumping_clock();
    let acr = builder.clock(Arc::clone(&clock)).start().await.unwrap();
    (acr, clock)
}

pub(crate) fn key(id: &str, secret: &str) -> AcrCredentials {
    AcrCredentials::AccessKey {
        id: id.to_owned(),
        secret: Secret::new(secret),
        security_token: None,
    }
}

/// With the time-outs that it has unless set: no test here waits for one, and a busy machine may.
fn config(registry_type: RegistryType, url: String) -> IntegrationConfigBuilder {
    IntegrationConfig::builder("acr")
        .registry_type(registry_type)
        .region_id(AcrEnterprise::REGION_ID)
        .api_endpoint(url)
}

/// The instance that is always there, by the account's key.
pub(crate) fn of_enterprise(acr: &AcrEnterprise) -> IntegrationConfigBuilder {
    config(RegistryType::AcrEnterprise, acr.url())
        .instance(AcrInstance::Id(AcrEnterprise::INSTANCE_ID.to_owned()))
        .credentials(key(
            AcrEnterprise::ACCESS_KEY_ID,
            AcrEnterprise::ACCESS_KEY_SECRET,
        ))
}

pub(crate) fn of_personal(acr: &AcrPersonal) -> IntegrationConfigBuilder {
    config(RegistryType::AcrPersonal, acr.url()).credentials(key(
        AcrPersonal::ACCESS_KEY_ID,
        AcrPersonal::ACCESS_KEY_SECRET,
    ))
}

pub(crate) fn connector(
    config: IntegrationConfigBuilder,
    clock: &Arc<dyn Clock>,
) -> Arc<dyn RegistryConnector> {
    connect_with_clock(&config.build().unwrap(), Arc::clone(clock)).unwrap()
}

/// What a complete listing shows.
pub(crate) fn shown(listed: Vec<Listed>) -> BTreeSet<Shown> {
    let rows = listed.into_iter().map(|row| Shown {
        repository: row.repository,
        digest: row.digest,
        tags: row.tags,
    });
    rows.collect()
}
