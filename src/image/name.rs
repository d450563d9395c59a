use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Digest;

/// The full path of a repository in its registry, with project or organisation:
/// `team-a/backend/api`. Cheap to clone.
///
/// The grammar is wide on purpose, since what a registry lists must not be lost: no part may be
/// empty, and white space and control characters are refused.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(Arc<str>);

/// A tag, by the grammar of the OCI distribution specification. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Arc<str>);

/// What names one manifest of a repository.
///
/// ```
/// use registry_intake::image::Reference;
///
/// assert!(matches!("v1.2".parse()?, Reference::Tag(_)));
/// # Ok::<(), registry_intake::image::InvalidName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// The manifest to which the tag is set.
    Tag(Tag),
    /// The manifest itself.
    Digest(Digest),
}

/// The text is no name of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}")]
pub struct InvalidName {
    kind: &'static str,
}

impl RepositoryName {
    /// The longest path taken, in bytes; the distribution specification advises 255 with the
    /// host, and servers store up to 256 or 512.
    pub const MAX_LENGTH: usize = 512;

    /// What stands before the first slash: project, organisation or namespace. The whole name
    /// where there is no slash.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(first, _)| first)
    }

    /// What stands behind the first slash. The whole name where there is no slash.
    #[must_use]
    pub fn within_namespace(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(_, rest)| rest)
    }
}

impl FromStr for RepositoryName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let part_is_valid = |part: &str| {
            !part.is_empty()
                && part != ".."
                && !part
                    .chars()
                    .any(|letter| letter.is_whitespace() || letter.is_control())
        };
        if text.len() <= Self::MAX_LENGTH && text.split('/').all(part_is_valid) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName {
                kind: "repository name",
            })
        }
    }
}

impl Tag {
    /// Whether this is how cosign names the signature, attestation or SBOM of another image:
    /// `sha256-<64 hex>.sig`, `.att` or `.sbom`.
    #[must_use]
    pub fn is_cosign(&self) -> bool {
        self.0.strip_prefix("sha256-").is_some_and(|rest| {
            rest.split_once('.').is_some_and(|(hex, suffix)| {
                hex.len() == 64
                    && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
                    && matches!(suffix, "sig" | "att" | "sbom")
            })
        })
    }
}

impl FromStr for Tag {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let valid = text.len() <= 128
            && text.bytes().next().is_some_and(word)
            && text
                .bytes()
                .all(|byte| word(byte) || matches!(byte, b'.' | b'-'));
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName { kind: "tag" })
        }
    }
}

impl Reference {
    /// The reference as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Tag(tag) => tag.as_str(),
            Self::Digest(digest) => digest.as_str(),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A colon stands in every digest and in no tag.
impl FromStr for Reference {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains(':') {
            text.parse().map(Self::Digest).map_err(|_| InvalidName {
                kind: "tag or digest",
            })
        } else {
            text.parse().map(Self::Tag)
        }
    }
}

impl From<Tag> for Reference {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl From<Digest> for Reference {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

macro_rules! text_newtype {
    ($($name:ident),+) => {$(
        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Cow::<str>::deserialize(deserializer)?
                    .parse()
                    .map_err(de::Error::custom)
            }
        }
    )+};
}

text_newtype!(RepositoryName, Tag);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_spelling_that_registries_allow_is_taken() {
        for name in [
            "team-a/app",
            "team-a/a/b/c/d",
            "team-a/nested.dir/my_app-1.x",
            "team-a/my__app",
            "team-a/a---b/c",
            "2024/0",
            "alone",
        ] {
            assert_eq!(name.parse::<RepositoryName>().unwrap().as_str(), name);
        }
        for name in ["", "/a", "a/", "a//b", "a b", "a/../b", "a\nb"] {
            assert!(name.parse::<RepositoryName>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_name_is_cut_at_its_first_slash() {
        let name: RepositoryName = "team-a/backend/api".parse().unwrap();
        assert_eq!(name.namespace(), "team-a");
        assert_eq!(name.within_namespace(), "backend/api");
    }

    #[test]
    fn a_reference_is_a_digest_where_it_has_a_colon() {
        let digest = format!("sha256:{}", "0f".repeat(32));
        for (text, is_digest) in [("latest", false), ("sha256-0f", false), (&*digest, true)] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(matches!(reference, Reference::Digest(_)), is_digest);
            assert_eq!(reference.to_string(), text);
        }
        for text in ["", "a:", "-a", "sha256:0f"] {
            assert!(text.parse::<Reference>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn cosign_tags_are_known_by_their_form_alone() {
        let cosign = |text: &str| text.parse::<Tag>().unwrap().is_cosign();
        let hex = "0f".repeat(32);
        assert!(cosign(&format!("sha256-{hex}.sig")));
        assert!(cosign(&format!("sha256-{hex}.sbom")));
        assert!(!cosign(&format!("sha256-{hex}")));
        assert!(!cosign("sha256-abc.sig"));
        assert!(!cosign("latest"));
    }
}
