use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use url::Url;

use super::{pull::Login, wire::ConfigWire};
use crate::{
    config::{IntegrationConfig, Namespace, Secret, SecretValue},
    connector::{ConnectContext, challenge},
    error::{IntegrationError, Step},
    http::{Account, Answer, HttpClient, Patience},
};

/// Where a Quay gives out tokens, and how its challenge's realm ends.
pub(super) const TOKEN_PATH: &str = "/v2/auth";

/// The way to a Quay and its accounts.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) client: HttpClient,
    pub(super) config: IntegrationConfig,
    /// The accounts that pull, one from all organisations or each from its own, with their gates:
    /// a secret that was refused is not tried again until it is another one.
    pullers: Mutex<HashMap<Option<String>, Account>>,
}

impl Connection {
    pub(super) fn new(
        config: &IntegrationConfig,
        context: &ConnectContext,
    ) -> Result<Self, IntegrationError> {
        Ok(Self {
            client: context.client(config)?,
            config: config.clone(),
            pullers: Mutex::default(),
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

    /// The organisation's present token.
    pub(super) async fn token(
        &self,
        namespace: &Namespace,
    ) -> Result<SecretValue, IntegrationError> {
        self.secret("namespaces.auth_token", &namespace.auth_token)
            .await
    }

    /// The account for pulling; the same one, gate included, while the secret is the same. Its gate
    /// takes every 401 for the verdict: each refusal locks a user for longer.
    pub(super) fn puller(&self, login: Login) -> Account {
        let mut pullers = self.pullers();
        let known = pullers.get(&login.organization);
        if let Some(puller) = known.filter(|puller| puller.has_secret(&login.password)) {
            return puller.clone();
        }
        let puller = Account::basic_once(login.username, login.password.into_inner());
        pullers.insert(login.organization, puller.clone());
        puller
    }

    /// Lets the organisation's token be tried again, though it was refused: no refusal locks it.
    pub(super) fn forget_refusal(&self, organization: &str) {
        self.pullers().remove(&Some(organization.to_owned()));
    }

    fn pullers(&self) -> MutexGuard<'_, HashMap<Option<String>, Account>> {
        self.pullers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Recognises the server by its challenge: a realm that ends in `/v2/auth` is Quay's. Many
    /// servers answer any path with a page, so that no status proves anything.
    pub(super) async fn recognise(
        &self,
        step: Step,
        patience: Patience,
    ) -> Result<Recognised, IntegrationError> {
        let answer = self.ask(step, "/v2/", patience).await?;
        let header = answer.header("www-authenticate").unwrap_or_default();
        match (
            challenge::parameter(header, "realm"),
            challenge::parameter(header, "service"),
        ) {
            (Some(realm), Some(service))
                if answer.status() == 401 && realm.ends_with(TOKEN_PATH) =>
            {
                let foreign_realm = challenge::foreign_realm(&answer, &self.client);
                Ok(Recognised {
                    service,
                    foreign_realm,
                })
            }
            _ if answer.status() >= 500 => Err(IntegrationError::RegistryUnavailable {
                context: Box::new(answer.context()),
                retry_after: None,
            }),
            _ => Err(IntegrationError::RegistryTypeError {
                context: Box::new(answer.context()),
            }),
        }
    }

    /// The version that the server states; it may be older than the server.
    pub(super) async fn stated_version(&self) -> Option<String> {
        let answer = self
            .ask(Step::Version, "/config", Patience::Probe)
            .await
            .ok()?;
        answer.json::<ConfigWire>().ok()?.version_number
    }

    /// Asks the token service to let `account` in. A refusal holds its words.
    pub(super) async fn log_in(
        &self,
        step: Step,
        service: &str,
        account: &Account,
    ) -> Result<Answer, IntegrationError> {
        let query = [("service", service)];
        let request = self
            .client
            .get(step, url(&self.client, TOKEN_PATH, &query))
            .account(account);
        request.patience(Patience::Probe).send().await
    }

    async fn ask(
        &self,
        step: Step,
        path: &str,
        patience: Patience,
    ) -> Result<Answer, IntegrationError> {
        let request = self.client.get(step, url(&self.client, path, &[]));
        request.patience(patience).send().await
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

/// A Quay by its challenge.
#[derive(Debug)]
pub(super) struct Recognised {
    /// The name that its tokens are made for.
    pub(super) service: String,
    /// The host of its token service, where that may not receive credentials.
    pub(super) foreign_realm: Option<String>,
}
