use std::{borrow::Cow, fmt};

use super::{RegistryType, chinese};
use crate::{
    error::{ErrorCode, ErrorRecord, Language},
    image::RegistryKind,
};

/// Every fault of a configuration, at least one. Shows nothing secret and no line of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    faults: Vec<ConfigFault>,
}

impl ConfigErrors {
    /// The faults, integration by integration.
    #[must_use]
    pub fn faults(&self) -> &[ConfigFault] {
        &self.faults
    }

    /// The faults as an operator reads them, a line each; in English the error's own text.
    #[must_use]
    pub fn message(&self, language: Language) -> String {
        match language {
            Language::English => self.to_string(),
            Language::SimplifiedChinese => chinese::errors(self),
        }
    }

    /// The stable code, [`ErrorCode::ConfigInvalid`].
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        ErrorCode::ConfigInvalid
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used")?;
        for fault in &self.faults {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl From<&ConfigErrors> for ErrorRecord {
    fn from(errors: &ConfigErrors) -> Self {
        let code = errors.code();
        // The remedy for a configuration is the same for every registry.
        let guidance = code.guidance(RegistryKind::HarborV2, Language::English);
        Self::new(code, errors, &guidance)
    }
}

/// One thing wrong with a configuration: where, what, and what is allowed there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    integration: Option<String>,
    position: Option<usize>,
    field: String,
    problem: ConfigProblem,
    allowed: Cow<'static, str>,
}

impl ConfigFault {
    /// The integration's name, if it has one and the fault is an integration's.
    #[must_use]
    pub fn integration(&self) -> Option<&str> {
        self.integration.as_deref()
    }

    /// The integration's place in the document, counted from 1.
    #[must_use]
    pub const fn position(&self) -> Option<usize> {
        self.position
    }

    /// The key, with the tables around it: `timeouts.connect`. `document` for the whole.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What is wrong.
    #[must_use]
    pub const fn problem(&self) -> &ConfigProblem {
        &self.problem
    }

    /// What is allowed instead, in English.
    #[must_use]
    pub fn allowed(&self) -> &str {
        &self.allowed
    }

    /// The fault in a line; in English its own text.
    #[must_use]
    pub fn message(&self, language: Language) -> String {
        match language {
            Language::English => self.to_string(),
            Language::SimplifiedChinese => chinese::fault(self),
        }
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.integration, self.position) {
            (Some(name), _) => write!(f, "integration {name:?}: ")?,
            (None, Some(position)) => write!(f, "integration number {position}: ")?,
            (None, None) => {}
        }
        write!(
            f,
            "{} {}; allowed: {}",
            self.field.escape_debug(),
            self.problem,
            self.allowed
        )
    }
}

/// What is wrong with a field. Values are shown only where nobody would put a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigProblem {
    /// The document is not written as its format demands.
    #[error("cannot be read at line {line}, column {column}")]
    Syntax {
        /// The line, counted from 1.
        line: usize,
        /// The column in characters, counted from 1.
        column: usize,
    },
    /// The key is required.
    #[error("is missing")]
    Missing,
    /// There is no such key.
    #[error("is no known key{}", meant(.suggestion))]
    UnknownKey {
        /// The known key that is spelled almost so.
        suggestion: Option<&'static str>,
    },
    /// The same key stands in one table twice.
    #[error("stands here more than once")]
    RepeatedKey,
    /// The value is of another type.
    #[error("is of type {found}")]
    WrongType {
        /// The type found.
        found: &'static str,
    },
    /// The number is too small or too large, or the word is none of those allowed.
    #[error("is {found}")]
    NotAllowed {
        /// The value found, cut to its beginning, quoted and escaped if it is text.
        found: String,
    },
    /// The text breaks a rule.
    #[error("{flaw}")]
    Malformed {
        /// The rule, as a phrase: "has a scheme".
        flaw: &'static str,
    },
    /// The key belongs to other types of registries.
    #[error("does not apply to type {registry_type}")]
    NotApplicable {
        /// The integration's type.
        registry_type: RegistryType,
    },
    /// Another integration has this name.
    #[error("is the same as that of integration number {first}")]
    NotUnique {
        /// The place of the first integration with this name, counted from 1.
        first: usize,
    },
}

fn meant(suggestion: &Option<&'static str>) -> String {
    suggestion.map_or_else(String::new, |key| format!(" (perhaps {key} is meant)"))
}

/// The beginning of a text, quoted and escaped, for a message.
pub(super) fn shown(text: &str) -> String {
    const LENGTH: usize = 40;
    let beginning: String = text.chars().take(LENGTH).collect();
    let ellipsis = if beginning.len() < text.len() {
        "…"
    } else {
        ""
    };
    format!("{beginning:?}{ellipsis}")
}

/// Collects the faults of one integration, or of a document.
#[derive(Default)]
pub(super) struct Faults {
    integration: Option<String>,
    position: Option<usize>,
    list: Vec<ConfigFault>,
}

impl Faults {
    pub(super) fn of(integration: Option<&str>, position: Option<usize>) -> Self {
        Self {
            integration: integration
                .filter(|name| !name.is_empty())
                .map(|name| name.chars().take(128).collect()),
            position,
            list: Vec::new(),
        }
    }

    pub(super) fn push(
        &mut self,
        field: impl Into<String>,
        problem: ConfigProblem,
        allowed: impl Into<Cow<'static, str>>,
    ) {
        self.list.push(ConfigFault {
            integration: self.integration.clone(),
            position: self.position,
            field: field.into(),
            problem,
            allowed: allowed.into(),
        });
    }

    /// Whether something about the field was already said, so that it is not called missing too.
    fn mention(&self, field: &str) -> bool {
        let inside = |rest: &str| rest.is_empty() || rest.starts_with('.');
        self.list
            .iter()
            .any(|fault| fault.field.strip_prefix(field).is_some_and(inside))
    }

    /// The value; where there is none, and nothing was said about the field yet, it is missing.
    pub(super) fn required<T>(
        &mut self,
        field: &str,
        value: Option<T>,
        allowed: impl Into<Cow<'static, str>>,
    ) -> Option<T> {
        if value.is_none() && !self.mention(field) {
            self.push(field, ConfigProblem::Missing, allowed);
        }
        value
    }

    /// Whether the value keeps the rule; if not, says so.
    pub(super) fn judge(
        &mut self,
        field: impl Into<String>,
        flaw: Option<&'static str>,
        allowed: &'static str,
    ) -> bool {
        if let Some(flaw) = flaw {
            self.push(field, ConfigProblem::Malformed { flaw }, allowed);
        }
        flaw.is_none()
    }

    pub(super) fn append(&mut self, errors: ConfigErrors) {
        self.list.extend(errors.faults);
    }

    /// The faults, where there is at least one.
    pub(super) fn into_errors(self) -> ConfigErrors {
        debug_assert!(!self.list.is_empty());
        ConfigErrors { faults: self.list }
    }

    /// The value, if nothing was wrong. Whoever has no value to give has pushed a fault.
    pub(super) fn into_result<T>(self, value: Option<T>) -> Result<T, ConfigErrors> {
        match value {
            Some(value) if self.list.is_empty() => Ok(value),
            _ => Err(self.into_errors()),
        }
    }
}
