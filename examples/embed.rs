//! A scanner service in small: every image of the configured registries reaches `Scanner::scan`, at
//! the operator's pace, until Ctrl-C.
//!
//! `cargo run --example embed -- registries.toml [INVENTORY]`

#![allow(clippy::print_stdout, reason = "what it does is told to a person")]

use std::{env, error::Error, fs, sync::Arc};

use async_trait::async_trait;
use registry_intake::{
    config::Config,
    connector::PullAccess,
    error::BoxError,
    ingest::{Delivery, ImageSink, SinkError},
    intake::{Intake, IntakeEvent},
    inventory::{self, Change},
};

struct Scanner;

impl Scanner {
    /// Where a real scanner pulls and looks.
    async fn scan(&self, access: PullAccess) -> Result<(), BoxError> {
        println!("scanning {}", access.reference());
        Ok(())
    }
}

#[async_trait]
impl ImageSink for Scanner {
    async fn ingest(&self, delivery: Delivery) -> Result<(), SinkError> {
        // One digest is scanned once, wherever it is found.
        if let Some(location) = delivery.locations.first() {
            let access = delivery.pull_access(location).await?;
            self.scan(access).await?;
        }
        Ok(())
    }

    async fn changed(&self, change: Change) -> Result<(), BoxError> {
        println!("{:?}: {}", change.kind, change.location.repository);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let settings = arguments.next().ok_or("usage: embed FILE [INVENTORY]")?;
    let place = arguments.next().unwrap_or_else(|| "embed.db".to_owned());
    let intake = Intake::builder()
        .inventory(inventory::open(&place).await?)
        .sink(Arc::new(Scanner))
        .integrations(Config::from_toml(&fs::read_to_string(settings)?)?.integrations)
        .build()
        .await?;
    let stop = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    intake
        .run_observed(stop, |name, event| match event {
            IntakeEvent::Verified(report) => {
                if let Some(error) = report.failure() {
                    eprintln!("{name}: {error}");
                }
            }
            IntakeEvent::Scheduled { at, schedule, .. } => {
                println!("{name}: the next sync is at {at} ({schedule})");
            }
            IntakeEvent::Synced(run) => println!("{name}: {} images, {} new", run.listed, run.new),
            IntakeEvent::SyncFailed { error, .. } | IntakeEvent::IngestFailed { error, .. } => {
                eprintln!("{name}: {}. {}", error.message, error.remedy);
            }
            _ => {}
        })
        .await?;
    Ok(())
}
