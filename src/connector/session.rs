use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use tokio::sync::Mutex;

use crate::{
    error::{ErrorCode, IntegrationError},
    http::{Account, Answer, RequestBuilder},
};

/// How a registry lets a user in as its web page does.
#[async_trait]
pub(super) trait SignIn: Debug + Send + Sync {
    /// Signs in, and proves by a request of the session that it is worth as much as the account.
    /// None where it is not, or where the server has no session for this account.
    async fn sign_in(&self) -> Result<Option<Account>, IntegrationError>;

    /// Looks at an answer of the session.
    fn saw(&self, _answer: &Answer) {}

    /// Ends the session at the server.
    async fn sign_out(&self, session: &Account) -> Result<(), IntegrationError>;
}

/// The session of one run, as long as there is one. Where it ends it is renewed, once; on any
/// surprise it is left for good, and requests are sent with the account's own credentials.
#[derive(Debug)]
pub(super) struct Session {
    sign_in: Box<dyn SignIn>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What is open at the server.
    open: Option<Account>,
    is_left: bool,
    is_renewed: bool,
}

impl Session {
    pub(super) async fn open(sign_in: impl SignIn + 'static) -> Arc<Self> {
        let open = enter(&sign_in).await;
        let state = State {
            open,
            is_left: false,
            is_renewed: false,
        };
        Arc::new(Self {
            sign_in: Box::new(sign_in),
            state: Mutex::new(state),
        })
    }

    /// Sends a request by the session, or by `account` where there is none any more.
    pub(super) async fn send<'c>(
        &self,
        account: &Account,
        request: impl Fn(&Account) -> RequestBuilder<'c> + Send + Sync,
    ) -> Result<Answer, IntegrationError> {
        while let Some((session, is_renewed)) = self.current().await {
            match request(&session).send().await {
                Ok(answer) if answer.status() == 403 => self.leave("refused a request").await,
                Ok(answer) => {
                    self.sign_in.saw(&answer);
                    return Ok(answer);
                }
                Err(error) if error.code() == ErrorCode::FailedToVerifyUsernameOrPwd => {
                    self.renew(is_renewed).await;
                }
                Err(error) => return Err(error),
            }
        }
        request(account).send().await
    }

    /// Signs out. What goes wrong with that is only logged: the server ends the session by itself.
    pub(super) async fn close(&self) {
        let Some(open) = self.state.lock().await.open.take() else {
            return;
        };
        if let Err(error) = self.sign_in.sign_out(&open).await {
            tracing::debug!(%error, "could not sign out");
        }
    }

    async fn current(&self) -> Option<(Account, bool)> {
        let state = self.state.lock().await;
        let open = state.open.clone().filter(|_| !state.is_left)?;
        Some((open, state.is_renewed))
    }

    /// Others wait meanwhile, and find the session renewed.
    async fn renew(&self, was_renewed: bool) {
        let mut state = self.state.lock().await;
        if state.is_renewed != was_renewed {
            return;
        }
        state.open = if was_renewed {
            tracing::info!("the session ended again: listing goes on without one");
            None
        } else {
            enter(&*self.sign_in).await
        };
        state.is_renewed = true;
    }

    async fn leave(&self, why: &str) {
        tracing::info!("the session {why}: listing goes on without one");
        self.state.lock().await.is_left = true;
    }
}

async fn enter(sign_in: &dyn SignIn) -> Option<Account> {
    match sign_in.sign_in().await {
        Ok(session) => session,
        Err(error) => {
            tracing::info!(%error, "no session: listing goes on without one");
            None
        }
    }
}
