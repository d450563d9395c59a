use std::{fmt, str::FromStr};

/// The languages in which the crate speaks to an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Simplified Chinese.
    SimplifiedChinese,
}

impl Language {
    /// Every language.
    pub const ALL: &[Self] = &[Self::English, Self::SimplifiedChinese];

    /// The language's code, `en` or `zh`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.choose("en", "zh")
    }

    /// The one of two texts that is in this language. Both must be given, so that none is forgotten.
    pub(crate) const fn choose<T: Copy>(self, english: T, chinese: T) -> T {
        match self {
            Self::English => english,
            Self::SimplifiedChinese => chinese,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The text is no code of a language that the crate speaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("neither en nor zh")]
pub struct UnknownLanguage;

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|language| language.code() == text)
            .ok_or(UnknownLanguage)
    }
}

/// What every text in Chinese must be: there, and Chinese.
#[cfg(test)]
pub(crate) fn assert_translated(english: &str, chinese: &str) {
    let han = |letter: char| ('\u{4e00}'..='\u{9fff}').contains(&letter);
    assert!(chinese.contains(han), "{chinese:?} for {english:?}");
    assert_ne!(english, chinese);
    assert!(!english.contains(han), "{english:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_read_back_from_its_code() {
        for language in Language::ALL {
            assert_eq!(language.code().parse(), Ok(*language));
        }
        assert_eq!("fr".parse::<Language>(), Err(UnknownLanguage));
    }
}
