use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{ConfigProblem, read::TableReader, tree::Value};

/// Where certificates come from, written as PEM. None of it is secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem(Source);

#[derive(Clone, PartialEq, Eq)]
enum Source {
    Given(String),
    File(PathBuf),
    Environment(String),
}

impl Pem {
    /// The longest text that is read from a file, in bytes.
    pub const MAX_FILE_LENGTH: u64 = 4 << 20;

    pub(super) const FORMS: &str =
        "{ file = \"PATH\" }, { env = \"NAME\" }, a path, or the text of certificates in PEM";

    /// The text itself.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Source::Given(text.into()))
    }

    /// The contents of a file. A relative path starts at the process's working directory.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Source::File(path.into()))
    }

    /// The value of an environment variable.
    #[must_use]
    pub fn env(variable: impl Into<String>) -> Self {
        Self(Source::Environment(variable.into()))
    }

    /// The text as it is now.
    ///
    /// # Errors
    /// [`PemError`]: the file or variable cannot be read, or is no text.
    pub fn read(&self) -> Result<String, PemError> {
        match &self.0 {
            Source::Given(text) => Ok(text.clone()),
            Source::File(path) => from_file(path),
            Source::Environment(name) => std::env::var(name).map_err(|source| PemError::Variable {
                name: name.clone(),
                source,
            }),
        }
    }

    /// Whether it stays as it is: the text was given.
    pub(crate) const fn is_fixed(&self) -> bool {
        matches!(self.0, Source::Given(_))
    }

    /// What makes it unusable before it is looked for, as a fault says it.
    pub(super) fn flaw(&self) -> Option<&'static str> {
        match &self.0 {
            Source::Given(text) if !text.contains("-----BEGIN CERTIFICATE-----") => {
                Some("holds no certificate in PEM")
            }
            Source::File(path) if path.as_os_str().is_empty() => Some("names no file"),
            Source::Environment(name) if name.is_empty() => Some("names no environment variable"),
            _ => None,
        }
    }

    /// As it stands in a table. A bare text is a path, unless it is PEM itself.
    pub(super) fn take(reader: &mut TableReader<'_>, key: &'static str) -> Option<Self> {
        let entries = match reader.take(key)? {
            Value::String(text) if text.contains("-----BEGIN ") => return Some(Self::new(text)),
            Value::String(path) => return Some(Self::file(path)),
            Value::Table(entries) => entries,
            other => return reader.wrong_type(key, &other, Self::FORMS),
        };
        match <[_; 1]>::try_from(entries) {
            Ok([(form, Value::String(path))]) if form == "file" => Some(Self::file(path)),
            Ok([(form, Value::String(name))]) if form == "env" => Some(Self::env(name)),
            _ => {
                let flaw = "is none of the forms";
                reader.fault(key, ConfigProblem::Malformed { flaw }, Self::FORMS)
            }
        }
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Given(_) => f.write_str("Pem(given)"),
            Source::File(path) => write!(f, "Pem(file {path:?})"),
            Source::Environment(name) => write!(f, "Pem(environment {name:?})"),
        }
    }
}

/// Certificates cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// The environment variable is not set, or is no text.
    #[error("the environment variable {name} cannot be read")]
    Variable {
        /// Its name.
        name: String,
        /// What is wrong with it.
        source: std::env::VarError,
    },
    /// The file cannot be read, or is no text.
    #[error("the file {} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is longer than any bundle.
    #[error("the file {} is over {} bytes", path.display(), Pem::MAX_FILE_LENGTH)]
    TooLong {
        /// The file.
        path: PathBuf,
    },
}

fn from_file(path: &Path) -> Result<String, PemError> {
    let mut text = String::new();
    let reading = File::open(path).and_then(|file| {
        file.take(Pem::MAX_FILE_LENGTH + 1)
            .read_to_string(&mut text)
    });
    let path = path.to_owned();
    match reading {
        Ok(length) if length as u64 > Pem::MAX_FILE_LENGTH => Err(PemError::TooLong { path }),
        Ok(_) => Ok(text),
        Err(source) => Err(PemError::File { path, source }),
    }
}
