use std::sync::Arc;

use super::{
    HarborV2,
    api::{Api, is_unknown_path},
    wire::{ProjectWire, Row, SystemInfoWire},
};
use crate::{
    connector::{
        Seen, Verification,
        harbor::{
            answers::{Identity, refusal, segment, total_of},
            server::Server,
        },
    },
    error::{IntegrationError, Step},
    http::{Patience, RequestCount},
    image::RegistryKind,
};

const ONE_ROW: [(&str, &str); 2] = [("page", "1"), ("page_size", "1")];

impl HarborV2 {
    /// Takes every step until one fails, and reports the others as not taken.
    pub(super) async fn report(&self) -> Verification {
        let mut report = self.harbor.report(RegistryKind::HarborV2);
        let _ = self.take_steps(&mut report).await;
        report.skip_the_rest(self.harbor.client.authority());
        report
    }

    /// None where a step failed.
    async fn take_steps(&self, report: &mut Verification) -> Option<()> {
        let harbor = &self.harbor;
        let (host, clock) = (harbor.client.authority(), &**harbor.client.clock());
        let (server, account) = harbor.reach(report).await?;
        report.version = Some(server.version().to_owned());
        let version = async {
            match server {
                Server::V2(_) => Ok(()),
                Server::V1(found) => Err(IntegrationError::RegistryVersionError {
                    context: Box::new(harbor.client.context(Step::Version)),
                    configured: "V2",
                    found,
                }),
            }
        };
        report.probe(clock, Step::Version, host, version).await?;
        let api = Api {
            harbor: Arc::clone(harbor),
            account,
            session: None,
            requests: RequestCount::new(),
            patience: Patience::Probe,
        };
        let (identity, _) = report
            .probe(clock, Step::Credentials, host, api.identify())
            .await?;
        // Since 2.13 the exact version is told to valid credentials alone.
        if let Ok(Some(version)) = api.exact_version(Step::Version).await {
            report.version = Some(version);
        }
        report
            .probe(clock, Step::Role, host, async {
                self.harbor.admits(identity)
            })
            .await?;
        report.seen = report
            .probe(clock, Step::Listing, host, api.look(identity))
            .await?;
        report
            .probe(clock, Step::Pull, host, api.may_pull(Step::Pull))
            .await?;
        harbor.warn_of_foreign_realm(report).await;
        Some(())
    }
}

impl Api {
    /// Since 2.13 it is told to valid credentials only.
    pub(super) async fn exact_version(
        &self,
        step: Step,
    ) -> Result<Option<String>, IntegrationError> {
        let answer = self.get(step, "/systeminfo", &[]).await?;
        match answer.status() {
            200 => Ok(answer.json::<SystemInfoWire>()?.harbor_version),
            500.. => Err(refusal(&answer, Identity::User)),
            _ => Ok(None),
        }
    }

    /// Counts what the account sees, and reads one row of a project as a listing would: a robot
    /// may see every name and be refused every artifact.
    async fn look(&self, identity: Identity) -> Result<Seen, IntegrationError> {
        let projects = self.get(Step::Listing, "/projects", &ONE_ROW).await?;
        let namespaces = total_of(&projects, identity)?;
        let first: Option<Vec<ProjectWire>> = projects.json()?;
        if let Some(project) = first.unwrap_or_default().first() {
            let path = format!("/projects/{}/artifacts", project.id());
            let mut rows = self.get(Step::Listing, &path, &ONE_ROW).await?;
            if is_unknown_path(&rows) {
                let path = format!("/projects/{}/repositories", segment(&project.name));
                rows = self.get(Step::Listing, &path, &ONE_ROW).await?;
            }
            total_of(&rows, identity)?;
        }
        let repositories = self.get(Step::Listing, "/repositories", &ONE_ROW).await?;
        let repositories = match identity {
            _ if !is_unknown_path(&repositories) => Some(total_of(&repositories, identity)?),
            Identity::Admin => Some(self.statistics().await?.total_repo_count),
            Identity::User | Identity::Robot => None,
        };
        Ok(Seen {
            namespaces: Some(namespaces),
            repositories,
        })
    }
}
