use ipnet::IpNet;

use super::{AddressSet, PoolError};
use crate::config::NetworkType;

/// A region and the addresses from which its registries are scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    pub(super) id: String,
    pub(super) name_en: Option<String>,
    pub(super) name_zh: Option<String>,
    pub(super) public: AddressSet,
    pub(super) private: AddressSet,
}

impl Region {
    /// The longest id, in characters.
    pub const MAX_ID_LENGTH: usize = 64;

    /// The longest name, in characters.
    pub const MAX_NAME_LENGTH: usize = 128;

    /// A region of an operator's own table: its id, the addresses that reach a registry over the
    /// Internet, and those that reach it within a VPC.
    ///
    /// # Errors
    /// [`PoolError::Malformed`] where the id is no lower-case letters, digits and hyphens.
    pub fn new(
        id: impl Into<String>,
        public: impl IntoIterator<Item = IpNet>,
        private: impl IntoIterator<Item = IpNet>,
    ) -> Result<Self, PoolError> {
        let id = id.into();
        let is_word = (1..=Self::MAX_ID_LENGTH).contains(&id.len())
            && id.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
            })
            // Or a tool would take it for an option.
            && !id.starts_with('-');
        if !is_word {
            return Err(PoolError::malformed("region_id", &id));
        }
        Ok(Self {
            id,
            name_en: None,
            name_zh: None,
            public: public.into_iter().collect(),
            private: private.into_iter().collect(),
        })
    }

    /// The same with its names in English and in Chinese, by which it is found too.
    ///
    /// # Errors
    /// [`PoolError::Malformed`] where a name is empty, longer than
    /// [`MAX_NAME_LENGTH`](Self::MAX_NAME_LENGTH), or has control characters.
    pub fn named(self, name_en: Option<&str>, name_zh: Option<&str>) -> Result<Self, PoolError> {
        for (field, name) in [("name_en", name_en), ("name_zh", name_zh)] {
            let Some(name) = name else { continue };
            let length = name.chars().count();
            if name.trim().is_empty()
                || length > Self::MAX_NAME_LENGTH
                || name.chars().any(char::is_control)
            {
                return Err(PoolError::malformed(field, name));
            }
        }
        Ok(Self {
            name_en: name_en.map(str::to_owned),
            name_zh: name_zh.map(str::to_owned),
            ..self
        })
    }

    /// The id, as in `region_id` of an integration.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name in English.
    #[must_use]
    pub fn name_en(&self) -> Option<&str> {
        self.name_en.as_deref()
    }

    /// The name in Chinese.
    #[must_use]
    pub fn name_zh(&self) -> Option<&str> {
        self.name_zh.as_deref()
    }

    /// The source addresses that a registry must let in which is reached over this network: public
    /// addresses over the Internet, private ranges within a VPC.
    #[must_use]
    pub const fn addresses(&self, network: NetworkType) -> &AddressSet {
        match network {
            NetworkType::Public => &self.public,
            NetworkType::Vpc => &self.private,
        }
    }

    /// Whether `wanted` is its id, one of its names, or the part of one that stands in brackets:
    /// `cn-hangzhou`, `China (Hangzhou)`, `Hangzhou`, `华东1（杭州）` or `杭州`.
    pub(super) fn is_called(&self, wanted: &str) -> bool {
        let wanted = comparable(wanted);
        let names = [self.name_en(), self.name_zh()];
        let mut names = names.into_iter().flatten().map(comparable);
        !wanted.is_empty()
            && (wanted == self.id
                || names.any(|name| name == wanted || in_brackets(&name) == Some(&*wanted)))
    }

    /// What either has; the names are the other's where it has any.
    pub(super) fn union(&self, other: &Self) -> Self {
        Self {
            id: self.id.clone(),
            name_en: other.name_en.clone().or_else(|| self.name_en.clone()),
            name_zh: other.name_zh.clone().or_else(|| self.name_zh.clone()),
            public: self.public.union(&other.public),
            private: self.private.union(&other.private),
        }
    }
}

/// In lower case, without spaces, full-width brackets as ASCII ones.
fn comparable(name: &str) -> String {
    name.chars()
        .filter(|letter| !letter.is_whitespace())
        .flat_map(char::to_lowercase)
        .map(|letter| match letter {
            '（' => '(',
            '）' => ')',
            other => other,
        })
        .collect()
}

fn in_brackets(name: &str) -> Option<&str> {
    name.strip_suffix(')')?
        .split_once('(')
        .map(|(_, part)| part)
}
