//! Which integrations a command is about.

use std::{io, path::Path};

use registry_intake::{
    config::{Config, ConfigWarning, IntegrationConfig},
    error::{ErrorCode, ErrorRecord, Language},
    image::RegistryKind,
};

use crate::{
    arguments::{Arguments, Name},
    failure::{Failure, Verdict},
    output::Output,
};

/// The configured integrations, or the one that was named.
pub(crate) fn configured(
    arguments: &Arguments,
    only: &Name,
) -> Result<Vec<IntegrationConfig>, Failure> {
    let path = arguments.config.as_deref().ok_or_else(|| {
        Failure::Usage("this command needs the integrations: give --config FILE".to_owned())
    })?;
    named(read(path)?, IntegrationConfig::name, only)
}

/// One integration after the other.
pub(crate) async fn in_order(
    integrations: &[IntegrationConfig],
    output: &Output,
    command: impl AsyncFn(&IntegrationConfig) -> Result<Verdict, Failure>,
) -> Result<Verdict, Failure> {
    let mut worst = Verdict::Done;
    for config in integrations {
        warn(config, output);
        let ended = command(config).await;
        worst = worst.max(settle(config, ended, output)?);
    }
    Ok(worst)
}

/// Says what every report of the integration is worth, where no certificate is verified.
pub(crate) fn warn(config: &IntegrationConfig, output: &Output) {
    let warning = ConfigWarning::TlsInsecure;
    if config.warnings().contains(&warning) {
        output.warn(config.name(), warning);
    }
}

/// Reports what failed of one integration, which keeps none of the others from its turn.
pub(crate) fn settle(
    config: &IntegrationConfig,
    ended: Result<Verdict, Failure>,
    output: &Output,
) -> Result<Verdict, Failure> {
    ended.or_else(|failure| {
        tell(failure, Some(config.name()), output)?;
        Ok(Verdict::Failed)
    })
}

/// Reports a failure, unless it ends the program.
pub(crate) fn tell(
    failure: Failure,
    integration: Option<&str>,
    output: &Output,
) -> Result<(), Failure> {
    let Failure::Error(error) = failure else {
        return Err(failure);
    };
    output.error(integration, &error);
    Ok(())
}

/// All, or the one that was named.
pub(crate) fn named<T>(
    mut all: Vec<T>,
    name_of: impl Fn(&T) -> &str,
    only: &Name,
) -> Result<Vec<T>, Failure> {
    let Some(name) = &only.name else {
        return Ok(all);
    };
    let known: Vec<_> = all.iter().map(&name_of).collect();
    let unknown = format!(
        "there is no integration {name:?}; known: {}",
        known.join(", ")
    );
    all.retain(|integration| name_of(integration) == name);
    if all.is_empty() {
        return Err(Failure::Usage(unknown));
    }
    Ok(all)
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
