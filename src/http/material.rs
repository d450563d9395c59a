use secrecy::{ExposeSecret, SecretString};

use super::client::ConnectionSettings;
use crate::{
    config::{Pem, PemError, Secret, SecretError},
    error::BoxError,
};

/// What a connection needs beside its settings: what stands in files and what is secret.
#[derive(Default, Clone)]
pub(super) struct Material {
    pub(super) ca_bundle: Option<String>,
    pub(super) certificate: Option<String>,
    pub(super) key: Option<SecretString>,
    pub(super) proxy_password: Option<SecretString>,
}

/// A setting that cannot be used, by the name of its field.
#[derive(Debug, thiserror::Error)]
#[error("{field} cannot be used")]
pub(super) struct Unusable {
    pub(super) field: &'static str,
    pub(super) source: BoxError,
}

impl Unusable {
    pub(super) fn new(field: &'static str, source: impl Into<BoxError>) -> Self {
        Self {
            field,
            source: source.into(),
        }
    }
}

impl Material {
    /// What is not secret, which is there without waiting.
    pub(super) fn public(settings: &ConnectionSettings) -> Result<Self, Unusable> {
        let tls = &settings.tls;
        let identity = tls.client_identity.as_ref();
        Ok(Self {
            ca_bundle: read("tls.ca_bundle", tls.ca_bundle.as_ref())?,
            certificate: read(
                "tls.client_certificate",
                identity.map(|identity| &identity.certificate),
            )?,
            ..Self::default()
        })
    }

    /// All of it as it is now.
    pub(super) async fn whole(settings: &ConnectionSettings) -> Result<Self, Unusable> {
        let public = settings.clone();
        let material = tokio::task::spawn_blocking(move || Self::public(&public))
            .await
            .map_err(|stopped| Unusable::new("tls", stopped))??;
        let identity = settings.tls.client_identity.as_ref();
        let password = settings
            .proxy
            .as_ref()
            .and_then(|proxy| proxy.password.as_ref());
        Ok(Self {
            key: resolve("tls.client_key", identity.map(|identity| &identity.key)).await?,
            proxy_password: resolve("proxy.password", password).await?,
            ..material
        })
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        let same = |one: &Option<SecretString>, other: &Option<SecretString>| {
            let exposed = |secret: &Option<SecretString>| {
                secret
                    .as_ref()
                    .map(|secret| secret.expose_secret().to_owned())
            };
            exposed(one) == exposed(other)
        };
        self.ca_bundle == other.ca_bundle
            && self.certificate == other.certificate
            && same(&self.key, &other.key)
            && same(&self.proxy_password, &other.proxy_password)
    }
}

/// Whether any of it must be waited for.
pub(super) fn holds_secrets(settings: &ConnectionSettings) -> bool {
    let has_password = |proxy: &crate::config::ProxySettings| proxy.password.is_some();
    settings.tls.client_identity.is_some() || settings.proxy.as_ref().is_some_and(has_password)
}

/// Whether any of it may change while the connection is in use.
pub(super) fn may_change(settings: &ConnectionSettings) -> bool {
    let tls = &settings.tls;
    let identity = tls.client_identity.as_ref();
    let password = settings
        .proxy
        .as_ref()
        .and_then(|proxy| proxy.password.as_ref());
    let is_fixed = tls.ca_bundle.as_ref().is_none_or(Pem::is_fixed)
        && identity
            .is_none_or(|identity| identity.certificate.is_fixed() && identity.key.is_fixed())
        && password.is_none_or(Secret::is_fixed);
    !is_fixed
}

fn read(field: &'static str, pem: Option<&Pem>) -> Result<Option<String>, Unusable> {
    let read = pem.map(Pem::read).transpose();
    read.map_err(|error: PemError| Unusable::new(field, error))
}

async fn resolve(
    field: &'static str,
    secret: Option<&Secret>,
) -> Result<Option<SecretString>, Unusable> {
    match secret {
        Some(secret) => secret
            .resolve()
            .await
            .map(|value| Some(value.into_inner()))
            .map_err(|error: SecretError| Unusable::new(field, error)),
        None => Ok(None),
    }
}
