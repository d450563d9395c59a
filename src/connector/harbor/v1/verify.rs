use std::sync::Arc;

use super::{HarborV1, api::Api, wire::StatisticsWire};
use crate::{
    connector::{
        Seen, Verification,
        harbor::{
            answers::{Identity, total_of},
            server::Server,
        },
    },
    error::{IntegrationError, Step},
    http::{Patience, RequestCount},
    image::RegistryKind,
};

const ONE_ROW: [(&str, &str); 2] = [("page", "1"), ("page_size", "1")];

impl HarborV1 {
    /// Takes every step until one fails, and reports the others as not taken.
    pub(super) async fn report(&self) -> Verification {
        let mut report = self.harbor.report(RegistryKind::HarborV1);
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
                Server::V1(_) => Ok(()),
                Server::V2(found) => Err(IntegrationError::RegistryVersionError {
                    context: Box::new(harbor.client.context(Step::Version)),
                    configured: "V1",
                    found,
                }),
            }
        };
        report.probe(clock, Step::Version, host, version).await?;
        let api = Api {
            harbor: Arc::clone(harbor),
            account,
            requests: RequestCount::new(),
            patience: Patience::Probe,
        };
        let identity = report
            .probe(clock, Step::Credentials, host, api.identify())
            .await?;
        report
            .probe(clock, Step::Role, host, async { self.admits(identity) })
            .await?;
        report.seen = report
            .probe(clock, Step::Listing, host, api.look(identity))
            .await?;
        report
            .probe(clock, Step::Pull, host, api.prove_by_token(Step::Pull))
            .await?;
        harbor.warn_of_foreign_realm(report).await;
        Some(())
    }
}

impl Api {
    /// Counts what the account sees.
    async fn look(&self, identity: Identity) -> Result<Seen, IntegrationError> {
        let projects = self.get(Step::Listing, "/projects", &ONE_ROW).await?;
        let namespaces = Some(total_of(&projects, identity)?);
        let repositories = match identity {
            Identity::Admin => {
                let StatisticsWire {
                    total_repo_count, ..
                } = self.statistics().await?;
                Some(total_repo_count)
            }
            Identity::User | Identity::Robot => None,
        };
        Ok(Seen {
            namespaces,
            repositories,
        })
    }
}
