//! Serves a simulated registry on 127.0.0.1 until Ctrl-C or SIGTERM.
//!
//! `cargo run --example simulator -- --kind harbor-v2 --port 8080`
//!
//! Its first line on standard output is one JSON object that says where it listens and how to log
//! in. With `--projects`, `--repositories` or `--artifacts`, which are totals, it serves generated
//! contents, spread evenly; else the demonstration's.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, ValueEnum};
use registry_intake::simulator::{HarborV2, harbor_v2::Release};
use serde_json::json;

#[derive(Debug, Parser)]
#[command(about = "Serves a simulated registry on 127.0.0.1 until stopped")]
struct Arguments {
    /// The kind of registry.
    #[arg(long, value_enum)]
    kind: Kind,
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The release of Harbor: 2.0, 2.5, 2.9, 2.11, 2.12 or 2.15.
    #[arg(long, default_value_t)]
    release: Release,
    /// How many projects.
    #[arg(long)]
    projects: Option<u64>,
    /// How many repositories in all projects together.
    #[arg(long)]
    repositories: Option<u64>,
    /// How many artifacts in all repositories together.
    #[arg(long)]
    artifacts: Option<u64>,
    /// Refuse what goes beyond so many requests a second.
    #[arg(long, value_name = "REQUESTS_PER_SECOND", value_parser = clap::value_parser!(u32).range(1..))]
    throttle: Option<u32>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    HarborV2,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match serve(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: &Arguments) -> io::Result<()> {
    let Kind::HarborV2 = arguments.kind;
    let mut builder = HarborV2::builder()
        .release(arguments.release)
        .port(arguments.port);
    if let Some(per_second) = arguments.throttle {
        builder = builder.throttle(per_second);
    }
    let sizes = [
        arguments.projects,
        arguments.repositories,
        arguments.artifacts,
    ];
    if sizes.iter().any(Option::is_some) {
        let [projects, repositories, artifacts] = sizes.map(Option::unwrap_or_default);
        builder = builder.sized(projects, repositories, artifacts);
    }
    let harbor = builder.start().await?;
    let first_line = json!({
        "kind": "harbor-v2",
        "address": harbor.address().to_string(),
        "username": HarborV2::USERNAME,
        "password": HarborV2::PASSWORD,
        "robot_username": HarborV2::ROBOT_USERNAME,
        "robot_password": HarborV2::ROBOT_SECRET,
        "release": harbor.release().name(),
    });
    writeln!(io::stdout(), "{first_line}")?;
    io::stdout().flush()?;
    stopped().await
}

#[cfg(unix)]
async fn stopped() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminated.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn stopped() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
