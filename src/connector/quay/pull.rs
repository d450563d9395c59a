use super::{
    Quay,
    connection::{Connection, TOKEN_PATH, url},
};
use crate::{
    config::{self, Namespace, SecretValue},
    connector::{
        PullAccess, PullCredential,
        pull_token::{self, Grant},
    },
    error::{IntegrationError, Step},
    http::Patience,
    image::Location,
};

/// The user name that stands for an OAuth token at the distribution API.
const TOKEN_USER: &str = "$oauthtoken";

/// Who pulls.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) username: String,
    pub(super) password: SecretValue,
    /// The organisation that it is for, where it is not for all.
    pub(super) organization: Option<String>,
}

impl Connection {
    /// The account configured for pulling, as it is now.
    pub(super) async fn login(&self, account: &config::Account) -> Result<Login, IntegrationError> {
        Ok(Login {
            username: account.username.clone(),
            password: self.secret("password", &account.password).await?,
            organization: None,
        })
    }

    /// The account configured for pulling, else the token of the location's organisation.
    async fn login_for(&self, location: &Location) -> Result<Login, IntegrationError> {
        if let Some(account) = self.config.account() {
            return self.login(account).await;
        }
        let organization = location.repository.namespace();
        let mut namespaces = self.config.namespaces().iter();
        let namespace = namespaces
            .find(|namespace| namespace.organization == organization)
            .ok_or_else(|| IntegrationError::NamespaceNotFound {
                context: Box::new(self.client.context(Step::Pull)),
                namespace: organization.to_owned(),
            })?;
        self.login_by_token(namespace).await
    }

    /// The organisation's token, as it is now.
    pub(super) async fn login_by_token(
        &self,
        namespace: &Namespace,
    ) -> Result<Login, IntegrationError> {
        Ok(Login {
            username: TOKEN_USER.to_owned(),
            password: self.token(namespace).await?,
            organization: Some(namespace.organization.clone()),
        })
    }
}

impl Quay {
    /// Access by the account's own secret.
    pub(super) async fn access(&self, location: &Location) -> Result<PullAccess, IntegrationError> {
        let connection = &self.connection;
        let Login {
            username, password, ..
        } = connection.login_for(location).await?;
        let credential = PullCredential::Basic { username, password };
        connection.client.guard_access(connection.client.origin())?;
        let access = PullAccess::at(&connection.config, location, credential);
        Ok(access.with_egress(connection.client.egress().clone()))
    }

    /// Access by a token for one repository.
    pub(super) async fn token(&self, location: &Location) -> Result<PullAccess, IntegrationError> {
        let connection = &self.connection;
        let account = connection.puller(connection.login_for(location).await?);
        // A token for another service than the server calls itself is useless, so the challenge is
        // asked for that name. Its realm is not followed: it is the external address, which may
        // lead past the configured one.
        let recognised = connection.recognise(Step::Pull, Patience::Run).await?;
        let service = recognised.service;
        let repository = location.repository.to_string();
        let grant = Grant::pull(&repository);
        let scope = grant.scope();
        let query = [("service", service.as_str()), ("scope", scope.as_str())];
        let answer = connection
            .client
            .get(Step::Pull, url(&connection.client, TOKEN_PATH, &query))
            .account(&account)
            .send()
            .await?;
        let token = pull_token::read(&answer, Some(grant), &**connection.client.clock())?;
        let access = token.access(&connection.config, location);
        Ok(access.with_egress(connection.client.egress().clone()))
    }
}
