use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use url::Url;

use super::{api::Api, wire::ConfigWire};
use crate::{
    clock::Clock,
    config::{IntegrationConfig, Namespace, Secret, SecretValue},
    error::{IntegrationError, Step},
    http::{Account, Answer, ConnectionSettings, HttpClient, Patience, RequestCount},
};

/// The way to a Quay and its accounts.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) client: HttpClient,
    pub(super) config: IntegrationConfig,
    /// The accounts of the last connection, with their gates: what was refused is not tried again
    /// until it is another secret.
    accounts: Mutex<HashMap<String, Account>>,
    /// The password with which signing in was refused: each refusal locks the user for longer.
    refused: Mutex<Option<SecretValue>>,
}

/// What only a Quay says: where it gives out tokens, and under which name.
#[derive(Debug, Clone)]
pub(super) struct TokenService {
    pub(super) service: String,
}

impl Connection {
    pub(super) fn new(
        config: &IntegrationConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, IntegrationError> {
        Ok(Self {
            client: HttpClient::new(ConnectionSettings::from(config), clock)?,
            config: config.clone(),
            accounts: Mutex::default(),
            refused: Mutex::default(),
        })
    }

    pub(super) async fn secret(
        &self,
        field: &'static str,
        secret: &Secret,
    ) -> Result<SecretValue, IntegrationError> {
        secret
            .resolve()
            .await
            .map_err(|error| IntegrationError::ConfigInvalid {
                context: Box::new(self.client.context(Step::Config)),
                field,
                source: Box::new(error),
            })
    }

    pub(super) fn has_refused(&self, password: &SecretValue) -> bool {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused
            .as_ref()
            .is_some_and(|refused| refused.expose() == password.expose())
    }

    pub(super) fn refuse(&self, password: SecretValue) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(password);
    }

    /// The organisation's API by its present token; by the same account, gate included, while the
    /// token is the same and no `fresh` one is asked for.
    pub(super) async fn api(
        &self,
        namespace: &Namespace,
        requests: &RequestCount,
        patience: Patience,
        fresh: bool,
    ) -> Result<Api, IntegrationError> {
        let token = self
            .secret("namespaces.auth_token", &namespace.auth_token)
            .await?;
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = accounts
            .get(&namespace.organization)
            .filter(|account| !fresh && account.has_secret(&token));
        let account = match known {
            Some(account) => account.clone(),
            None => {
                let account = Account::bearer(token.into_inner());
                accounts.insert(namespace.organization.clone(), account.clone());
                account
            }
        };
        Ok(Api {
            client: self.client.clone(),
            organization: namespace.organization.clone(),
            account,
            session: None,
            requests: requests.clone(),
            patience,
        })
    }

    /// Recognises the server by its challenge: a realm that ends in `/v2/auth` is Quay's. Many
    /// servers answer any path with a page, so that no status proves anything.
    pub(super) async fn recognise(&self) -> Result<TokenService, IntegrationError> {
        let answer = self.ask(Step::Registry, "/v2/", &[]).await?;
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        match (
            parameter(challenge, "realm"),
            parameter(challenge, "service"),
        ) {
            (Some(realm), Some(service))
                if answer.status() == 401 && realm.ends_with("/v2/auth") =>
            {
                Ok(TokenService {
                    service: service.to_owned(),
                })
            }
            _ => Err(IntegrationError::RegistryTypeError {
                context: Box::new(answer.context()),
            }),
        }
    }

    /// The version that the server states; it may be older than the server.
    pub(super) async fn stated_version(&self) -> Option<String> {
        let answer = self.ask(Step::Version, "/config", &[]).await.ok()?;
        answer.json::<ConfigWire>().ok()?.version_number
    }

    /// Asks the token service to let `account` in. A refusal holds its words.
    pub(super) async fn log_in(
        &self,
        step: Step,
        service: &TokenService,
        account: &Account,
    ) -> Result<Answer, IntegrationError> {
        let query = [("service", service.service.as_str())];
        self.client
            .get(step, url(&self.client, "/v2/auth", &query))
            .account(account)
            .patience(Patience::Probe)
            .send()
            .await
    }

    async fn ask(
        &self,
        step: Step,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Answer, IntegrationError> {
        self.client
            .get(step, url(&self.client, path, query))
            .patience(Patience::Probe)
            .send()
            .await
    }
}

/// The address of `path` with its query. Names keep their slashes.
pub(super) fn url(client: &HttpClient, path: &str, query: &[(&str, &str)]) -> Url {
    let mut url = client.origin().clone();
    url.set_path(path);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}

/// The value of a parameter of a challenge, quoted as RFC 7235 has it.
fn parameter<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = challenge.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}
