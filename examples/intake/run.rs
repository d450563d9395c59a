//! `run`: the whole service, until it is told to stop.

use std::{
    io::{self, Write},
    sync::Arc,
};

use registry_intake::{
    clock::Timestamp,
    intake::{Intake, IntakeEvent},
    inventory::RunKind,
};
use serde::Serialize;

use crate::{
    arguments::{Arguments, Name},
    failure::{Failure, Verdict},
    ingest::Printer,
    output::{Output, Report},
    records::to_the_second,
    selection, stop, store,
    sync::SyncReport,
};

pub(crate) async fn run(
    arguments: &Arguments,
    only: &Name,
    output: &Arc<Output>,
) -> Result<Verdict, Failure> {
    let integrations = selection::configured(arguments, only)?;
    for config in &integrations {
        selection::warn(config, output);
    }
    store::with(arguments, async |store| {
        let printer = Arc::new(Printer::new(Arc::clone(output), true));
        let mut stopped = printer.stopped();
        stop::on_signal(printer.stopper())?;
        let intake = Intake::builder()
            .inventory(Arc::clone(store))
            .sink(Arc::clone(&printer) as _)
            .integrations(integrations)
            .build()
            .await?;
        let stopped = async {
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        let serving = intake.run_observed(stopped, |name, event| {
            observe(name, event, &printer, output);
        });
        serving.await?;
        printer.finish()?;
        Ok(Verdict::Done)
    })
    .await
}

fn observe(name: &str, event: IntakeEvent, printer: &Printer, output: &Output) {
    let told = match event {
        IntakeEvent::Verified(report) => {
            if let Some(error) = report.failure() {
                output.error(Some(name), &error.into());
            }
            Ok(())
        }
        IntakeEvent::Scheduled { at, kind, schedule } => output.report(&Event::Scheduled {
            integration: name,
            at,
            run: kind,
            schedule: schedule.to_string(),
            timezone: schedule.time_zone(),
        }),
        IntakeEvent::Synced(run) => output.report(&Event::Synced(SyncReport::of(name, &run))),
        IntakeEvent::SyncFailed { error, .. } | IntakeEvent::IngestFailed { error, .. } => {
            output.error(Some(name), &error.into());
            Ok(())
        }
        IntakeEvent::Ingest(event) => {
            printer.observe(name, event);
            Ok(())
        }
        _ => Ok(()),
    };
    if let Err(failure) = told {
        printer.give_up(failure);
    }
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    Scheduled {
        integration: &'a str,
        at: Timestamp,
        run: RunKind,
        schedule: String,
        timezone: &'a str,
    },
    Synced(SyncReport<'a>),
}

impl Report for Event<'_> {
    fn text(&self, to: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Event::Scheduled {
                integration,
                at,
                run,
                schedule,
                ..
            } => {
                let at = to_the_second(*at);
                writeln!(
                    to,
                    "{integration}: the next {} sync is at {at} ({schedule})",
                    run.as_str()
                )
            }
            Event::Synced(report) => report.text(to),
        }
    }
}
