use std::{collections::BTreeSet, fmt};

use crate::clock::Timestamp;

/// How many characters of a token name it; the others are its secret part.
const NAME_LENGTH: usize = 20;

/// What a token may be used for, of all that its user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Scope {
    /// `repo:read`: tags and pulls. The list of repositories needs no scope.
    RepoRead,
    /// `repo:write`
    RepoWrite,
    /// `repo:admin`
    RepoAdmin,
    /// `repo:create`
    RepoCreate,
    /// `user:read`: the user's own record.
    UserRead,
    /// `user:admin`
    UserAdmin,
    /// `org:admin`: without it nobody is an administrator, nor a member.
    OrgAdmin,
    /// `super:user`
    SuperUser,
}

impl Scope {
    /// Every scope there is.
    pub const ALL: [Self; 8] = [
        Self::RepoRead,
        Self::RepoWrite,
        Self::RepoAdmin,
        Self::RepoCreate,
        Self::UserRead,
        Self::UserAdmin,
        Self::OrgAdmin,
        Self::SuperUser,
    ];

    /// As Quay writes it: `repo:read`, say.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RepoRead => "repo:read",
            Self::RepoWrite => "repo:write",
            Self::RepoAdmin => "repo:admin",
            Self::RepoCreate => "repo:create",
            Self::UserRead => "user:read",
            Self::UserAdmin => "user:admin",
            Self::OrgAdmin => "org:admin",
            Self::SuperUser => "super:user",
        }
    }
}

/// An OAuth access token. It acts as the user who created it, in every organization alike.
#[derive(Clone)]
pub struct Token {
    pub(super) value: String,
    pub(super) user: String,
    pub(super) scopes: BTreeSet<Scope>,
    pub(super) expires: Option<Timestamp>,
}

impl Token {
    /// A token of this user: 40 characters, of which the first 20 belong to no other.
    #[must_use]
    pub fn new(value: &str, user: &str, scopes: &[Scope]) -> Self {
        Self {
            value: value.to_owned(),
            user: user.to_owned(),
            scopes: scopes.iter().copied().collect(),
            expires: None,
        }
    }

    /// It is good until then; for ever unless given.
    #[must_use]
    pub fn expires(mut self, at: Timestamp) -> Self {
        self.expires = Some(at);
        self
    }

    /// The part by which a token is looked up.
    pub(super) fn name_of(value: &str) -> &str {
        value.get(..NAME_LENGTH).unwrap_or(value)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("user", &self.user)
            .field("scopes", &self.scopes)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}
