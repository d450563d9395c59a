use std::fmt;

use serde::Serialize;

/// One of the two editions in which the product document that lists the addresses was published.
/// They agree on nine regions and differ on six.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Edition {
    /// The English one, undated.
    English,
    /// The Chinese one, updated on 2023-06-15.
    Chinese,
}

impl Edition {
    /// Both.
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// The word that stands for it in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::English => "english",
            Self::Chinese => "chinese",
        }
    }

    /// The day on which it was updated, `YYYY-MM-DD`; none where the edition does not say.
    #[must_use]
    pub const fn date(self) -> Option<&'static str> {
        match self {
            Self::English => None,
            Self::Chinese => Some("2023-06-15"),
        }
    }
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
