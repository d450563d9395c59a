use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The content address of a manifest: algorithm, colon, lower-case hexadecimal.
///
/// The grammar is that of the OCI image specification; `sha256` and `sha512` are held to their
/// lengths. Cheap to clone.
///
/// ```
/// use registry_intake::image::Digest;
///
/// let digest: Digest = format!("sha256:{}", "ab".repeat(32)).parse()?;
/// assert_eq!(digest.algorithm(), "sha256");
/// # Ok::<(), registry_intake::image::InvalidDigest>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(Arc<str>);

impl Digest {
    /// The digest as `algorithm:hex`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the colon.
    #[must_use]
    pub fn algorithm(&self) -> &str {
        self.0
            .split_once(':')
            .map_or("", |(algorithm, _)| algorithm)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no digest of the form `sha256:<64 hexadecimal digits>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a digest of the form algorithm:hex")]
pub struct InvalidDigest;

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (algorithm, encoded) = text.split_once(':').ok_or(InvalidDigest)?;
        let component = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        let hex = |length: usize| {
            encoded.len() == length
                && encoded
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let valid = match algorithm {
            "sha256" => hex(64),
            "sha512" => hex(128),
            other => {
                other.split(['+', '.', '_', '-']).all(component)
                    && !encoded.is_empty()
                    && encoded.bytes().all(|byte| {
                        byte.is_ascii_alphanumeric() || matches!(byte, b'=' | b'_' | b'-')
                    })
            }
        };
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(InvalidDigest)
        }
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_digest_is_held_to_the_length_of_its_algorithm() {
        for (text, valid) in [
            (format!("sha256:{}", "0".repeat(64)), true),
            (format!("sha256:{}", "0".repeat(63)), false),
            (format!("sha256:{}", "A".repeat(64)), false),
            (format!("sha512:{}", "f".repeat(128)), true),
            ("blake3+b64:Zm9v=".to_owned(), true),
            ("sha256".to_owned(), false),
            (":abc".to_owned(), false),
            ("sha+:abc".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(text.parse::<Digest>().is_ok(), valid, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_written_alike(text in "\\PC{0,90}") {
            if let Ok(digest) = text.parse::<Digest>() {
                prop_assert_eq!(digest.to_string(), text);
            }
        }
    }
}
