//! Serves a simulated registry on 127.0.0.1 until Ctrl-C or SIGTERM.
//!
//! `cargo run --example simulator -- --kind harbor-v2 --port 8080`
//! `cargo run --example simulator -- --kind harbor-v1 --port 8080`
//! `cargo run --example simulator -- --kind quay --port 8080`
//! `cargo run --example simulator -- --kind acr-enterprise --port 8080`
//! `cargo run --example simulator -- --kind acr-personal --port 8080`
//!
//! Its first line on standard output is one JSON object that says where it listens and how to log
//! in. With `--projects`, `--repositories` or `--artifacts`, which are totals, it serves generated
//! contents, spread evenly; else the demonstration's.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, ValueEnum};
use registry_intake::simulator::{
    AcrEnterprise, AcrPersonal, HarborV1, HarborV2, Quay, harbor_v2::Release,
};
use serde_json::{Value, json};

#[derive(Debug, Parser)]
#[command(about = "Serves a simulated registry on 127.0.0.1 until stopped")]
struct Arguments {
    /// The kind of registry.
    #[arg(long, value_enum)]
    kind: Kind,
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The release of Harbor 2.x: 2.0, 2.5, 2.9, 2.11, 2.12 or 2.15.
    #[arg(long, default_value_t)]
    release: Release,
    /// How many projects, organizations of a Quay, or namespaces of an ACR.
    #[arg(long)]
    projects: Option<u64>,
    /// How many repositories in all of them together.
    #[arg(long)]
    repositories: Option<u64>,
    /// How many artifacts, or tags of a Harbor 1.x, a Quay or an ACR, in all repositories together.
    #[arg(long)]
    artifacts: Option<u64>,
    /// Refuse what goes beyond so many requests a second.
    #[arg(long, value_name = "REQUESTS_PER_SECOND", value_parser = clap::value_parser!(u32).range(1..))]
    throttle: Option<u32>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    HarborV1,
    HarborV2,
    Quay,
    AcrEnterprise,
    AcrPersonal,
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
    match arguments.kind {
        Kind::HarborV1 => serve_harbor_v1(arguments).await,
        Kind::HarborV2 => serve_harbor_v2(arguments).await,
        Kind::Quay => serve_quay(arguments).await,
        Kind::AcrEnterprise => serve_acr_enterprise(arguments).await,
        Kind::AcrPersonal => serve_acr_personal(arguments).await,
    }
}

async fn serve_harbor_v1(arguments: &Arguments) -> io::Result<()> {
    let mut builder = HarborV1::builder().port(arguments.port);
    if let Some(per_second) = arguments.throttle {
        builder = builder.throttle(per_second);
    }
    if let Some([projects, repositories, tags]) = arguments.sizes() {
        builder = builder.sized(projects, repositories, tags);
    }
    let harbor = builder.start().await?;
    announce(&json!({
        "kind": "harbor-v1",
        "address": harbor.address().to_string(),
        "username": HarborV1::USERNAME,
        "password": HarborV1::PASSWORD,
    }))?;
    stopped().await
}

async fn serve_harbor_v2(arguments: &Arguments) -> io::Result<()> {
    let mut builder = HarborV2::builder()
        .release(arguments.release)
        .port(arguments.port);
    if let Some(per_second) = arguments.throttle {
        builder = builder.throttle(per_second);
    }
    if let Some([projects, repositories, artifacts]) = arguments.sizes() {
        builder = builder.sized(projects, repositories, artifacts);
    }
    let harbor = builder.start().await?;
    announce(&json!({
        "kind": "harbor-v2",
        "address": harbor.address().to_string(),
        "username": HarborV2::USERNAME,
        "password": HarborV2::PASSWORD,
        "robot_username": HarborV2::ROBOT_USERNAME,
        "robot_password": HarborV2::ROBOT_SECRET,
        "release": harbor.release().name(),
    }))?;
    stopped().await
}

async fn serve_quay(arguments: &Arguments) -> io::Result<()> {
    let mut builder = Quay::builder().port(arguments.port);
    if let Some(per_second) = arguments.throttle {
        builder = builder.throttle(per_second);
    }
    if let Some([organizations, repositories, tags]) = arguments.sizes() {
        builder = builder.sized(organizations, repositories, tags);
    }
    let quay = builder.start().await?;
    let organizations = quay.organizations().into_iter().map(
        |organization| json!({ "organization": organization, "auth_token": Quay::AUTH_TOKEN }),
    );
    announce(&json!({
        "kind": "quay",
        "address": quay.address().to_string(),
        "organizations": organizations.collect::<Vec<_>>(),
        "username": Quay::USERNAME,
        "password": Quay::PASSWORD,
    }))?;
    stopped().await
}

async fn serve_acr_enterprise(arguments: &Arguments) -> io::Result<()> {
    let mut builder = AcrEnterprise::builder().port(arguments.port);
    if let Some(per_second) = arguments.throttle {
        builder = builder.throttle(per_second);
    }
    if let Some([namespaces, repositories, tags]) = arguments.sizes() {
        builder = builder.sized(namespaces, repositories, tags);
    }
    let acr = builder.start().await?;
    announce(&json!({
        "kind": "acr-enterprise",
        "address": acr.address().to_string(),
        "access_key_id": AcrEnterprise::ACCESS_KEY_ID,
        "access_key_secret": AcrEnterprise::ACCESS_KEY_SECRET,
        "region_id": AcrEnterprise::REGION_ID,
        "instance_id": AcrEnterprise::INSTANCE_ID,
        "instance_name": AcrEnterprise::INSTANCE_NAME,
    }))?;
    stopped().await
}

async fn serve_acr_personal(arguments: &Arguments) -> io::Result<()> {
    let mut builder = AcrPersonal::builder().port(arguments.port);
    if let Some(per_second) = arguments.throttle {
        builder = builder.throttle(per_second);
    }
    if let Some([namespaces, repositories, tags]) = arguments.sizes() {
        builder = builder.sized(namespaces, repositories, tags);
    }
    let acr = builder.start().await?;
    announce(&json!({
        "kind": "acr-personal",
        "address": acr.address().to_string(),
        "access_key_id": AcrPersonal::ACCESS_KEY_ID,
        "access_key_secret": AcrPersonal::ACCESS_KEY_SECRET,
        "region_id": AcrPersonal::REGION_ID,
    }))?;
    stopped().await
}

impl Arguments {
    /// The totals, where any is given.
    fn sizes(&self) -> Option<[u64; 3]> {
        let sizes = [self.projects, self.repositories, self.artifacts];
        let any = sizes.iter().any(Option::is_some);
        any.then(|| sizes.map(Option::unwrap_or_default))
    }
}

/// Prints the first line.
fn announce(first_line: &Value) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{first_line}")?;
    stdout.flush()
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
