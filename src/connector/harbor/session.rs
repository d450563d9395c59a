use std::sync::{Mutex, PoisonError};

use url::Url;

use super::{answers::Identity, server::Server};
use crate::{
    config::{self, IntegrationConfig, RequiredRole, SecretValue},
    connector::{ConnectContext, Verification, Warning, challenge},
    error::{IntegrationError, Step},
    http::{Account, HttpClient, Patience},
    image::RegistryKind,
};

/// What both generations of Harbor connectors hold: the way to the server and the account.
#[derive(Debug)]
pub(super) struct Harbor {
    pub(super) client: HttpClient,
    pub(super) config: IntegrationConfig,
    pub(super) login: config::Account,
    /// The account of the last connection, with its gate: a password that was refused is not
    /// tried again until it is another one.
    account: Mutex<Option<Account>>,
}

impl Harbor {
    pub(super) fn new(
        config: &IntegrationConfig,
        context: &ConnectContext,
    ) -> Result<Self, IntegrationError> {
        let client = context.client(config)?;
        let Some(login) = config.account().cloned() else {
            return Err(IntegrationError::ConfigInvalid {
                context: Box::new(client.context(Step::Config)),
                field: "username",
                source: "is missing".into(),
            });
        };
        Ok(Self {
            client,
            login,
            config: config.clone(),
            account: Mutex::new(None),
        })
    }

    /// The account by its present secret; the same one, gate included, while the secret is the
    /// same, save where all refusals may have been a lock-out by somebody else.
    pub(super) async fn account(&self) -> Result<Account, IntegrationError> {
        let secret = self.secret().await?;
        let mut known = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        let usable =
            |account: &&Account| account.has_secret(&secret) && !account.may_be_locked_out();
        if let Some(account) = known.as_ref().filter(usable) {
            return Ok(account.clone());
        }
        let account = Account::basic(&self.login.username, secret.into_inner());
        *known = Some(account.clone());
        Ok(account)
    }

    /// The account with an open gate: an operator asks for a verification because something may
    /// have changed at the server.
    pub(super) async fn fresh_account(&self) -> Result<Account, IntegrationError> {
        let account = Account::basic(&self.login.username, self.secret().await?.into_inner());
        *self.account.lock().unwrap_or_else(PoisonError::into_inner) = Some(account.clone());
        Ok(account)
    }

    pub(super) async fn secret(&self) -> Result<SecretValue, IntegrationError> {
        self.login
            .password
            .resolve()
            .await
            .map_err(|error| IntegrationError::ConfigInvalid {
                context: Box::new(self.client.context(Step::Config)),
                field: "password",
                source: Box::new(error),
            })
    }

    /// Whether an account of this identity fulfils the configured role.
    pub(super) fn admits(&self, identity: Identity) -> Result<(), IntegrationError> {
        match self.config.required_role() {
            RequiredRole::Admin if identity != Identity::Admin => Err(self.lacks_role(identity)),
            _ => Ok(()),
        }
    }

    pub(super) fn lacks_role(&self, identity: Identity) -> IntegrationError {
        IntegrationError::UserDoesNotHaveAdminRole {
            context: Box::new(self.client.context(Step::Role)),
            account: identity.kind(),
        }
    }

    /// A report that holds what the configuration already tells.
    pub(super) fn report(&self, kind: RegistryKind) -> Verification {
        let warnings = self.config.warnings().iter().copied();
        Verification::new(kind, warnings.map(Warning::Config).collect())
    }

    /// The first steps of a verification: the secret is there, and a Harbor answers.
    pub(super) async fn reach(&self, report: &mut Verification) -> Option<(Server, Account)> {
        let (host, clock) = (self.client.authority(), &**self.client.clock());
        let configured = async {
            self.client.ready().await?;
            self.fresh_account().await
        };
        let account = report.probe(clock, Step::Config, host, configured).await?;
        let endpoint = self.config.endpoint();
        self.client.forget_connections();
        let server = report.reach(clock, endpoint, self.recognise()).await?;
        Some((server, account))
    }

    /// Where the registry sends its clients for tokens, if that is another host than credentials may go
    /// to. Connectors go past it; who pulls may not.
    pub(super) async fn warn_of_foreign_realm(&self, report: &mut Verification) {
        let request = self.client.get(Step::Pull, self.url("/v2/", &[]));
        if let Ok(answer) = request.patience(Patience::Probe).send().await
            && let Some(host) = challenge::foreign_realm(&answer, &self.client)
        {
            report.warnings.push(Warning::ForeignRealm { host });
        }
    }

    /// The address of `path`, which is already percent-encoded, with its query.
    pub(super) fn url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.client.origin().clone();
        url.set_path(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}
