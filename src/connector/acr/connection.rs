use std::{fmt, sync::Arc};

use url::Url;

use super::{
    credentials::{AccessKey, Keys},
    fault::violation,
    pull::Login,
    signer::{Nonce, nonces},
};
use crate::{
    config::{AcrSettings, IntegrationConfig},
    connector::{ConnectContext, PullAccess},
    error::{BoxError, ErrorContext, IntegrationError, Step, Violation},
    http::{Budget, HttpClient},
    image::Location,
};

/// The way to the API of one region, and whose rights are used there.
pub(super) struct Connection {
    pub(super) client: HttpClient,
    pub(super) config: IntegrationConfig,
    pub(super) settings: AcrSettings,
    pub(super) keys: Keys,
    pub(super) nonce: Nonce,
    context: ConnectContext,
    /// As the inventory knows the registry.
    pub(super) registry_name: String,
}

impl Connection {
    pub(super) fn new(
        config: &IntegrationConfig,
        context: &ConnectContext,
    ) -> Result<Self, IntegrationError> {
        let client = context.client(config)?;
        let settings = config.acr().cloned().ok_or_else(|| {
            let source: BoxError = "the integration is none of ACR".into();
            IntegrationError::ConfigInvalid {
                context: Box::new(client.context(Step::Config)),
                field: "type",
                source,
            }
        })?;
        Ok(Self {
            keys: Keys::new(
                &settings.credentials,
                config,
                client.authority(),
                context.clock(),
            ),
            registry_name: config.registry_name(),
            config: config.clone(),
            settings,
            client,
            nonce: nonces(),
            context: context.clone(),
        })
    }

    /// The region that is configured.
    pub(super) fn region(&self) -> &str {
        self.config.region_id().unwrap_or_default()
    }

    /// What the account of this key may still send. Unless the configuration names the account, every
    /// AccessKey stands for itself: to whom it belongs is told by none. Temporary keys change, and are
    /// all those of the chain.
    pub(super) fn budget(&self, key: &AccessKey) -> Arc<Budget> {
        let account = match (&self.settings.account_id, &key.security_token) {
            (Some(id), _) => id,
            (None, Some(_)) if key.ends.is_some() => "the default chain",
            _ => key.id.as_str(),
        };
        self.context
            .budget(account, self.settings.requests_per_second)
    }

    /// Access to what lies at this domain, where connections may go there.
    pub(super) fn access(
        &self,
        login: Login,
        domain: &str,
        location: &Location,
    ) -> Result<PullAccess, IntegrationError> {
        let origin = Url::parse(&format!("https://{domain}")).map_err(|source| {
            let context = self.at(Step::Pull, domain);
            violation(context, Violation::Body, Some(source.into()))
        })?;
        self.client.guard_access(&origin)?;
        let access = login.access(domain, &self.config, location);
        Ok(access.with_egress(self.client.egress().clone()))
    }

    /// The context of an error that no answer belongs to.
    pub(super) fn at(&self, step: Step, subject: impl Into<String>) -> Box<ErrorContext> {
        Box::new(self.client.context(step).with_subject(subject))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("registry", &self.registry_name)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}
