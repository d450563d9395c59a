//! `ingest`: the images of the inventory leave it no faster than the speed limit, to a sink that
//! prints them.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::join_all;
use registry_intake::{
    clock::Timestamp,
    config::IntegrationConfig,
    connector::{ConnectContext, connect_within},
    error::BoxError,
    image::Location,
    ingest::{Delivery, ImageIngester, ImageSink, IngestEvent, SinkError, Until},
    inventory::{Change, ChangeKind, Inventory},
};
use serde::Serialize;
use tokio::sync::watch;

use crate::{
    arguments::{Arguments, Ingest},
    failure::{Failure, Verdict},
    output::{Output, Report},
    records::{short, to_the_second},
    selection, stop, store,
};

/// All integrations at once, since each has a pace of its own.
pub(crate) async fn ingest(
    arguments: &Arguments,
    wish: &Ingest,
    output: &Arc<Output>,
) -> Result<Verdict, Failure> {
    let integrations = selection::configured(arguments, &wish.only)?;
    for config in &integrations {
        selection::warn(config, output);
    }
    let until = match (wish.until_idle, wish.max) {
        (true, max) => Until::DRAINED.or_images(max.unwrap_or(u64::MAX)),
        (false, Some(max)) => Until::images(max),
        (false, None) => Until::STOPPED,
    };
    let connections = ConnectContext::new();
    store::with(arguments, async |store| {
        let printer = Arc::new(Printer::new(Arc::clone(output), !wish.until_idle));
        stop::on_signal(printer.stopper())?;
        let runs = integrations.iter().map(async |config| {
            let ended = ingest_one(config, &connections, store, until, &printer).await;
            selection::settle(config, ended, output)
        });
        let ended = join_all(runs).await;
        printer.finish()?;
        ended
            .into_iter()
            .try_fold(Verdict::Done, |worst, ended| Ok(worst.max(ended?)))
    })
    .await
}

/// One integration, until it is idle, has had enough, or is told to stop.
pub(crate) async fn ingest_one(
    config: &IntegrationConfig,
    connections: &ConnectContext,
    store: &Arc<dyn Inventory>,
    until: Until,
    printer: &Arc<Printer>,
) -> Result<Verdict, Failure> {
    let (store, sink) = (Arc::clone(store), Arc::clone(printer));
    let registry = connect_within(config, connections)?;
    let ingester = ImageIngester::builder(config.name(), registry, store, sink)
        .pace(config.speed_limit())
        .build()?;
    let mut stop = printer.stopped();
    let stopped = async move {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    let run = ingester.run_observed(until, stopped, |event| {
        printer.observe(config.name(), event);
    });
    run.await?;
    Ok(Verdict::Done)
}

/// Prints what it is handed, and so takes it over: only what was printed is acknowledged.
pub(crate) struct Printer {
    output: Arc<Output>,
    /// Set when the program is to end.
    stop: watch::Sender<bool>,
    /// Idleness is news only to who waits for more.
    tells_idle: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    handed: u64,
    pending: BTreeMap<String, u64>,
    /// Why nothing more can be printed.
    broken: Option<Failure>,
}

impl Printer {
    pub(crate) fn new(output: Arc<Output>, tells_idle: bool) -> Self {
        output.spin();
        Self {
            output,
            stop: watch::Sender::new(false),
            tells_idle,
            state: Mutex::default(),
        }
    }

    /// Where the program is told to end.
    pub(crate) fn stopper(&self) -> watch::Sender<bool> {
        self.stop.clone()
    }

    /// Where the program reads that it is to end.
    pub(crate) fn stopped(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Takes the bar away, and fails where something could not be printed.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        self.output.at_rest();
        self.state().broken.take().map_or(Ok(()), Err)
    }

    pub(crate) fn observe(&self, integration: &str, event: IngestEvent) {
        match event {
            IngestEvent::Handed { .. } => self.progress(integration, 1, None),
            IngestEvent::Waiting { until, pending } => {
                self.progress(integration, 0, Some(pending));
                self.output
                    .progress(|| format!("next at {}", to_the_second(until)));
                self.wait(integration, Some(until), pending);
            }
            IngestEvent::Idle { lease_ends_at } => {
                self.progress(integration, 0, Some(0));
                if self.tells_idle || lease_ends_at.is_some() {
                    self.wait(integration, lease_ends_at, 0);
                }
            }
            IngestEvent::Lost { error, .. } | IngestEvent::InventoryFailed { error, .. } => {
                self.output.error(Some(integration), &error.into());
            }
            _ => {}
        }
    }

    fn wait(&self, integration: &str, until: Option<Timestamp>, pending: u64) {
        // The bar tells it in a terminal.
        if !self.output.has_bar() {
            let _ = self.print(&Event::Waiting {
                integration,
                until,
                pending,
            });
        }
    }

    fn progress(&self, integration: &str, handed: u64, pending: Option<u64>) {
        let (done, left) = {
            let mut state = self.state();
            state.handed += handed;
            if let Some(left) = state.pending.get_mut(integration) {
                *left = left.saturating_sub(handed);
            }
            if let Some(pending) = pending {
                state.pending.insert(integration.to_owned(), pending);
            }
            (state.handed, state.pending.values().sum())
        };
        self.output.advance(done, left);
    }

    /// What cannot be printed ends the program.
    fn print(&self, event: &Event<'_>) -> Result<(), SinkError> {
        self.output.report(event).map_err(|failure| {
            self.give_up(failure);
            SinkError::retry_after("standard output is closed", Duration::ZERO)
        })
    }

    pub(crate) fn give_up(&self, failure: Failure) {
        self.state().broken = Some(failure);
        self.stop.send_replace(true);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ImageSink for Printer {
    async fn ingest(&self, delivery: Delivery) -> Result<(), SinkError> {
        self.print(&Event::Image {
            integration: &delivery.integration,
            digest: delivery.digest.as_str(),
            locations: &delivery.locations,
            attempt: delivery.attempt,
        })
    }

    async fn changed(&self, change: Change) -> Result<(), BoxError> {
        let event = Event::Changed {
            integration: &change.integration,
            digest: change.location.digest.as_str(),
            change: change.kind,
            location: &change.location,
        };
        self.print(&event)
            .map_err(|_| "standard output is closed".into())
    }
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    Image {
        integration: &'a str,
        digest: &'a str,
        locations: &'a [Location],
        attempt: u32,
    },
    Changed {
        integration: &'a str,
        digest: &'a str,
        change: ChangeKind,
        location: &'a Location,
    },
    Waiting {
        integration: &'a str,
        until: Option<Timestamp>,
        pending: u64,
    },
}

impl Report for Event<'_> {
    fn text(&self, to: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Event::Image {
                integration,
                digest,
                locations,
                attempt,
            } => {
                write!(to, "{integration}  {}", short(digest))?;
                for location in *locations {
                    write!(to, "  {}", place(location))?;
                }
                if *attempt > 1 {
                    write!(to, "  (attempt {attempt})")?;
                }
                writeln!(to)
            }
            Event::Changed {
                integration,
                digest,
                change,
                location,
            } => {
                let what = match change {
                    ChangeKind::LocationAdded => "is now also at",
                    ChangeKind::Retagged => "has other tags:",
                    ChangeKind::Gone => "is gone from",
                    _ => "changed at",
                };
                let digest = short(digest);
                writeln!(to, "{integration}  {digest}  {what} {}", place(location))
            }
            Event::Waiting {
                integration,
                until: Some(until),
                pending,
            } => {
                let until = to_the_second(*until);
                writeln!(to, "{integration}: {pending} waiting, the next at {until}")
            }
            Event::Waiting { integration, .. } => writeln!(to, "{integration}: nothing is waiting"),
        }
    }
}

/// `repository:tag,tag`
fn place(location: &Location) -> String {
    let tags: Vec<_> = location.tags.iter().map(|tag| tag.as_str()).collect();
    match tags.as_slice() {
        [] => location.repository.to_string(),
        tags => format!("{}:{}", location.repository, tags.join(",")),
    }
}
