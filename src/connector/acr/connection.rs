use std::{fmt, sync::Arc};

use super::{
    credentials::{AccessKey, Keys},
    signer::{Nonce, nonces},
};
use crate::{
    config::{AcrSettings, IntegrationConfig},
    connector::ConnectContext,
    error::{BoxError, ErrorContext, IntegrationError, Step},
    http::{Budget, HttpClient},
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
