//! Which integrations a command is about.

use std::{io, path::Path};

use registry_intake::{
    config::{Config, IntegrationConfig},
    error::{ErrorCode, ErrorRecord, Language},
    image::RegistryKind,
};

use crate::{
    arguments::{Arguments, Name},
    failure::Failure,
};

/// The configured integrations, or the one that was named.
pub(crate) fn configured(
    arguments: &Arguments,
    only: &Name,
) -> Result<Vec<IntegrationConfig>, Failure> {
    let path = arguments.config.as_deref().ok_or_else(|| {
        Failure::Usage("this command needs the integrations: give --config FILE".to_owned())
    })?;
    let mut integrations = read(path)?;
    if let Some(name) = &only.name {
        let known = names(integrations.iter().map(IntegrationConfig::name));
        integrations.retain(|integration| integration.name() == name);
        if integrations.is_empty() {
            return Err(unknown(name, &known));
        }
    }
    Ok(integrations)
}

pub(crate) fn unknown(name: &str, known: &str) -> Failure {
    Failure::Usage(format!("there is no integration {name:?}; known: {known}"))
}

pub(crate) fn names<'a>(known: impl Iterator<Item = &'a str>) -> String {
    known.collect::<Vec<_>>().join(", ")
}

fn read(path: &Path) -> Result<Vec<IntegrationConfig>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|source| {
        let error = Unreadable {
            path: path.display().to_string(),
            source,
        };
        let code = ErrorCode::ConfigInvalid;
        let mut guidance = code.guidance(RegistryKind::HarborV2, Language::English);
        guidance.remedy = "Check the path and the file's permissions; the file is TOML in UTF-8.";
        Failure::Error(ErrorRecord::new(code, &error, &guidance).into())
    })?;
    Ok(Config::from_toml(&text)?.integrations)
}

#[derive(Debug, thiserror::Error)]
#[error("the configuration {path} cannot be read")]
struct Unreadable {
    path: String,
    source: io::Error,
}
