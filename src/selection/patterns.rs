use std::fmt;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Names by pattern: those that one of the including patterns matches, all where there is none, and
/// that no excluding one matches.
///
/// `*` and `?` stand for any letters and for any one letter save `/`, `**` for any folders,
/// `[a-z]` for one letter of those, `{a,b}` for one of these patterns. The whole name must match;
/// upper and lower case differ.
#[derive(Clone, Default)]
pub struct Patterns {
    include: Option<GlobSet>,
    exclude: GlobSet,
    texts: Vec<String>,
}

/// A pattern that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the pattern {pattern:?} cannot be read")]
pub struct ParsePatternError {
    /// The pattern.
    pub pattern: String,
}

impl Patterns {
    /// Names that `include` matches, all where it is empty, and `exclude` does not.
    ///
    /// # Errors
    /// [`ParsePatternError`] with the first pattern that cannot be read.
    pub fn new<I: AsRef<str>, E: AsRef<str>>(
        include: impl IntoIterator<Item = I>,
        exclude: impl IntoIterator<Item = E>,
    ) -> Result<Self, ParsePatternError> {
        let mut texts = Vec::new();
        let include = globs(include, "", &mut texts)?;
        let exclude = globs(exclude, "not ", &mut texts)?;
        Ok(Self {
            include: (!include.is_empty()).then_some(include),
            exclude,
            texts,
        })
    }

    /// Whether the name is taken.
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        let included = self
            .include
            .as_ref()
            .is_none_or(|include| include.is_match(name));
        included && !self.exclude.is_match(name)
    }
}

fn globs<P: AsRef<str>>(
    patterns: impl IntoIterator<Item = P>,
    mark: &str,
    texts: &mut Vec<String>,
) -> Result<GlobSet, ParsePatternError> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let pattern = pattern.as_ref();
        let unreadable = || ParsePatternError {
            pattern: pattern.to_owned(),
        };
        let glob = GlobBuilder::new(pattern).literal_separator(true).build();
        // An empty pattern matches no name.
        let glob = glob.ok().filter(|_| !pattern.is_empty());
        set.add(glob.ok_or_else(unreadable)?);
        texts.push(format!("{mark}{pattern}"));
    }
    set.build().map_err(|_| ParsePatternError {
        pattern: texts.join(", "),
    })
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.texts).finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const NONE: [&str; 0] = [];

    #[test]
    fn names_are_taken_by_inclusion_and_left_out_by_exclusion() {
        let everything = Patterns::default();
        assert!(everything.takes("anything/at/all"));
        let some = Patterns::new(["team/*", "prod-?/**"], ["**/tmp", "team/{old,older}"]).unwrap();
        for (name, taken) in [
            ("team/app", true),
            ("team/deep/app", false),
            ("prod-1/deep/app", true),
            ("prod-12/app", false),
            ("team/tmp", false),
            ("prod-1/deep/tmp", false),
            ("team/old", false),
            ("TEAM/app", false),
        ] {
            assert_eq!(some.takes(name), taken, "{name}");
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_read_is_named() {
        for pattern in ["[a", "{a", ""] {
            let error = Patterns::new(["ok", pattern], NONE).unwrap_err();
            assert_eq!(error.pattern, pattern);
            let error = Patterns::new(NONE, [pattern]).unwrap_err();
            assert_eq!(error.pattern, pattern);
        }
    }
}
