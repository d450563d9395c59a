//! `sync --dry-run`: what a selection takes, what that costs and how long it takes.

use std::io::{self, Write};

use registry_intake::{
    config::{IntegrationConfig, SpeedLimit},
    error::ErrorCode,
    image::Proof,
    sync::{DryRun, InventorySync},
};
use serde::Serialize;

use crate::{
    failure::{Failure, Verdict},
    output::{Output, Report},
};

pub(crate) async fn dry_run(
    config: &IntegrationConfig,
    sync: &InventorySync,
    output: &Output,
) -> Result<Verdict, Failure> {
    output.spin();
    let ended = sync.dry_run().await;
    output.at_rest();
    let found = ended?;
    output.report(&DryRunReport::of(config, &found))?;
    let Some(failure) = found.failure else {
        return Ok(Verdict::Done);
    };
    output.error(Some(config.name()), &failure.into());
    Ok(Verdict::Incomplete)
}

#[derive(Serialize)]
struct DryRunReport<'a> {
    integration: &'a str,
    complete: bool,
    proof: Option<Proof>,
    listed: u64,
    selected: u64,
    digests: u64,
    to_ingest: u64,
    left_out: Vec<LeftOut>,
    skipped: u64,
    excluded: Vec<Excluded>,
    requests: u64,
    elapsed_ms: u64,
    speed_limit: SpeedLimit,
    ingestion_seconds: Option<u64>,
    code: Option<ErrorCode>,
}

#[derive(Serialize)]
struct LeftOut {
    reason: &'static str,
    images: u64,
}

#[derive(Serialize)]
struct Excluded {
    reason: &'static str,
    scopes: u64,
}

impl<'a> DryRunReport<'a> {
    fn of(config: &'a IntegrationConfig, found: &DryRun) -> Self {
        let speed_limit = config.speed_limit();
        let left_out = found.left_out.iter().map(|(reason, images)| LeftOut {
            reason: reason.as_str(),
            images: *images,
        });
        let excluded = found.excluded.iter().map(|(reason, scopes)| Excluded {
            reason: reason.as_str(),
            scopes: *scopes,
        });
        Self {
            integration: config.name(),
            complete: found.proof.is_some() && found.failure.is_none(),
            proof: found.proof,
            listed: found.listed,
            selected: found.selected,
            digests: found.digests,
            to_ingest: found.to_ingest,
            left_out: left_out.collect(),
            skipped: found.skipped,
            excluded: excluded.collect(),
            requests: found.requests,
            elapsed_ms: found.elapsed_ms,
            speed_limit,
            ingestion_seconds: found.ingestion_time(speed_limit).map(|time| time.as_secs()),
            code: found.failure.as_ref().map(|failure| failure.code),
        }
    }
}

impl Report for DryRunReport<'_> {
    fn text(&self, to: &mut Vec<u8>) -> io::Result<()> {
        let Self {
            integration,
            listed,
            selected,
            digests,
            to_ingest,
            ..
        } = self;
        writeln!(
            to,
            "{integration}: {selected} of {listed} images are selected, {digests} digests, {to_ingest} still to ingest"
        )?;
        for LeftOut { reason, images } in &self.left_out {
            writeln!(to, "  left out     {images} images: {reason}")?;
        }
        for Excluded { reason, scopes } in &self.excluded {
            writeln!(to, "  not asked    {scopes} scopes: {reason}")?;
        }
        writeln!(to, "  costs        {} requests", self.requests)?;
        match self.ingestion_seconds {
            Some(seconds) => {
                let hours = seconds as f64 / 3600.0;
                writeln!(
                    to,
                    "  takes        {hours:.1} hours at {}",
                    self.speed_limit
                )
            }
            None => writeln!(to, "  takes        as long as the sink needs"),
        }
    }
}
