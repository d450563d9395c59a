use super::{
    super::{api::Call, edition::Edition, reading::At},
    AcrPersonal,
    catalogue::Catalogue,
};
use crate::{
    connector::{Verification, Warning},
    error::{IntegrationError, Step},
    image::RegistryKind,
};

impl AcrPersonal {
    /// The steps: whether ACR answers, what the key is worth, and what may be listed. Nothing is pulled
    /// for scanning from this edition, so that the right to do so is no step.
    pub(super) async fn report(&self) -> Verification {
        let connection = &self.connection;
        let warnings = connection.config.warnings().iter().copied();
        let mut report = Verification::new(
            RegistryKind::AcrPersonal,
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
        let call = Call::roa("GetRepoList", Step::Credentials, "/repos".to_owned())
            .with("Page", "1")
            .with("PageSize", "1");
        let endpoint = connection.config.endpoint();
        connection.client.forget_connections();
        let verdict = report.reach(clock, endpoint, api.recognise(&call)).await?;
        report.version = Some("2016-06-07".to_owned());
        let (mut credentials, mut role) = (Ok(()), Ok(()));
        match verdict {
            // The key is good; it lacks a right.
            Err(denial @ IntegrationError::RamPermissionDenied { .. }) => role = Err(denial),
            verdict => credentials = verdict,
        }
        report
            .probe(clock, Step::Credentials, host, async { credentials })
            .await?;
        report
            .probe(clock, Step::Role, host, async { role })
            .await?;
        let look = async {
            let page = Catalogue.repositories(&api, None, &At::FIRST).await?;
            if let Some(repository) = page.rows.first() {
                match Catalogue.tags(&api, repository, &At::FIRST).await {
                    // Deleted in this moment.
                    Ok(_) | Err(IntegrationError::NamespaceNotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(page.total)
        };
        report.seen.repositories = report.probe(clock, Step::Listing, host, look).await?;
        Some(())
    }
}
