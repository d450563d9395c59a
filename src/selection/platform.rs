use std::{fmt, str::FromStr};

use crate::image::Platform;

/// A platform by its first parts: `linux`, `linux/arm64`, `linux/arm/v7`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformPattern {
    os: String,
    architecture: Option<String>,
    variant: Option<String>,
}

/// The text is none of `os`, `os/architecture` and `os/architecture/variant`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not of the form os, os/architecture or os/architecture/variant")]
pub struct ParsePlatformError;

impl PlatformPattern {
    /// Whether the platform has these parts. One whose variant the registry does not tell has any.
    #[must_use]
    pub fn takes(&self, platform: &Platform) -> bool {
        let same =
            |asked: &Option<String>, has: &str| asked.as_ref().is_none_or(|asked| asked == has);
        self.os == platform.os
            && same(&self.architecture, &platform.architecture)
            && platform
                .variant
                .as_ref()
                .is_none_or(|variant| same(&self.variant, variant))
    }
}

impl FromStr for PlatformPattern {
    type Err = ParsePlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('/').map(str::to_owned);
        let pattern = Self {
            os: parts.next().unwrap_or_default(),
            architecture: parts.next(),
            variant: parts.next(),
        };
        let is_whole = parts.next().is_none() && text.split('/').all(|part| !part.is_empty());
        is_whole.then_some(pattern).ok_or(ParsePlatformError)
    }
}

impl fmt::Display for PlatformPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.os)?;
        [&self.architecture, &self.variant]
            .into_iter()
            .flatten()
            .try_for_each(|part| write!(f, "/{part}"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_platform_is_taken_by_the_parts_that_are_named() {
        let platform = |variant: Option<&str>| Platform {
            os: "linux".to_owned(),
            architecture: "arm64".to_owned(),
            variant: variant.map(str::to_owned),
            os_version: None,
        };
        for (pattern, untold, v8) in [
            ("linux", true, true),
            ("linux/arm64", true, true),
            ("linux/arm64/v8", true, true),
            ("linux/arm64/v9", true, false),
            ("linux/amd64", false, false),
            ("windows", false, false),
        ] {
            let parsed: PlatformPattern = pattern.parse().unwrap();
            assert_eq!(parsed.to_string(), pattern);
            assert_eq!(parsed.takes(&platform(None)), untold, "{pattern}");
            assert_eq!(parsed.takes(&platform(Some("v8"))), v8, "{pattern}");
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in ["", "/", "linux/", "/amd64", "linux//v8", "linux/arm/v7/x"] {
            assert_eq!(
                text.parse::<PlatformPattern>(),
                Err(ParsePlatformError),
                "{text:?}"
            );
        }
    }
}
