//! Integrates registries from the command line: verifies them, lists them, keeps their images in
//! an inventory and ingests them at the speed limit.
//!
//! `cargo run --example intake -- --config FILE COMMAND [NAME]` works on real registries.

mod arguments;
mod failure;
mod list;
mod output;
mod records;
mod selection;
mod verify;

use std::{io, process::ExitCode};

use clap::{CommandFactory, Parser};
use registry_intake::config::IntegrationConfig;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use crate::{
    arguments::{Arguments, Command},
    failure::{Failure, Verdict},
    output::Output,
};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log_to_stderr();
    let output = Output::new(arguments.output);
    match run(&arguments, &output).await {
        Ok(verdict) => verdict.into(),
        // Whoever read the output has seen enough.
        Err(Failure::Closed) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            let usage = clap::error::ErrorKind::ValueValidation;
            let error = Arguments::command().error(usage, message);
            let _ = error.print();
            Verdict::USAGE.into()
        }
        Err(Failure::Error(error)) => {
            output.error(None, &error);
            Verdict::Failed.into()
        }
    }
}

async fn run(arguments: &Arguments, output: &Output) -> Result<Verdict, Failure> {
    let Some(command) = &arguments.command else {
        return Err(Failure::Usage("a command is missing".to_owned()));
    };
    match command {
        Command::Verify(name) => {
            let integrations = selection::configured(arguments, name)?;
            in_order(&integrations, output, async |config| {
                verify::verify(config, output).await
            })
            .await
        }
        Command::List(name) => {
            let integrations = selection::configured(arguments, name)?;
            in_order(&integrations, output, async |config| {
                list::list(config, output).await
            })
            .await
        }
    }
}

/// One integration after the other; the worst verdict counts, and a failure keeps none of the
/// others from its turn.
async fn in_order(
    integrations: &[IntegrationConfig],
    output: &Output,
    command: impl AsyncFn(&IntegrationConfig) -> Result<Verdict, Failure>,
) -> Result<Verdict, Failure> {
    let mut worst = Verdict::Done;
    for config in integrations {
        let verdict = match command(config).await {
            Err(Failure::Error(error)) => {
                output.error(Some(config.name()), &error);
                Verdict::Failed
            }
            ended => ended?,
        };
        worst = worst.max(verdict);
    }
    Ok(worst)
}

/// Logs what `RUST_LOG` asks for, by default nothing.
fn log_to_stderr() {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::OFF.into())
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
}
