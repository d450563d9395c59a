use std::time::Duration;

use async_trait::async_trait;

use super::{api::Api, wire::SystemInfoWire};
use crate::{
    config::{Protocol, SessionUse},
    connector::{harbor::answers::Identity, session::SignIn},
    error::{IntegrationError, Step, Violation},
    http::{Account, Answer, Cookies, Patience, RequestBuilder},
};

/// A server that takes longer to answer the first `users/current` hashes slowly: since 2.15.2 each
/// request with a password costs 600,000 rounds, before it 4,096.
const CHEAP_HASH: Duration = Duration::from_millis(100);

const CSRF_TOKEN: &str = "x-harbor-csrf-token";
/// A stranger, also one whose session has ended, is given a new one.
const SESSION: &str = "sid";

/// Signing in by the form of the web page, which costs one hash for a whole run. Recorded on 2.5,
/// 2.11, 2.12 and 2.15.
#[derive(Debug)]
pub(super) struct FormSignIn {
    api: Api,
    identity: Identity,
    /// Only users of Harbor's own database.
    only_own_users: bool,
}

impl FormSignIn {
    /// None where the configuration, the account or the server speaks against a session.
    pub(super) fn wanted(api: &Api, identity: Identity, hashed: Duration) -> Option<Self> {
        let config = &api.harbor.config;
        let endpoint = config.endpoint();
        let is_auto = config.session() == SessionUse::Auto;
        let is_private = endpoint.protocol() == Protocol::Https || endpoint.is_loopback();
        let is_wanted = match config.session() {
            SessionUse::Never => false,
            SessionUse::Auto => is_private && hashed > CHEAP_HASH,
            SessionUse::Always => true,
        };
        (is_wanted && identity != Identity::Robot).then(|| Self {
            api: api.clone(),
            identity,
            only_own_users: is_auto,
        })
    }

    fn get(&self, path: &str) -> RequestBuilder<'_> {
        let harbor = &self.api.harbor;
        harbor
            .client
            .get(Step::Credentials, harbor.url(path, &[]))
            .counted(&self.api.requests)
            .patience(self.api.patience)
    }

    fn session(&self, cookies: &Cookies, ended_by: Option<&'static str>) -> Account {
        Account::session(self.api.harbor.client.origin(), cookies, ended_by)
    }

    async fn post(&self, cookies: &Cookies, csrf: &str) -> Result<Answer, IntegrationError> {
        let harbor = &self.api.harbor;
        let password = harbor.secret().await?;
        let fields = [
            ("principal", harbor.login.username.as_str()),
            ("password", password.expose()),
        ];
        harbor
            .client
            .post(Step::Credentials, harbor.url("/c/login", &[]))
            .account(&self.session(cookies, None))
            .header(CSRF_TOKEN, csrf)
            .form(&fields)
            .counted(&self.api.requests)
            .send()
            .await
    }
}

#[async_trait]
impl SignIn for FormSignIn {
    async fn sign_in(&self) -> Result<Option<Account>, IntegrationError> {
        let mut cookies = Cookies::default();
        let stranger = self.get("/api/v2.0/systeminfo").send().await?;
        let system: SystemInfoWire = stranger.json()?;
        if self.only_own_users && system.auth_mode.as_deref() != Some("db_auth") {
            return Ok(None);
        }
        cookies.take(&stranger);
        // The token against forgery is handed out with the second answer.
        let visitor = self.session(&cookies, None);
        let visit = self.get("/api/v2.0/systeminfo").account(&visitor);
        let visit = visit.send().await?;
        cookies.take(&visit);
        let csrf = visit
            .header(CSRF_TOKEN)
            .ok_or_else(|| visit.violation(Violation::Header("X-Harbor-CSRF-Token")))?;
        let answer = self.post(&cookies, csrf).await?;
        if answer.status() != 200 {
            return Err(answer.violation(Violation::Status));
        }
        cookies.take(&answer);
        Ok(Some(self.session(&cookies, Some(SESSION))))
    }

    async fn is_worth(&self, session: &Account) -> Result<bool, IntegrationError> {
        let by_session = Api {
            account: session.clone(),
            ..self.api.clone()
        };
        let (identity, _) = by_session.identify().await?;
        Ok(identity == self.identity)
    }

    async fn sign_out(&self, session: &Account) -> Result<(), IntegrationError> {
        self.get("/c/log_out")
            .account(session)
            .patience(Patience::Probe)
            .send()
            .await
            .map(drop)
    }
}
