use super::session::Harbor;
use crate::{
    connector::{
        PullAccess, PullCredential,
        pull_token::{self, Grant, Token},
    },
    error::{IntegrationError, Step},
    http::{Account, Patience, RequestCount},
    image::Location,
};

impl Harbor {
    /// Access by the account's own name and secret, which the token service takes of users and
    /// robots alike, and `/v2/` itself since 2.0.
    pub(super) async fn pull_access(
        &self,
        location: &Location,
    ) -> Result<PullAccess, IntegrationError> {
        self.client.guard_access(self.client.origin())?;
        let credential = PullCredential::Basic {
            username: self.login.username.clone(),
            password: self.secret().await?,
        };
        let access = PullAccess::at(&self.config, location, credential);
        Ok(access.with_egress(self.client.egress().clone()))
    }

    /// Access by a token for one repository.
    pub(super) async fn pull_token(
        &self,
        location: &Location,
    ) -> Result<PullAccess, IntegrationError> {
        let account = self.account().await?;
        let repository = location.repository.to_string();
        let token = self
            .token(
                Step::Pull,
                &account,
                Some(Grant::pull(&repository)),
                (&RequestCount::new(), Patience::Run),
            )
            .await?;
        let access = token.access(&self.config, location);
        Ok(access.with_egress(self.client.egress().clone()))
    }

    /// A token of the token service, for this right or, without one, as a proof of the account
    /// alone. The service answers refused credentials with a token for nobody.
    pub(super) async fn token(
        &self,
        step: Step,
        account: &Account,
        grant: Option<Grant<'_>>,
        (requests, patience): (&RequestCount, Patience),
    ) -> Result<Token, IntegrationError> {
        // The challenge is not asked: its realm is the external URL, which may lead past the
        // configured address, and every Harbor calls its service by this name.
        let scope = grant.map(|grant| grant.scope());
        let mut query = vec![("service", "harbor-registry")];
        query.extend(scope.as_deref().map(|scope| ("scope", scope)));
        let answer = self
            .client
            .get(step, self.url("/service/token", &query))
            .account(account)
            .counted(requests)
            .patience(patience)
            .refused_where(pull_token::is_for_nobody)
            .send()
            .await?;
        pull_token::read(&answer, grant, &**self.client.clock())
    }
}
