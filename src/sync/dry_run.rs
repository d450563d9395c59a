use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use futures_util::StreamExt;
use serde::Serialize;

use super::{InventorySync, SyncError, SyncEvent, opening::Opened, record::Verdict, sieve::Sifted};
use crate::{
    config::SpeedLimit,
    connector::{ListingEvent, walk},
    error::ErrorRecord,
    image::{Digest, Exclusion, Proof},
    inventory::{InventoryError, Omission},
};

/// How many stored images are read at once.
const KNOWN: u32 = 500;

/// What a full run would find and a selection would take, without anything being written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct DryRun {
    /// What proved the listing; none where it broke off.
    pub proof: Option<Proof>,
    /// Images shown, that is digests in repositories.
    pub listed: u64,
    /// Of these, images that the selection takes.
    pub selected: u64,
    /// The different digests among them: what is ingested once each.
    pub digests: u64,
    /// Of these, the ones that the inventory does not know to be ingested.
    pub to_ingest: u64,
    /// Images shown that the selection leaves out, by reason.
    pub left_out: BTreeMap<Omission, u64>,
    /// Scopes that could not be read.
    pub skipped: u64,
    /// Scopes that were not asked for, by reason.
    pub excluded: BTreeMap<Exclusion, u64>,
    /// HTTP requests sent, as a full run sends them.
    pub requests: u64,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
    /// Why it did not see everything.
    pub failure: Option<ErrorRecord>,
}

impl DryRun {
    /// How long ingestion takes at this speed limit, from the first image to the end of the period
    /// of the last; none without a limit.
    #[must_use]
    pub fn ingestion_time(&self, limit: SpeedLimit) -> Option<Duration> {
        let per_hour = u128::from(limit.per_hour()?.get());
        let seconds = (u128::from(self.to_ingest) * 3600).div_ceil(per_hour);
        Some(Duration::from_secs(
            u64::try_from(seconds).unwrap_or(u64::MAX),
        ))
    }

    fn count(&mut self, images: Vec<Sifted>, selected: &mut HashSet<Digest>) {
        for Sifted { image, omission } in images {
            self.listed += 1;
            match omission {
                Some(reason) => *self.left_out.entry(reason).or_default() += 1,
                None => {
                    self.selected += 1;
                    selected.insert(image.digest);
                }
            }
        }
    }
}

impl InventorySync {
    /// Lists the registry as a full run does, and tells what the selection takes of it and how long
    /// that takes to ingest. Nothing is written, and no run is begun: one at work is not disturbed.
    ///
    /// Memory is that of a listing, and the digests that are selected or ingested.
    ///
    /// # Errors
    /// [`SyncError::Refused`] as with [`run`](Self::run), and [`SyncError::Inventory`], with
    /// [`InventoryError::IntegrationRebound`] where the name belongs to another registry.
    pub async fn dry_run(&self) -> Result<DryRun, SyncError> {
        let is_bound = self.is_bound(&self.binding()?).await?;
        let Opened {
            listing,
            requests,
            began,
            ..
        } = self.open_listing().await;
        let mut events = walk(listing, &*self.connector, self.plan(None));
        let mut sieve = self.sieve();
        let (mut found, mut selected) = (DryRun::default(), HashSet::new());
        let mut verdict = Verdict::default();
        while let Some(event) = events.next().await {
            match event {
                Ok(ListingEvent::Page { scope, images, .. }) => {
                    found.count(sieve.sift(&scope, images), &mut selected);
                }
                Ok(ListingEvent::Listed(scope)) => found.count(sieve.end(&scope), &mut selected),
                Ok(ListingEvent::Excluded(_, reason)) => {
                    *found.excluded.entry(reason).or_default() += 1;
                }
                Ok(ListingEvent::Skipped(scope, _)) => {
                    sieve.void(&scope);
                    found.skipped += 1;
                }
                Ok(ListingEvent::Finished(proof)) => {
                    verdict.judge(&SyncEvent::Proved(proof), &self.at_listing());
                }
                Err(error) => verdict.judge(&SyncEvent::Failed(error), &self.at_listing()),
            }
        }
        found.digests = selected.len() as u64;
        if is_bound {
            self.strike_ingested(&mut selected).await?;
        }
        found.to_ingest = selected.len() as u64;
        found.proof = verdict.proof;
        found.failure = verdict.failure;
        found.requests = requests.get();
        let elapsed = self.clock.monotonic().saturating_sub(began).as_millis();
        found.elapsed_ms = u64::try_from(elapsed).unwrap_or(u64::MAX);
        Ok(found)
    }

    async fn strike_ingested(&self, digests: &mut HashSet<Digest>) -> Result<(), InventoryError> {
        let mut after = None;
        loop {
            let place = after.as_ref().map(|(name, digest)| (name, digest));
            let stored = self.inventory.images(&self.integration, place, KNOWN);
            let stored = stored.await?;
            for known in &stored {
                if known.ingested_at.is_some() {
                    digests.remove(&known.image.digest);
                }
            }
            match stored.into_iter().last() {
                Some(last) => after = Some((last.image.repository, last.image.digest)),
                None => return Ok(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn the_time_of_ingestion_follows_from_the_limit() {
        let images = |to_ingest| DryRun {
            to_ingest,
            ..DryRun::default()
        };
        let per_hour = |n| SpeedLimit::PerHour(NonZeroU32::new(n).unwrap());
        let days = |days: u64| Some(Duration::from_secs(days * 24 * 3600));
        assert_eq!(images(4320).ingestion_time(per_hour(10)), days(18));
        assert_eq!(images(0).ingestion_time(per_hour(10)), days(0));
        let second = Some(Duration::from_secs(1));
        assert_eq!(images(1).ingestion_time(per_hour(7200)), second);
        assert_eq!(images(1).ingestion_time(SpeedLimit::Unlimited), None);
    }
}
