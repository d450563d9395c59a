use super::{
    Quay,
    api::{Api, Standing},
    connection::Recognised,
    listing::{list, repository},
    tags,
};
use crate::{
    config::{Namespace, RegistryVersion, RequiredRole},
    connector::{Verification, Warning},
    error::{ErrorCode, IntegrationError, Step, Violation},
    http::{Patience, RequestCount},
    image::RegistryKind,
};

impl Quay {
    /// Takes every step of the server, then those of each organisation: a bad one does not hide the
    /// others.
    pub(super) async fn report(&self) -> Verification {
        let connection = &self.connection;
        let warnings = connection.config.warnings().iter().copied();
        let mut report =
            Verification::new(RegistryKind::Quay, warnings.map(Warning::Config).collect());
        let host = connection.client.authority();
        if let Some(service) = self.reach(&mut report).await {
            let mut repositories = Some(0);
            for namespace in connection.config.namespaces() {
                let seen = self.organization(&mut report, namespace, &service).await;
                repositories = repositories.zip(seen).map(|(sum, seen)| sum + seen);
            }
            report.seen.namespaces = Some(connection.config.namespaces().len() as u64);
            report.seen.repositories = repositories;
            self.pull(&mut report, &service).await;
        }
        report.skip_the_rest(host);
        report
    }

    /// The steps that are the same for every organisation; none where one failed.
    async fn reach(&self, report: &mut Verification) -> Option<String> {
        let connection = &self.connection;
        let (host, clock) = (connection.client.authority(), &**connection.client.clock());
        let configured = async {
            connection.client.ready().await?;
            if let Some(account) = connection.config.account() {
                connection.secret("password", &account.password).await?;
            }
            Ok(())
        };
        report.probe(clock, Step::Config, host, configured).await?;
        let endpoint = connection.config.endpoint();
        connection.client.forget_connections();
        let Recognised {
            service,
            foreign_realm,
        } = report
            .reach(
                clock,
                endpoint,
                connection.recognise(Step::Registry, Patience::Probe),
            )
            .await?;
        report
            .warnings
            .extend(foreign_realm.map(|host| Warning::ForeignRealm { host }));
        let stated = connection.stated_version().await;
        let version = async {
            match (
                connection.config.version(),
                stated.as_deref().and_then(major),
            ) {
                // The number may be older than the server, never newer.
                (Some(RegistryVersion::V1), Some(2..)) => {
                    Err(IntegrationError::RegistryVersionError {
                        context: Box::new(connection.client.context(Step::Version)),
                        configured: "V1",
                        found: stated.clone().unwrap_or_default(),
                    })
                }
                _ => Ok(()),
            }
        };
        report.probe(clock, Step::Version, host, version).await?;
        if connection.config.version() == Some(RegistryVersion::V2)
            && stated.as_deref().and_then(major) == Some(1)
        {
            report.warnings.push(Warning::VersionDoubtful);
        }
        report.version = stated;
        Some(service)
    }

    /// The steps of one organisation. Returns how many repositories it shows, if it shows all on
    /// one page.
    async fn organization(
        &self,
        report: &mut Verification,
        namespace: &Namespace,
        service: &str,
    ) -> Option<u64> {
        let connection = &self.connection;
        let clock = &**connection.client.clock();
        let name = namespace.organization.as_str();
        let requests = RequestCount::new();
        connection.forget_refusal(name);
        let api = Api::new(connection, namespace, &requests, Patience::Probe);
        let read = async { api.account().await.map(drop) };
        report.probe(clock, Step::Config, name, read).await?;
        let credentials = async {
            let standing = match api.is_administered().await {
                Ok(true) => return Ok(Standing::Admin),
                Ok(false) => api.standing().await,
                Err(error) => Err(error),
            };
            match standing {
                Ok(standing) => Ok(standing),
                Err(error) => Err(self.with_reason(error, namespace, service).await),
            }
        };
        let standing = report
            .probe(clock, Step::Credentials, name, credentials)
            .await?;
        let role = async {
            match connection.config.required_role() {
                RequiredRole::Admin => standing.must_be_admin(&api),
                RequiredRole::List => Ok(()),
            }
        };
        report.probe(clock, Step::Role, name, role).await?;
        let look = look(&api, standing);
        report.probe(clock, Step::Listing, name, look).await?
    }

    /// A refused token, with the token service's own words for it.
    async fn with_reason(
        &self,
        error: IntegrationError,
        namespace: &Namespace,
        service: &str,
    ) -> IntegrationError {
        if error.code() != ErrorCode::FailedToVerifyUsernameOrPwd {
            return error;
        }
        let connection = &self.connection;
        let Ok(login) = connection.login_by_token(namespace).await else {
            return error;
        };
        let account = connection.puller(login);
        match connection
            .log_in(Step::Credentials, service, &account)
            .await
        {
            Err(reason) if reason.code() == error.code() => reason,
            _ => error,
        }
    }

    /// The account for pulling is tried once: a Quay locks on repeated failures.
    async fn pull(&self, report: &mut Verification, service: &str) {
        let connection = &self.connection;
        let (host, clock) = (connection.client.authority(), &**connection.client.clock());
        let Some(configured) = connection.config.account() else {
            return;
        };
        let attempt = async {
            let account = connection.puller(connection.login(configured).await?);
            let answer = connection.log_in(Step::Pull, service, &account).await?;
            match answer.status() {
                200 => Ok(()),
                _ => Err(answer.violation(Violation::Status)),
            }
        };
        report.probe(clock, Step::Pull, host, attempt).await;
    }
}

/// Reads a page of repositories as a listing would, and a tag of one that strangers may not read.
async fn look(api: &Api, standing: Standing) -> Result<Option<u64>, IntegrationError> {
    let page = list(api, None).await?.rows;
    if page.repositories.is_empty() {
        standing.must_be_admin(api)?;
    }
    if let Some(private) = page.repositories.iter().find(|one| !one.is_public) {
        tags::look(api, &repository(api, &private.name)?).await?;
    }
    let is_all = page.next_page.is_none();
    Ok(is_all.then_some(page.repositories.len() as u64))
}

/// The major version of `Quay v3.11.0`.
fn major(stated: &str) -> Option<u64> {
    let is_digit = |character: char| character.is_ascii_digit();
    let mut versions = stated
        .split('v')
        .skip(1)
        .filter(|text| text.starts_with(is_digit));
    versions
        .next()?
        .split(|character| !is_digit(character))
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_the_stated_one() {
        assert_eq!(major("Quay v3.11.0"), Some(3));
        assert_eq!(major("Quay v1.16.5"), Some(1));
        assert_eq!(major("Quay v3.12.0-dev"), Some(3));
        assert_eq!(major("Project Quay version v10"), Some(10));
        assert_eq!(major("Quay"), None);
    }
}
