use std::time::Duration;

use super::{
    super::{
        api::{Api, Call},
        edition::Edition,
        reading::At,
    },
    AcrEnterprise, Catalogue,
};
use crate::{
    config::VpcAccess,
    connector::{Outcome, Probe, Verification, Warning},
    error::{IntegrationError, Step},
    image::RegistryKind,
};

impl AcrEnterprise {
    /// The steps: whether ACR answers, what the key is worth, whether the instance is there and runs,
    /// what may be listed and pulled, and access over a VPC.
    pub(super) async fn report(&self) -> Verification {
        let connection = &self.connection;
        let warnings = connection.config.warnings().iter().copied();
        let mut report = Verification::new(
            RegistryKind::AcrEnterprise,
            warnings.map(Warning::Config).collect(),
        );
        let host = connection.client.authority();
        let _verdict = self.steps(&mut report).await;
        report.skip_the_rest(host);
        report
    }

    /// None where a step failed without which the next mean nothing.
    async fn steps(&self, report: &mut Verification) -> Option<()> {
        let connection = &self.connection;
        let (host, clock) = (connection.client.authority(), &**connection.client.clock());
        let api = self.probing();
        let key = async {
            connection.client.ready().await?;
            connection.keys.current().await.map(drop)
        };
        report.probe(clock, Step::Config, host, key).await?;
        let call = Call::rpc("ListInstance", Step::Credentials)
            .with("PageNo", "1")
            .with("PageSize", "1");
        let endpoint = connection.config.endpoint();
        connection.client.forget_connections();
        let verdict = report.reach(clock, endpoint, api.recognise(&call)).await?;
        report.version = Some("2018-12-01".to_owned());
        let credentials = async {
            match verdict {
                // The key is good; it lacks a right.
                Err(IntegrationError::RamPermissionDenied { .. }) | Ok(()) => Ok(()),
                Err(error) => Err(error),
            }
        };
        report
            .probe(clock, Step::Credentials, host, credentials)
            .await?;
        let subject = self.instance.as_str();
        let look = self.instance.look_up(&api, Step::Role);
        let instance = report.probe(clock, Step::Role, subject, look).await?;
        let runs = async { instance.must_run(&api) };
        let runs = report
            .probe(clock, Step::Registry, &instance.id, runs)
            .await;
        if runs.is_some() {
            let look = self.look(&api, &instance.id);
            report.seen.repositories = report
                .probe(clock, Step::Listing, &instance.id, look)
                .await?;
            let pull = async { self.log_in(&api, &instance.id).await.map(drop) };
            report.probe(clock, Step::Pull, &instance.id, pull).await;
        }
        self.vpc(report, &api, &instance.id).await;
        runs
    }

    /// Reads the first page of repositories as a listing would, and a page of tags.
    async fn look(&self, api: &Api, instance: &str) -> Result<Option<u64>, IntegrationError> {
        let catalogue = Catalogue {
            instance: instance.to_owned(),
        };
        let page = match catalogue.repositories(api, None, &At::FIRST).await {
            Ok(page) => page,
            Err(refusal) => {
                // A listing would go by namespace then.
                let Ok(names) = catalogue.namespaces(api, &At::FIRST).await else {
                    return Err(refusal);
                };
                let Some(name) = names.rows.first() else {
                    return Ok(Some(0));
                };
                let mut page = catalogue.repositories(api, Some(name), &At::FIRST).await?;
                page.total = None;
                page
            }
        };
        if let Some(repository) = page.rows.first() {
            match catalogue.tags(api, repository, &At::FIRST).await {
                // Deleted in this moment.
                Ok(_) | Err(IntegrationError::NamespaceNotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(page.total)
    }

    /// Access over a VPC: configured, not configured, or not allowed to ask.
    async fn vpc(&self, report: &mut Verification, api: &Api, instance: &str) {
        let clock = &**self.connection.client.clock();
        let began = clock.monotonic();
        let is_required = self.connection.settings.vpc_access == VpcAccess::Require;
        let outcome = match self.vpc_endpoint(api, instance, Step::Vpc).await {
            Ok(endpoint) if endpoint.is_configured() => Outcome::Passed,
            Ok(_) if is_required => Outcome::Failed(IntegrationError::VpcAccessNotConfigured {
                context: self.connection.at(Step::Vpc, instance),
            }),
            Ok(_) => {
                report.warnings.push(Warning::VpcAccessNotConfigured);
                Outcome::Skipped
            }
            Err(IntegrationError::RamPermissionDenied { .. }) if !is_required => {
                report.warnings.push(Warning::VpcAccessUnknown);
                Outcome::Skipped
            }
            Err(error) => Outcome::Failed(error),
        };
        report.probes.push(Probe {
            step: Step::Vpc,
            subject: instance.to_owned(),
            outcome,
            elapsed: clock.monotonic().saturating_sub(began).max(Duration::ZERO),
        });
    }
}
