use std::fmt;

use serde::{Deserialize, Deserializer};

use super::{Config, ConfigErrors, IntegrationConfig, document, tree::Value};

/// A document of integrations as it was read, not judged yet: the way from serde to a [`Config`].
///
/// It takes whatever stands there, from any self-describing format and anywhere in a document, so
/// that no error arises that would quote a password; [`validate`](Self::validate) then names every
/// fault. Only what the format itself cannot read fails before, with the format's own error: that
/// of the `toml` crate quotes the line unless its `message()` is shown alone.
///
/// ```
/// use registry_intake::config::ConfigDraft;
///
/// let draft: ConfigDraft = serde_json::from_str(r#"{ "integrations": [{ "name": "a" }] }"#)?;
/// let errors = draft.validate().unwrap_err();
/// assert!(errors.to_string().contains(r#"integration "a": type is missing"#));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct ConfigDraft(Value);

impl ConfigDraft {
    /// Judges the document.
    ///
    /// # Errors
    /// [`ConfigErrors`] with every fault of every integration.
    pub fn validate(self) -> Result<Config, ConfigErrors> {
        Config::read(self.0)
    }
}

/// Drafts that were read one by one, as the document in which they stand in this order.
impl FromIterator<IntegrationDraft> for ConfigDraft {
    fn from_iter<I: IntoIterator<Item = IntegrationDraft>>(drafts: I) -> Self {
        let items = drafts.into_iter().map(|draft| draft.0).collect();
        let integrations = document::INTEGRATIONS.to_owned();
        Self(Value::Table(vec![(integrations, Value::Array(items))]))
    }
}

/// One integration as it was read, not judged yet: a [`ConfigDraft`] for who embeds integrations
/// in a configuration of their own.
///
/// ```
/// use registry_intake::config::{ConfigDraft, IntegrationDraft};
///
/// #[derive(serde::Deserialize)]
/// struct Scanner {
///     registries: Vec<IntegrationDraft>,
/// }
///
/// let scanner: Scanner = toml::from_str(
///     r#"
///     [[registries]]
///     name = "harbor-prod"
///     type = "harbor"
///     version = "V2"
///     domain = "harbor.example.com"
///     username = "admin"
///     password = { env = "HARBOR_PASSWORD" }
///     "#,
/// )?;
/// let config = scanner.registries.into_iter().collect::<ConfigDraft>().validate()?;
/// assert_eq!(config.integrations[0].name(), "harbor-prod");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct IntegrationDraft(Value);

impl IntegrationDraft {
    /// Judges the integration by itself. Collect several to a [`ConfigDraft`], which also sees to
    /// it that their names differ.
    ///
    /// # Errors
    /// [`ConfigErrors`] with every fault.
    pub fn validate(self) -> Result<IntegrationConfig, ConfigErrors> {
        document::read_alone(self.0)
    }
}

macro_rules! opaque_draft {
    ($($draft:ident),+) => {$(
        impl<'de> Deserialize<'de> for $draft {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Value::deserialize(deserializer).map(Self)
            }
        }

        /// Shows nothing of the content, which may be a password anywhere.
        impl fmt::Debug for $draft {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($draft)).finish_non_exhaustive()
            }
        }
    )+};
}

opaque_draft!(ConfigDraft, IntegrationDraft);
