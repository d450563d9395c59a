//! Which integrations a command is about.

use std::path::Path;

use registry_intake::{
    config::{Config, ConfigWarning, IntegrationConfig},
    error::ErrorCode,
};

use crate::{
    arguments::{Arguments, Name},
    failure::{Explained, Failure, Verdict, Words},
    output::Output,
};

/// The configured integrations, or the one that was named.
pub(crate) fn configured(
    arguments: &Arguments,
    only: &Name,
) -> Result<Vec<IntegrationConfig>, Failure> {
    let path = arguments.config.as_deref().ok_or_else(|| {
        Failure::usage(
            "this command needs the integrations: give --config FILE",
            "此命令需要集成配置：请使用 --config 文件",
        )
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
    let known = known.join(", ");
    let unknown = Failure::usage(
        format!("there is no integration {name:?}; known: {known}"),
        format!("没有集成 {name:?}；已有的集成：{known}"),
    );
    all.retain(|integration| name_of(integration) == name);
    if all.is_empty() {
        return Err(unknown);
    }
    Ok(all)
}

fn read(path: &Path) -> Result<Vec<IntegrationConfig>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|source| {
        let path = path.display();
        Failure::Error(Explained {
            code: Some(ErrorCode::ConfigInvalid),
            words: Words::new(
                format!("the configuration {path} cannot be read: {source}"),
                "Check the path and the file's permissions; the file is TOML in UTF-8.",
            ),
            chinese: Some(Words::new(
                format!("无法读取配置文件 {path}：{source}"),
                "请检查路径和文件权限；文件应为 UTF-8 编码的 TOML。",
            )),
        })
    })?;
    Ok(Config::from_toml(&text)?.integrations)
}
