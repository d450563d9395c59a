use std::sync::Arc;

use super::{connection::url, wire::OrganizationWire};
use crate::{
    connector::session::{self, Session},
    error::{AccountKind, ErrorContext, IntegrationError, Step, Violation},
    http::{Account, Answer, HttpClient, Patience, RequestCount},
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
    pub(super) client: HttpClient,
    pub(super) organization: String,
    pub(super) account: Account,
    /// Used before the account where there is one.
    pub(super) session: Option<Arc<Session>>,
    pub(super) requests: RequestCount,
    pub(super) patience: Patience,
}

impl Api {
    pub(super) async fn get(
        &self,
        step: Step,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Answer, IntegrationError> {
        let url = url(&self.client, path, query);
        let request = |account: &Account| {
            let request = self.client.get(step, url.clone()).account(account);
            request.counted(&self.requests).patience(self.patience)
        };
        session::send(self.session.as_ref(), &self.account, request).await
    }

    /// Whether the organisation exists, and whether it shows itself as to its administrator.
    pub(super) async fn is_administered(&self) -> Result<bool, IntegrationError> {
        let path = format!("/api/v1/organization/{}", self.organization);
        let answer = self.get(Step::Credentials, &path, &[]).await?;
        match answer.status() {
            200 => Ok(answer.json::<OrganizationWire>()?.is_admin),
            _ => Err(self.refusal(&answer)),
        }
    }

    /// What the token is worth. A bad token is served as a stranger everywhere else: only the list
    /// of members refuses it, with 401, and a valid one that administers nothing with 403.
    pub(super) async fn standing(&self) -> Result<Standing, IntegrationError> {
        let path = format!("/api/v1/organization/{}/members", self.organization);
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

    /// What a status other than 200 says.
    pub(super) fn refusal(&self, answer: &Answer) -> IntegrationError {
        let context = Box::new(answer.context());
        match answer.status() {
            403 => IntegrationError::TokenScopeMissing {
                context,
                scope: "repo:read",
            },
            404 if answer.is_json() => IntegrationError::NamespaceNotFound {
                context,
                namespace: self.organization.clone(),
            },
            500.. => IntegrationError::RegistryUnavailable {
                context,
                retry_after: None,
            },
            _ => answer.violation(Violation::Status),
        }
    }

    pub(super) fn context(&self, step: Step) -> Box<ErrorContext> {
        let context = self.client.context(step);
        Box::new(context.with_subject(&self.organization))
    }
}
