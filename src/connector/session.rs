use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use serde::de::IgnoredAny;
use tokio::sync::Mutex;

use crate::{
    error::{ErrorCode, IntegrationError},
    http::{Account, Answer, RequestBuilder},
};

/// How a registry lets a user in as its web page does.
#[async_trait]
pub(super) trait SignIn: Debug + Send + Sync {
    /// Signs in. None where the server has no session for this account.
    async fn sign_in(&self) -> Result<Option<Account>, IntegrationError>;

    /// Whether the session is worth as much as the account, proved by a request.
    async fn is_worth(&self, session: &Account) -> Result<bool, IntegrationError>;

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
        let state = State {
            open: enter(&sign_in).await,
            is_left: false,
            is_renewed: false,
        };
        Arc::new(Self {
            sign_in: Box::new(sign_in),
            state: Mutex::new(state),
        })
    }

    /// The session's answer, if there is still a session and it answers as the API does.
    async fn answer<'c>(
        &self,
        request: &(impl Fn(&Account) -> RequestBuilder<'c> + Send + Sync),
    ) -> Result<Option<Answer>, IntegrationError> {
        while let Some((session, is_renewed)) = self.current().await {
            match request(&session).send().await {
                Ok(answer) => {
                    self.sign_in.saw(&answer);
                    if is_the_apis(&answer) {
                        return Ok(Some(answer));
                    }
                    self.leave().await;
                }
                Err(error) => match error.code() {
                    ErrorCode::FailedToVerifyUsernameOrPwd => self.renew(is_renewed).await,
                    ErrorCode::ProtocolViolation => self.leave().await,
                    _ => return Err(error),
                },
            }
        }
        Ok(None)
    }

    /// Signs out.
    pub(super) async fn close(&self) {
        let Some(open) = self.state.lock().await.open.take() else {
            return;
        };
        leave(&*self.sign_in, &open).await;
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

    async fn leave(&self) {
        tracing::info!("the session is answered otherwise: listing goes on without one");
        self.state.lock().await.is_left = true;
    }
}

/// Sends a request by the session where there is one, else by the account.
pub(super) async fn send<'c>(
    session: Option<&Arc<Session>>,
    account: &Account,
    request: impl Fn(&Account) -> RequestBuilder<'c> + Send + Sync,
) -> Result<Answer, IntegrationError> {
    if let Some(session) = session
        && let Some(answer) = session.answer(&request).await?
    {
        return Ok(answer);
    }
    request(account).send().await
}

/// Whether it needs no second answer by the account: whatever else comes may be the session's fault.
fn is_the_apis(answer: &Answer) -> bool {
    match answer.status() {
        200 => answer.json::<IgnoredAny>().is_ok(),
        status => status == 404,
    }
}

/// A session that is worth as much as the account. Any other is signed out again.
async fn enter(sign_in: &dyn SignIn) -> Option<Account> {
    let none = |error| tracing::info!(%error, "no session: listing goes on without one");
    let session = sign_in.sign_in().await.map_err(none).ok()??;
    if let Ok(true) = sign_in.is_worth(&session).await.map_err(none) {
        return Some(session);
    }
    leave(sign_in, &session).await;
    None
}

/// Signs out. What goes wrong with that is only logged: the server ends the session by itself.
async fn leave(sign_in: &dyn SignIn, session: &Account) {
    if let Err(error) = sign_in.sign_out(session).await {
        tracing::debug!(%error, "could not sign out");
    }
}
