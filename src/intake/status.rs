use std::{sync::Arc, time::Duration};

use super::{IntakeError, builder::Parts, ingesting::ingester, member::Member, syncing::next_of};
use crate::{
    clock::Timestamp,
    config::{ConfigWarning, SpeedLimit},
    image::RegistryKind,
    inventory::{IntegrationSummary, QueueStatus, RunReport, VerificationRecord},
    pace::Pace,
    schedule::Schedule,
    sync::DueRun,
};

/// How an integration stands.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct IntegrationStatus {
    /// The integration's name.
    pub name: String,
    /// The registry's kind.
    pub kind: RegistryKind,
    /// Its host and port.
    pub registry: String,
    /// How many images may be ingested.
    pub speed_limit: SpeedLimit,
    /// What is allowed in its configuration but should be known, such as that no certificate is
    /// verified.
    pub warnings: Vec<ConfigWarning>,
    /// The last verification: by any process, or, before the inventory knows the integration, by
    /// this one.
    pub last_verification: Option<VerificationRecord>,
    /// The last run that ended, complete or not, in the same sense.
    pub last_run: Option<RunReport>,
    /// The last full run that was complete.
    pub last_complete_run: Option<RunReport>,
    /// What the inventory knows: the run under way, how many images are in which state, how many
    /// are held back, and what rests. None before the first sync has begun.
    pub known: Option<IntegrationSummary>,
    /// How the queue stands, and when the next image can enter.
    pub queue: Option<QueueStatus>,
    /// When the next sync is due, and what it will read: a failed one is tried again before the
    /// next that is scheduled. None where none is.
    pub next_run: Option<DueRun>,
    /// What it is scheduled by, with its time zone.
    pub schedule: Schedule,
    /// When all that waits will have been handed over at the speed limit, if nothing fails and
    /// nothing new comes. None where nothing waits, where there is no limit, and where ingestion
    /// rests.
    pub estimated_end: Option<Timestamp>,
}

impl IntegrationStatus {
    pub(super) async fn of(
        member: &Arc<Member>,
        known: Option<IntegrationSummary>,
        parts: &Parts,
    ) -> Result<Self, IntakeError> {
        let (config, pace, own) = (member.config(), member.pace(), member.own());
        let by_all = known.as_ref();
        let verifications = [
            by_all.and_then(|known| known.last_verification.clone()),
            own.verification,
        ];
        let runs = [by_all.and_then(|known| known.last_run.clone()), own.unbegun];
        let queue = match &known {
            Some(_) => {
                let rescan_after = ingester(parts, member)
                    .ok()
                    .and_then(|ingester| ingester.rescan_after());
                let status = parts
                    .inventory
                    .queue_status(member.name(), &pace, rescan_after);
                Some(status.await?)
            }
            None => None,
        };
        Ok(Self {
            last_verification: verifications
                .into_iter()
                .flatten()
                .max_by_key(|last| last.at),
            last_run: runs.into_iter().flatten().max_by_key(|run| run.finished_at),
            last_complete_run: by_all.and_then(|known| known.last_complete_run.clone()),
            name: member.name().to_owned(),
            kind: member.connector.kind(),
            registry: member.connector.registry().to_owned(),
            speed_limit: config.speed_limit(),
            warnings: config.warnings().to_vec(),
            next_run: next_of(member, known.as_ref(), parts).await?,
            schedule: member.schedule(),
            estimated_end: queue.as_ref().and_then(|queue| end(queue, &pace)),
            known,
            queue,
        })
    }
}

/// When the last of all that waits enters.
fn end(queue: &QueueStatus, pace: &Pace) -> Option<Timestamp> {
    let limit = u64::from(pace.per_hour().filter(|_| !queue.paused.ingestion)?.get());
    let after_the_next = queue.pending.total().checked_sub(1)?;
    let seconds = after_the_next.saturating_mul(3600).div_ceil(limit);
    let next = queue.next_grant?;
    Some(next.saturating_add(Duration::from_secs(seconds)))
}
