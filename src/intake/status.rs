use std::{sync::Arc, time::Duration};

use super::{IntakeError, builder::Parts, ingesting::ingester, member::Member, syncing::next_of};
use crate::{
    clock::Timestamp,
    config::SpeedLimit,
    image::RegistryKind,
    inventory::{IntegrationSummary, QueueStatus},
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
    /// What the inventory knows: the last verification, the last run, the last complete one, the
    /// one under way, how many images are in which state, and what rests. None before the first
    /// sync has begun.
    pub known: Option<IntegrationSummary>,
    /// How the queue stands, and when the next image can enter.
    pub queue: Option<QueueStatus>,
    /// When the next sync is due, and what it will read; none where none is scheduled.
    pub next_run: Option<DueRun>,
    /// What it is scheduled by, with its time zone.
    pub schedule: Schedule,
    /// When all that waits will have been handed over at the speed limit, if nothing fails and
    /// nothing new comes. None where nothing waits, or where there is no limit.
    pub estimated_end: Option<Timestamp>,
}

impl IntegrationStatus {
    pub(super) async fn of(
        member: &Arc<Member>,
        known: Option<IntegrationSummary>,
        parts: &Parts,
    ) -> Result<Self, IntakeError> {
        let (config, pace) = (member.config(), member.pace());
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
            name: member.name().to_owned(),
            kind: member.connector.kind(),
            registry: member.connector.host().to_owned(),
            speed_limit: config.speed_limit(),
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
    let limit = u64::from(pace.per_hour()?.get());
    let after_the_next = queue.pending.total().checked_sub(1)?;
    let seconds = after_the_next.saturating_mul(3600).div_ceil(limit);
    let next = queue.next_grant?;
    Some(next.saturating_add(Duration::from_secs(seconds)))
}
