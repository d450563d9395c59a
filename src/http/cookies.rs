use std::{collections::BTreeMap, fmt};

use reqwest::header::SET_COOKIE;
use secrecy::{ExposeSecret, SecretString};

use super::answer::Answer;

/// The cookies that a registry has set, by name. What browsers do with their attributes is of no
/// use here: they go to the configured origin alone, and a session ends with its run.
#[derive(Clone, Default)]
pub(crate) struct Cookies {
    values: BTreeMap<String, SecretString>,
}

impl Cookies {
    /// Takes over what the answer sets. An empty value, which is how servers delete, removes.
    pub(crate) fn take(&mut self, answer: &Answer) {
        for (name, value) in set_by(answer) {
            if value.is_empty() {
                self.values.remove(name);
            } else {
                self.values.insert(name.to_owned(), value.to_owned().into());
            }
        }
    }

    /// All of them as the header `Cookie` has it.
    pub(super) fn header(&self) -> SecretString {
        let pairs: Vec<_> = self
            .values
            .iter()
            .map(|(name, value)| format!("{name}={}", value.expose_secret()))
            .collect();
        pairs.join("; ").into()
    }
}

impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// Whether the answer sets a cookie of this name. To delete one, as a good sign-out does, is not to
/// set it.
pub(super) fn sets(answer: &Answer, name: &str) -> bool {
    set_by(answer).any(|(set, value)| set == name && !value.is_empty())
}

fn set_by(answer: &Answer) -> impl Iterator<Item = (&str, &str)> {
    let headers = answer.headers.get_all(SET_COOKIE).into_iter();
    headers.filter_map(|header| {
        let (name, value) = header.to_str().ok()?.split(';').next()?.split_once('=')?;
        Some((name.trim(), value.trim()))
    })
}
