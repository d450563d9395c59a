use std::sync::Arc;

use tokio::sync::OnceCell;

use super::{
    connection::{Connection, url},
    wire::OrganizationWire,
};
use crate::{
    config::Namespace,
    connector::session::{self, Session},
    error::{AccountKind, ErrorContext, IntegrationError, Step, Violation},
    http::{Account, Answer, Patience, RequestCount},
    image::RepositoryName,
};

/// What a token is worth in its organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is an administrator's, with the right to administer.
    Admin,
    /// It is valid, and no more is known.
    Other,
}

impl Standing {
    pub(super) fn must_be_admin(self, api: &Api) -> Result<(), IntegrationError> {
        match self {
            Self::Admin => Ok(()),
            Self::Other => Err(IntegrationError::UserDoesNotHaveAdminRole {
                context: api.context(Step::Role),
                account: AccountKind::User,
            }),
        }
    }
}

/// The API as one organisation's token sees it in one run.
#[derive(Debug, Clone)]
pub(super) struct Api {
    connection: Arc<Connection>,
    namespace: Namespace,
    /// Once the token could be read.
    account: OnceCell<Account>,
    /// Used before the account where there is one.
    pub(super) session: Option<Arc<Session>>,
    requests: RequestCount,
    patience: Patience,
}

impl Api {
    /// By the organisation's token.
    pub(super) fn new(
        connection: &Arc<Connection>,
        namespace: &Namespace,
        requests: &RequestCount,
        patience: Patience,
    ) -> Self {
        Self {
            connection: Arc::clone(connection),
            namespace: namespace.clone(),
            account: OnceCell::new(),
            session: None,
            requests: requests.clone(),
            patience,
        }
    }

    /// The same by another account.
    pub(super) fn by(&self, account: &Account) -> Self {
        Self {
            account: OnceCell::new_with(Some(account.clone())),
            ..self.clone()
        }
    }

    pub(super) fn organization(&self) -> &str {
        &self.namespace.organization
    }

    pub(super) async fn account(&self) -> Result<&Account, IntegrationError> {
        let by_token = async || {
            let token = self.connection.token(&self.namespace).await?;
            Ok(Account::bearer(token.into_inner()))
        };
        self.account.get_or_try_init(by_token).await
    }

    /// Whether the token could be read, and was not refused.
    pub(super) fn has_account(&self) -> bool {
        let account = self.account.get();
        account.is_some_and(|account| !account.is_refused())
    }

    pub(super) async fn get(
        &self,
        step: Step,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Answer, IntegrationError> {
        let client = &self.connection.client;
        let url = url(client, path, query);
        let request = |account: &Account| {
            let request = client.get(step, url.clone()).account(account);
            request.counted(&self.requests).patience(self.patience)
        };
        session::send(self.session.as_ref(), self.account().await?, request).await
    }

    /// Whether the organisation exists, and whether it shows itself as to its administrator.
    pub(super) async fn is_administered(&self) -> Result<bool, IntegrationError> {
        let path = format!("/api/v1/organization/{}", self.organization());
        let answer = self.get(Step::Credentials, &path, &[]).await?;
        match answer.status() {
            200 => Ok(answer.json::<OrganizationWire>()?.is_admin),
            _ => Err(self.refusal(&answer)),
        }
    }

    /// What the token is worth. A bad token is served as a stranger everywhere else: only the list
    /// of members refuses it, with 401, and a valid one that administers nothing with 403.
    pub(super) async fn standing(&self) -> Result<Standing, IntegrationError> {
        let path = format!("/api/v1/organization/{}/members", self.organization());
        let answer = self.get(Step::Credentials, &path, &[]).await?;
        match answer.status() {
            200 if answer.is_json() => Ok(Standing::Admin),
            // An unknown organisation is answered so too, and one whose administrator's token
            // lacks a scope.
            403 if self.is_administered().await? => Ok(Standing::Admin),
            403 => Ok(Standing::Other),
            _ => Err(self.refusal(&answer)),
        }
    }

    /// What a status other than 200 says to who asked for the organisation.
    pub(super) fn refusal(&self, answer: &Answer) -> IntegrationError {
        let context = Box::new(answer.context());
        match answer.status() {
            403 => IntegrationError::UserDoesNotHaveAdminRole {
                context: Box::new(context.with_subject(self.organization())),
                account: AccountKind::User,
            },
            404 if answer.is_json() => IntegrationError::NamespaceNotFound {
                context,
                namespace: self.organization().to_owned(),
            },
            500.. => IntegrationError::RegistryUnavailable {
                context,
                retry_after: None,
            },
            _ => answer.violation(Violation::Status),
        }
    }

    /// The same to who asked for a repository that the organisation's list has shown: the list
    /// itself checks no scope.
    pub(super) fn repository_refusal(
        &self,
        repository: &RepositoryName,
        answer: &Answer,
    ) -> IntegrationError {
        let context = Box::new(answer.context());
        match answer.status() {
            403 => IntegrationError::TokenScopeMissing {
                context,
                scope: "repo:read",
            },
            404 if answer.is_json() => IntegrationError::NamespaceNotFound {
                context,
                namespace: repository.to_string(),
            },
            _ => self.refusal(answer),
        }
    }

    pub(super) fn context(&self, step: Step) -> Box<ErrorContext> {
        let context = self.connection.client.context(step);
        Box::new(context.with_subject(self.organization()))
    }
}
