//! `runs` and `changes`: what syncs did.

use std::io::{self, Write};

use registry_intake::{
    clock::Timestamp,
    inventory::{Inventory, RunChange, RunReport},
};
use serde::Serialize;

use crate::{
    arguments::{Arguments, Changes, Name},
    failure::{Failure, Verdict},
    output::{Output, Report},
    records::{short, to_the_second},
    selection, store,
    sync::RunRecord,
};

/// As many as the inventory keeps.
const RUNS: u32 = 51;

const PAGE: u32 = 500;

/// Of one integration or all that are stored.
pub(crate) async fn runs(
    arguments: &Arguments,
    name: &Name,
    output: &Output,
) -> Result<Verdict, Failure> {
    store::with_existing(arguments, async |store| {
        let store = store.ok_or_else(store::missing)?;
        let stored = store.integrations().await?;
        for stored in selection::named(stored, store::name_of, name)? {
            let integration = store::name_of(&stored);
            for run in store.runs(integration, RUNS).await? {
                output.report(&PastRun::new(integration, &run))?;
            }
        }
        Ok(Verdict::Done)
    })
    .await
}

pub(crate) async fn changes(
    arguments: &Arguments,
    wish: &Changes,
    output: &Output,
) -> Result<Verdict, Failure> {
    store::with_existing(arguments, async |store| {
        let store = store.ok_or_else(store::missing)?;
        let only = Name {
            name: Some(wish.name.clone()),
        };
        selection::named(store.integrations().await?, store::name_of, &only)?;
        let last = store.runs(&wish.name, 1).await?.into_iter().next();
        let run = wish.run.or_else(|| last?.run);
        let run = run.ok_or_else(|| Failure::usage("there is no run yet", "还没有任何运行记录"))?;
        tell(&wish.name, run, store, output).await?;
        Ok(Verdict::Done)
    })
    .await
}

async fn tell(
    integration: &str,
    run: i64,
    store: &dyn Inventory,
    output: &Output,
) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let changes = store.run_changes(integration, run, after, PAGE).await?;
        let Some(last) = changes.last() else {
            return Ok(());
        };
        after = Some(last.sequence);
        for change in &changes {
            output.report(&ChangeRecord::new(integration, run, change))?;
        }
    }
}

#[derive(Serialize)]
struct PastRun<'a> {
    integration: &'a str,
    run: Option<i64>,
    started_at: Timestamp,
    finished_at: Timestamp,
    takeovers: u32,
    #[serde(flatten)]
    record: RunRecord,
}

impl<'a> PastRun<'a> {
    fn new(integration: &'a str, run: &RunReport) -> Self {
        Self {
            integration,
            run: run.run,
            started_at: run.started_at,
            finished_at: run.finished_at,
            takeovers: run.takeovers,
            record: run.into(),
        }
    }
}

impl Report for PastRun<'_> {
    fn text(&self, to: &mut Vec<u8>) -> io::Result<()> {
        let number = self.run.unwrap_or_default();
        let at = to_the_second(self.started_at);
        let summary = self.record.summary();
        writeln!(to, "{} {number}  {at}  {summary}", self.integration)?;
        writeln!(to, "  {}", self.record.effort())
    }
}

#[derive(Serialize)]
struct ChangeRecord<'a> {
    integration: &'a str,
    run: i64,
    sequence: i64,
    change: &'static str,
    repository: &'a str,
    digest: &'a str,
    tags: Vec<&'a str>,
    tags_before: Option<Vec<&'a str>>,
}

impl<'a> ChangeRecord<'a> {
    fn new(integration: &'a str, run: i64, change: &'a RunChange) -> Self {
        let location = &change.location;
        let before = change.tags_before.as_ref();
        Self {
            integration,
            run,
            sequence: change.sequence,
            change: change.kind.as_str(),
            repository: location.repository.as_str(),
            digest: location.digest.as_str(),
            tags: location.tags.iter().map(|tag| tag.as_str()).collect(),
            tags_before: before.map(|tags| tags.iter().map(|tag| tag.as_str()).collect()),
        }
    }
}

impl Report for ChangeRecord<'_> {
    fn text(&self, to: &mut Vec<u8>) -> io::Result<()> {
        let (change, digest) = (self.change, short(self.digest));
        write!(to, "{change:<8}  {digest}  {}", self.repository)?;
        match self.tags.as_slice() {
            [] => write!(to, "  (untagged)")?,
            tags => write!(to, ":{}", tags.join(","))?,
        }
        if let Some(before) = &self.tags_before {
            write!(to, "  before: {}", before.join(","))?;
        }
        writeln!(to)
    }
}
