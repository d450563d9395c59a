use std::{pin::pin, sync::Arc, time::Duration};

use futures_util::future::{Either, select};

use super::{IntakeEvent, builder::Parts, member::Member, serving::Observe};
use crate::{
    error::IntegrationError,
    ingest::{ImageIngester, Until},
    inventory::InventoryError,
};

/// How long to wait for the first sync of an integration before looking again.
const BEFORE_THE_FIRST_SYNC: Duration = Duration::from_secs(10);
/// How long to wait after a failure that lasts.
const AFTER_A_FAILURE: Duration = Duration::from_secs(60);

/// Ingests the images of one integration until it is told to stop.
pub(super) async fn ingest<S: Future<Output = ()> + Send>(
    parts: &Parts,
    member: &Member,
    stopped: &(impl Fn() -> S + Sync),
    observe: Observe<'_>,
) {
    if !member.connector.capabilities().scan {
        tracing::info!(
            integration = member.name(),
            "its images are listed and never scanned"
        );
        return stopped().await;
    }
    loop {
        let error = match ingester(parts, member) {
            Ok(ingester) => match run(&ingester, member, stopped(), observe).await {
                Ok(()) => return,
                Err(error) => error,
            },
            Err(error) => {
                tracing::error!(integration = member.name(), %error, "no ingestion");
                return stopped().await;
            }
        };
        let pause = match &error {
            // Nothing is wrong: nobody has synced it yet.
            InventoryError::UnknownIntegration { .. } => BEFORE_THE_FIRST_SYNC,
            _ => {
                observe(IntakeEvent::IngestFailed {
                    error: (&error).into(),
                    retry_at: parts.clock.now().saturating_add(AFTER_A_FAILURE),
                });
                AFTER_A_FAILURE
            }
        };
        let resting = pin!(member.rest(&*parts.clock, pause));
        if let Either::Left(_) = select(pin!(stopped()), resting).await {
            return;
        }
    }
}

pub(super) fn ingester(parts: &Parts, member: &Member) -> Result<ImageIngester, IntegrationError> {
    let builder = ImageIngester::builder(
        member.name(),
        Arc::clone(&member.connector),
        Arc::clone(&parts.inventory),
        Arc::clone(&parts.sink),
    );
    (parts.ingestion)(builder.clock(Arc::clone(&parts.clock)))
        .pace(member.pace())
        .build()
}

async fn run(
    ingester: &ImageIngester,
    member: &Member,
    stopped: impl Future<Output = ()> + Send,
    observe: Observe<'_>,
) -> Result<(), InventoryError> {
    let running = ingester.run_observed(Until::STOPPED, stopped, |event| {
        observe(IntakeEvent::Ingest(event));
    });
    let repacing = async {
        let mut pace = member.paces();
        while pace.changed().await.is_ok() {
            ingester.set_pace(*pace.borrow_and_update());
        }
    };
    match select(pin!(running), pin!(repacing)).await {
        Either::Left((ended, _)) => ended.map(drop),
        Either::Right(((), running)) => running.await.map(drop),
    }
}
