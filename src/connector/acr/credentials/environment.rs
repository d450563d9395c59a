use std::{collections::HashMap, fmt, path::PathBuf};

/// The variables that the chain reads.
#[derive(Clone)]
pub(super) enum Environment {
    /// Those of this process.
    Process,
    /// Those of a test.
    #[allow(dead_code, reason = "tests alone have an environment of their own")]
    Given(HashMap<String, String>),
}

impl Environment {
    /// A variable that is set and not empty.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let value = match self {
            Self::Process => std::env::var(name).ok(),
            Self::Given(variables) => variables.get(name).cloned(),
        };
        value.filter(|value| !value.is_empty())
    }

    /// Whether a switch is on: `true` or `1`.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| matches!(&*value.to_ascii_lowercase(), "true" | "1"))
    }

    /// The path that the variable holds, else this one in the user's folder.
    pub(super) fn file(&self, name: &str, within_home: &str) -> Option<PathBuf> {
        let named = self.get(name).map(PathBuf::from);
        named.or_else(|| {
            let home = self.get("HOME").or_else(|| self.get("USERPROFILE"))?;
            Some(PathBuf::from(home).join(within_home))
        })
    }
}

impl fmt::Debug for Environment {
    /// Without the values, of which some are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}
