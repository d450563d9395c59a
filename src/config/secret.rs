use std::{
    fmt,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use crate::error::BoxError;

/// A password or token in the clear, wiped from memory when dropped. Its `Debug` is redacted, and
/// it can be neither displayed nor serialised.
#[derive(Clone)]
pub struct SecretValue(SecretString);

impl SecretValue {
    /// Wraps the text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into().into())
    }

    /// The text itself. Never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    pub(crate) fn into_inner(self) -> SecretString {
        self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Hands out a secret that the crate does not know where to find: a vault, a key management
/// service, the host's own store.
#[async_trait]
pub trait SecretProvider: Send + Sync + 'static {
    /// The secret as it is now. Asked for at each connection, so that a rotated secret is picked
    /// up; cache it where asking is expensive.
    ///
    /// # Errors
    /// Whatever kept the provider from answering. It becomes the source of
    /// [`SecretError::Provider`], so it must not hold the secret.
    async fn provide(&self) -> Result<SecretValue, BoxError>;
}

/// Where a password or token comes from. Shows nothing secret.
#[derive(Clone)]
pub struct Secret(Source);

#[derive(Clone)]
enum Source {
    Given(SecretValue),
    Environment(String),
    File(PathBuf),
    Provider(Arc<dyn SecretProvider>),
}

impl Secret {
    /// The longest secret that is read from a file, in bytes.
    pub const MAX_FILE_LENGTH: u64 = 64 * 1024;

    pub(super) const FORMS: &str =
        "{ env = \"NAME\" }, { file = \"PATH\" }, or a string that is not empty";

    /// The secret itself.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Source::Given(SecretValue::new(text)))
    }

    /// The value of an environment variable.
    #[must_use]
    pub fn env(variable: impl Into<String>) -> Self {
        Self(Source::Environment(variable.into()))
    }

    /// The contents of a file, without the line break at its end. A relative path starts at the
    /// process's working directory.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Source::File(path.into()))
    }

    /// What the provider hands out.
    #[must_use]
    pub fn provider(provider: Arc<dyn SecretProvider>) -> Self {
        Self(Source::Provider(provider))
    }

    /// The secret as it is now. Files are read on tokio's blocking pool, so a tokio runtime must
    /// be running.
    ///
    /// # Errors
    /// [`SecretError`]: the variable is not set, the file cannot be read, the provider failed, or
    /// what was found is empty or no text.
    pub async fn resolve(&self) -> Result<SecretValue, SecretError> {
        let value = match &self.0 {
            Source::Given(value) => value.clone(),
            Source::Environment(variable) => from_environment(variable)?,
            Source::File(path) => {
                let path = path.clone();
                tokio::task::spawn_blocking(move || from_file(path))
                    .await
                    .map_err(|stopped| SecretError::Provider {
                        source: stopped.into(),
                    })??
            }
            Source::Provider(provider) => provider
                .provide()
                .await
                .map_err(|source| SecretError::Provider { source })?,
        };
        if value.expose().is_empty() {
            return Err(SecretError::Empty);
        }
        Ok(value)
    }

    /// Whether it stays as it is: the text was given.
    pub(crate) const fn is_fixed(&self) -> bool {
        matches!(self.0, Source::Given(_))
    }

    /// Whether it was given, and is nothing in PEM.
    pub(super) fn is_no_pem(&self) -> bool {
        matches!(&self.0, Source::Given(value) if !value.expose().contains("-----BEGIN "))
    }

    /// What makes the secret unusable before it is even looked for, as a fault says it.
    pub(super) fn flaw(&self) -> Option<&'static str> {
        match &self.0 {
            Source::Given(value) if value.expose().is_empty() => Some("is empty"),
            Source::Environment(variable) if !is_variable_name(variable) => {
                Some("names no environment variable")
            }
            Source::File(path) if path.as_os_str().is_empty() => Some("names no file"),
            _ => None,
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::Given(_) => "Secret(given)",
            Source::Environment(_) => "Secret(environment)",
            Source::File(_) => "Secret(file)",
            Source::Provider(_) => "Secret(provider)",
        })
    }
}

/// The secret cannot be had. Holds nothing of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The environment variable is not set.
    #[error("the environment variable{} is not set", named(.variable))]
    NotSet {
        /// Its name, if it is written in capitals: what is not may be the secret itself, put in
        /// the wrong place.
        variable: Option<String>,
    },
    /// The file cannot be read.
    #[error("the secret's file {} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is longer than any secret.
    #[error("the secret's file {} is over {} bytes", path.display(), Secret::MAX_FILE_LENGTH)]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// What was found is not UTF-8.
    #[error("the secret is not UTF-8 text")]
    NotText,
    /// What was found is empty.
    #[error("the secret is empty")]
    Empty,
    /// The provider failed.
    #[error("the provider of the secret failed")]
    Provider {
        /// What the provider said.
        source: BoxError,
    },
}

fn named(variable: &Option<String>) -> String {
    variable
        .as_ref()
        .map_or_else(String::new, |name| format!(" {name}"))
}

fn is_variable_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn from_environment(variable: &str) -> Result<SecretValue, SecretError> {
    let in_capitals =
        is_variable_name(variable) && !variable.contains(|c: char| c.is_ascii_lowercase());
    let value = std::env::var_os(variable).ok_or_else(|| SecretError::NotSet {
        variable: in_capitals.then(|| variable.into()),
    })?;
    let text = value.into_string().map_err(|_| SecretError::NotText)?;
    Ok(SecretValue::new(text))
}

fn from_file(path: PathBuf) -> Result<SecretValue, SecretError> {
    let bytes = match read_bounded(&path) {
        Ok(bytes) => bytes,
        Err(source) => return Err(SecretError::File { path, source }),
    };
    if bytes.len() as u64 > Secret::MAX_FILE_LENGTH {
        return Err(SecretError::TooLong { path });
    }
    let mut text = String::from_utf8(bytes).map_err(|_| SecretError::NotText)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(SecretValue::new(text))
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(Secret::MAX_FILE_LENGTH + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const PASSWORD: &str = "correct horse";

    async fn exposed(secret: &Secret) -> String {
        secret.resolve().await.unwrap().expose().to_owned()
    }

    fn file(contents: impl AsRef<[u8]>) -> (tempfile::NamedTempFile, Secret) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), contents).unwrap();
        let secret = Secret::file(file.path());
        (file, secret)
    }

    #[tokio::test]
    async fn a_given_secret_is_itself() {
        assert_eq!(exposed(&Secret::new(PASSWORD)).await, PASSWORD);
    }

    #[tokio::test]
    async fn an_environment_variable_is_read() {
        let path = std::env::var("PATH").unwrap();
        assert_eq!(exposed(&Secret::env("PATH")).await, path);
    }

    #[tokio::test]
    async fn a_variable_that_is_not_set_is_named_only_in_capitals() {
        let text = async |name: &str| Secret::env(name).resolve().await.unwrap_err().to_string();
        assert_eq!(
            text("REGISTRY_INTAKE_NOT_SET").await,
            "the environment variable REGISTRY_INTAKE_NOT_SET is not set"
        );
        assert_eq!(
            text("hunter2hunter2").await,
            "the environment variable is not set"
        );
    }

    #[tokio::test]
    async fn one_line_break_at_the_end_of_a_file_is_not_part_of_the_secret() {
        for (contents, secret) in [
            (PASSWORD.to_owned(), PASSWORD),
            (format!("{PASSWORD}\n"), PASSWORD),
            (format!("{PASSWORD}\r\n"), PASSWORD),
            (format!("{PASSWORD}\n\n"), "correct horse\n"),
            (format!(" {PASSWORD} \n"), " correct horse "),
        ] {
            let (_kept, from_file) = file(contents);
            assert_eq!(exposed(&from_file).await, secret);
        }
    }

    #[tokio::test]
    async fn a_rotated_file_is_read_anew() {
        let (kept, secret) = file("first");
        assert_eq!(exposed(&secret).await, "first");
        std::fs::write(kept.path(), "second").unwrap();
        assert_eq!(exposed(&secret.clone()).await, "second");
    }

    #[tokio::test]
    async fn a_provider_is_asked_each_time() {
        struct Rotating(AtomicU32);

        #[async_trait]
        impl SecretProvider for Rotating {
            async fn provide(&self) -> Result<SecretValue, BoxError> {
                match self.0.fetch_add(1, Ordering::Relaxed) {
                    2 => Err("sealed".into()),
                    turn => Ok(SecretValue::new(format!("turn {turn}"))),
                }
            }
        }

        let secret = Secret::provider(Arc::new(Rotating(AtomicU32::new(0))));
        assert_eq!(exposed(&secret).await, "turn 0");
        assert_eq!(exposed(&secret).await, "turn 1");
        let error = secret.resolve().await.unwrap_err();
        assert_eq!(error.to_string(), "the provider of the secret failed");
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(source.to_string(), "sealed");
    }

    #[tokio::test]
    async fn what_is_no_secret_is_refused() {
        let (_kept, empty) = file("\n");
        assert!(matches!(empty.resolve().await, Err(SecretError::Empty)));
        let (_kept, binary) = file(b"correct\xffhorse");
        assert!(matches!(binary.resolve().await, Err(SecretError::NotText)));
        let (_kept, long) = file("x".repeat(64 * 1024 + 1));
        assert!(matches!(
            long.resolve().await,
            Err(SecretError::TooLong { .. })
        ));
        let (_kept, longest) = file("x".repeat(64 * 1024));
        assert_eq!(exposed(&longest).await.len(), 64 * 1024);

        let error = Secret::file("/nowhere/password")
            .resolve()
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the secret's file /nowhere/password cannot be read"
        );
        assert!(std::error::Error::source(&error).is_some());
    }

    #[test]
    fn no_debug_shows_the_secret() {
        let value = SecretValue::new(PASSWORD);
        assert_eq!(format!("{value:?}"), "[redacted]");
        assert_eq!(format!("{:?}", Secret::new(PASSWORD)), "Secret(given)");
        assert_eq!(
            format!("{:?}", Secret::env(PASSWORD)),
            "Secret(environment)"
        );
    }
}
