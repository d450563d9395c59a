use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::json;

use super::{
    api::Api,
    connection::{Connection, url},
    wire::{CsrfWire, SignInWire},
};
use crate::{
    config::{self, SecretValue, SessionUse},
    connector::session::SignIn,
    error::{IntegrationError, Step, Violation},
    http::{Account, Answer, Cookies, RequestCount},
};

/// Signing in as the web page does: the session acts as the user and costs no bcrypt. Recorded on
/// Quay 3.
#[derive(Debug)]
pub(super) struct PageSignIn {
    connection: Arc<Connection>,
    login: config::Account,
    /// All that are to be listed: the user must administer each.
    organizations: Vec<Api>,
    requests: RequestCount,
    /// The last token against forgery; one from before the sign-in is refused.
    csrf: Mutex<Option<SecretValue>>,
}

impl PageSignIn {
    /// None where the configuration does not ask for it.
    pub(super) fn wanted(
        connection: &Arc<Connection>,
        organizations: &[Api],
        requests: &RequestCount,
    ) -> Option<Self> {
        let login = connection.config.account()?;
        (connection.config.session() == SessionUse::Always).then(|| Self {
            connection: Arc::clone(connection),
            login: login.clone(),
            organizations: organizations.to_vec(),
            requests: requests.clone(),
            csrf: Mutex::default(),
        })
    }

    async fn post(
        &self,
        path: &str,
        session: &Account,
        body: serde_json::Value,
    ) -> Result<Answer, IntegrationError> {
        let client = &self.connection.client;
        let csrf = self
            .csrf
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let answer = client
            .post(Step::Credentials, url(client, path, &[]))
            .account(session)
            .header(
                "x-csrf-token",
                csrf.as_ref().map_or("", SecretValue::expose),
            )
            .json(&body)
            .counted(&self.requests)
            .send()
            .await?;
        self.saw(&answer);
        Ok(answer)
    }

    fn keep_csrf(&self, token: String) {
        let mut csrf = self.csrf.lock().unwrap_or_else(PoisonError::into_inner);
        *csrf = Some(SecretValue::new(token));
    }
}

#[async_trait]
impl SignIn for PageSignIn {
    async fn sign_in(&self) -> Result<Option<Account>, IntegrationError> {
        let connection = &self.connection;
        let client = &connection.client;
        let login = connection.login(&self.login).await?;
        let password = login.password.clone();
        let puller = connection.puller(login);
        if puller.is_refused() {
            return Ok(None);
        }
        let mut cookies = Cookies::default();
        let with = |cookies: &Cookies| Account::session(client.origin(), cookies, None);
        let visit = client
            .get(Step::Credentials, url(client, "/csrf_token", &[]))
            .account(&with(&cookies))
            .counted(&self.requests)
            .send()
            .await?;
        self.keep_csrf(visit.json::<CsrfWire>()?.csrf_token);
        cookies.take(&visit);
        let body = json!({ "username": self.login.username, "password": password.expose() });
        let answer = self.post("/api/v1/signin", &with(&cookies), body).await?;
        let told: SignInWire = answer.json()?;
        if answer.status() != 200 || !told.success {
            if told.invalid_credentials {
                puller.refuse();
            }
            return Err(answer.violation(Violation::Status));
        }
        cookies.take(&answer);
        Ok(Some(with(&cookies)))
    }

    async fn is_worth(&self, session: &Account) -> Result<bool, IntegrationError> {
        for api in &self.organizations {
            if !api.by(session).is_administered().await? {
                tracing::info!(
                    organization = api.organization(),
                    "the user does not administer it: listing goes on without a session"
                );
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn saw(&self, answer: &Answer) {
        if let Some(next) = answer.header("x-next-csrf-token") {
            self.keep_csrf(next.to_owned());
        }
    }

    async fn sign_out(&self, session: &Account) -> Result<(), IntegrationError> {
        let answer = self.post("/api/v1/signout", session, json!({})).await?;
        match answer.status() {
            200 => Ok(()),
            _ => Err(answer.violation(Violation::Status)),
        }
    }
}
