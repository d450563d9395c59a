//! `sync`: one listing, and what it changes in the inventory.

use std::{
    io::{self, Write},
    sync::Arc,
};

use registry_intake::{
    config::IntegrationConfig,
    connector::{ConnectContext, connect_within},
    error::ErrorCode,
    image::{BlindSpot, Proof},
    inventory::{PageChanges, RunKind, RunReport},
    sync::{InventorySync, SyncEvent},
};
use serde::Serialize;

use crate::{
    arguments::{Arguments, Sync},
    dry_run,
    failure::{Failure, Verdict},
    output::{Output, Report},
    selection, store,
};

pub(crate) async fn sync(
    arguments: &Arguments,
    wish: &Sync,
    output: &Output,
) -> Result<Verdict, Failure> {
    let integrations = selection::configured(arguments, &wish.only)?;
    let connections = ConnectContext::new();
    store::with(arguments, async |store| {
        selection::in_order(&integrations, output, async |config| {
            let registry = connect_within(config, &connections)?;
            let sync = InventorySync::new(config.name(), registry, Arc::clone(store))
                .with_selection(config.selection().clone())
                .with_kind(if wish.incremental {
                    RunKind::Incremental
                } else {
                    RunKind::Full
                });
            if wish.dry_run {
                return dry_run::dry_run(config, &sync, output).await;
            }
            let sync = if wish.rehome { sync.rehoming() } else { sync };
            sync_one(config, &sync, output).await
        })
        .await
    })
    .await
}

pub(crate) async fn sync_one(
    config: &IntegrationConfig,
    sync: &InventorySync,
    output: &Output,
) -> Result<Verdict, Failure> {
    let mut seen = PageChanges::default();
    output.spin();
    let run = sync.run_observed(|event| {
        if let SyncEvent::Page { changes, .. } = event {
            seen.new += changes.new;
            seen.changed += changes.changed;
            seen.unchanged += changes.unchanged;
            output.progress(|| {
                let images = seen.new + seen.changed + seen.unchanged;
                format!("{}: {images} images, {} new", config.name(), seen.new)
            });
        }
    });
    let ended = run.await;
    output.at_rest();
    let run = ended?;
    output.report(&SyncReport::of(config.name(), &run))?;
    if let Some(failure) = &run.failure {
        output.error(Some(config.name()), &failure.clone().into());
    }
    Ok(if run.is_successful() {
        Verdict::Done
    } else {
        Verdict::Incomplete
    })
}

#[derive(Serialize)]
pub(crate) struct SyncReport<'a> {
    integration: &'a str,
    #[serde(flatten)]
    run: RunRecord,
}

impl<'a> SyncReport<'a> {
    pub(crate) fn of(integration: &'a str, run: &RunReport) -> Self {
        Self {
            integration,
            run: run.into(),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct RunRecord {
    kind: RunKind,
    complete: bool,
    proof: Option<Proof>,
    listed: u64,
    new: u64,
    changed: u64,
    unchanged: u64,
    gone: u64,
    held: u64,
    skipped: u64,
    excluded: u64,
    requests: u64,
    elapsed_ms: u64,
    blind_to: Vec<BlindSpot>,
    code: Option<ErrorCode>,
}

impl From<&RunReport> for RunRecord {
    fn from(run: &RunReport) -> Self {
        Self {
            kind: run.kind,
            complete: run.is_complete(),
            proof: run.proof,
            listed: run.listed,
            new: run.new,
            changed: run.changed,
            unchanged: run.unchanged,
            gone: run.gone,
            held: run.held,
            skipped: run.skipped,
            excluded: run.excluded,
            requests: run.requests,
            elapsed_ms: run.elapsed_ms,
            blind_to: run.blind_to.clone(),
            code: run.failure.as_ref().map(|failure| failure.code),
        }
    }
}

impl RunRecord {
    /// `complete by totals: 5 images, 5 new, ...`
    pub(crate) fn summary(&self) -> String {
        let word = match (self.kind, self.complete, self.code) {
            (RunKind::Incremental, _, None) => "what has changed",
            (_, true, _) => "complete",
            _ => "not complete",
        };
        let proof = self.proof.map_or_else(String::new, |proof| {
            format!(", proved by {}", proof.as_str())
        });
        let Self {
            listed,
            new,
            changed,
            gone,
            held,
            ..
        } = self;
        format!(
            "{word}{proof}: {listed} images, {new} new, {changed} changed, {gone} gone, {held} held back"
        )
    }

    /// What the run cost and what it left out.
    pub(crate) fn effort(&self) -> String {
        format!(
            "{} requests in {} ms; scopes not read: {}, left out on purpose: {}",
            self.requests, self.elapsed_ms, self.skipped, self.excluded
        )
    }
}

impl Report for SyncReport<'_> {
    fn text(&self, to: &mut Vec<u8>) -> io::Result<()> {
        writeln!(to, "{}: {}", self.integration, self.run.summary())?;
        writeln!(to, "  {}", self.run.effort())
    }
}
