use super::Secret;

/// A Quay organisation, and the OAuth token by which it is listed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Namespace {
    /// The organisation's name.
    pub organization: String,
    /// The token (Auth_token), made by an administrator of the organisation.
    pub auth_token: Secret,
}

/// What stands in the configuration for a [`Namespace`], before it is judged.
#[derive(Debug, Clone, Default)]
pub(super) struct NamespaceDraft {
    pub(super) organization: Option<String>,
    pub(super) auth_token: Option<Secret>,
    pub(super) token_is_plain: bool,
}

/// A user name with its password.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Account {
    /// The name. Holds neither a colon nor control characters.
    pub username: String,
    /// Where the password comes from.
    pub password: Secret,
}
