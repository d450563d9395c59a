//! Integrates registries from the command line: verifies them, lists them, keeps their images in
//! an inventory and ingests them at the speed limit.
//!
//! `cargo run --example intake` is a demonstration on a simulated Harbor in this process.
//! `cargo run --example intake -- --config FILE COMMAND [NAME]` works on real registries; what it
//! takes and prints is frozen in `docs/example-contract.md`.

mod allowlist;
mod arguments;
mod confirm;
mod demonstration;
mod dry_run;
mod failure;
mod forwarding;
mod ingest;
mod integrations;
mod inventory;
mod list;
mod output;
mod records;
mod regions;
mod run;
mod runs;
mod selection;
mod stop;
mod store;
mod sync;
mod verify;

use std::{io, process::ExitCode, sync::Arc};

use clap::{CommandFactory, Parser, error::ErrorKind};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use crate::{
    arguments::{Arguments, Command, Lang},
    failure::{Failure, Verdict},
    output::Output,
};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log_to_stderr();
    let output = Arc::new(Output::new(arguments.output, arguments.lang.into()));
    match run(&arguments, &output).await {
        Ok(verdict) => verdict.into(),
        // Whoever read the output has seen enough.
        Err(Failure::Closed) => ExitCode::SUCCESS,
        Err(Failure::Usage(usage)) => {
            match arguments.lang {
                Lang::En => {
                    let mut command = Arguments::command();
                    let _ = command
                        .error(ErrorKind::ValueValidation, usage.english)
                        .print();
                }
                Lang::Zh => eprintln!("错误：{}\n\n用法说明请见 --help。", usage.chinese),
            }
            Verdict::USAGE.into()
        }
        Err(Failure::Error(error)) => {
            output.error(None, &error);
            Verdict::Failed.into()
        }
    }
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

async fn run(arguments: &Arguments, output: &Arc<Output>) -> Result<Verdict, Failure> {
    match &arguments.command {
        Some(Command::Verify(name)) => verify::verify(arguments, name, output).await,
        Some(Command::List(name)) => list::list(arguments, name, output).await,
        Some(Command::Sync(wish)) => sync::sync(arguments, wish, output).await,
        Some(Command::Ingest(wish)) => ingest::ingest(arguments, wish, output).await,
        Some(Command::Run(name)) => run::run(arguments, name, output).await,
        Some(Command::Runs(name)) => runs::runs(arguments, name, output).await,
        Some(Command::Changes(wish)) => runs::changes(arguments, wish, output).await,
        Some(Command::Confirm(wish)) => confirm::confirm(arguments, wish, output).await,
        Some(Command::Inventory(name)) => inventory::inventory(arguments, name, output).await,
        Some(Command::Integrations(name)) => {
            integrations::integrations(arguments, name, output).await
        }
        Some(Command::Regions(table)) => regions::regions(table, output),
        Some(Command::Allowlist(wish)) => allowlist::allowlist(arguments, wish, output).await,
        Some(Command::Forwarding(wish)) => forwarding::forwarding(arguments, wish, output),
        None if arguments.is_bare() => demonstration::demonstrate(output).await,
        None => Err(Failure::usage("a command is missing", "缺少命令")),
    }
}
