use std::fmt;

use serde::{Deserialize, Serialize};

use super::RepositoryName;

/// A part of a registry, as listings are cut: the whole, a namespace, or a repository.
///
/// Scopes nest. What a run knows of a location is decided by the narrowest scope that covers it:
/// a registry listed to its end covers every location save those in a namespace or repository of
/// which the run knows something else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "scope", content = "name", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Scope {
    /// All that the registry holds.
    Registry,
    /// A Harbor project, a Quay organisation, an ACR namespace.
    Namespace(String),
    /// One repository.
    Repository(RepositoryName),
}

impl Scope {
    /// Whether `repository` lies in this scope.
    #[must_use]
    pub fn covers(&self, repository: &RepositoryName) -> bool {
        match self {
            Self::Registry => true,
            Self::Namespace(name) => repository.namespace() == name,
            Self::Repository(name) => repository == name,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry => f.write_str("registry"),
            // As the server spells it, which may be anything.
            Self::Namespace(name) => write!(f, "namespace {}", name.escape_debug()),
            Self::Repository(name) => write!(f, "repository {name}"),
        }
    }
}

/// Why a scope was left out on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Exclusion {
    /// A proxy cache, which shows what was pulled through it and not what it offers.
    ProxyCache,
    /// A selection left it out.
    Filtered,
}

impl Exclusion {
    /// The reason's name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProxyCache => "proxy_cache",
            Self::Filtered => "filtered",
        }
    }
}

/// What proves that a run saw everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Proof {
    /// The server's own totals, which only the right account is told.
    Totals,
    /// Two readings that agree; the server offers nothing better to this account.
    ReadTwice,
}

impl Proof {
    /// The proof's name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totals => "totals",
            Self::ReadTwice => "read_twice",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_scope_covers_what_lies_in_it_and_nothing_that_only_begins_alike() {
        let api: RepositoryName = "team-a/backend/api".parse().unwrap();
        assert!(Scope::Registry.covers(&api));
        assert!(Scope::Namespace("team-a".to_owned()).covers(&api));
        assert!(!Scope::Namespace("team".to_owned()).covers(&api));
        assert!(Scope::Repository(api.clone()).covers(&api));
        assert!(!Scope::Repository("team-a/backend".parse().unwrap()).covers(&api));
    }
}
