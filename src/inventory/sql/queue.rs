use std::time::Duration;

use super::{
    Write,
    bindings::unknown,
    contents::{image, location},
    stored::{Stored, count, json, parsed, small, time, to_json, word},
};
use crate::{
    clock::Timestamp,
    error::{ErrorCode, ErrorRecord, Language},
    image::{Digest, Image, RegistryKind},
    inventory::{
        Binding, Claim, ClaimRequest, ClaimedImage, Failure, InventoryError, Lease, Sighting,
    },
    pace::{Decision, PaceState},
};

const PACE: &str = "state of the pace";

/// The lane of what was neither asked for by hand nor is scanned again.
pub(super) const ORDINARY: i64 = 1;

/// The lane of what was ingested before and is due again.
pub(super) const RESCAN: i64 = 2;

/// Every so many claims of the ordinary lane, the image that has waited longest is taken.
const OLDEST_EVERY: i64 = 5;

pub(in crate::inventory) const FOLLOW_CLOCK: &str = "UPDATE item
     SET held_until = held_until - held_since + $2, held_since = $2
     WHERE integration = $1 AND held_until IS NOT NULL AND held_since > $2";

pub(in crate::inventory) const RELEASE: &str = "UPDATE item
     SET progress = CASE WHEN progress = 'in_hand' AND attempts >= $3 THEN 'parked'
                         ELSE 'pending' END,
         failure = CASE WHEN progress = 'in_hand' AND attempts >= $3 THEN $4 ELSE failure END,
         held_since = NULL, held_until = NULL
     WHERE integration = $1 AND held_until <= $2";

pub(in crate::inventory) const FIRST_IN_LINE: &str = "SELECT id, lane FROM item
     WHERE integration = $1 AND state = 'pending' AND held_until IS NULL
     ORDER BY lane, waiting_since, id LIMIT 1";

pub(in crate::inventory) const NEWEST: &str = "SELECT id, lane FROM item
     WHERE integration = $1 AND lane = $2 AND state = 'pending' AND held_until IS NULL
     ORDER BY pushed_at DESC, id LIMIT 1";

pub(in crate::inventory) const LONGEST_INGESTED: &str = "SELECT id FROM item
     WHERE integration = $1 AND state = 'ingested' AND eligible > 0 AND ingested_at <= $2
     ORDER BY ingested_at, id LIMIT 1";

pub(in crate::inventory) const FIRST_ENDS: &str = "SELECT
         (SELECT min(held_until) FROM item
          WHERE integration = $1 AND held_until IS NOT NULL AND state = 'in_hand'),
         (SELECT min(held_until) FROM item
          WHERE integration = $1 AND held_until IS NOT NULL AND state = 'pending')";

/// Why an image is parked that nobody has given back.
#[derive(Debug, thiserror::Error)]
#[error("the lease of the last of {attempts} attempts ended without an answer")]
struct Unanswered {
    attempts: u32,
}

struct Next {
    item: i64,
    lane: i64,
}

impl Write {
    pub(super) async fn claim(&mut self, request: &ClaimRequest<'_>) -> Stored<Claim> {
        let (integration, kind, pace, turns, paused): (i64, String, String, i64, bool) =
            sqlx::query_as(
                "SELECT id, kind, pace, turns, ingestion_paused FROM integration WHERE name = $1",
            )
            .bind(request.integration)
            .fetch_optional(self.connection())
            .await?
            .ok_or_else(|| unknown(request.integration))?;
        if paused {
            return Ok(Claim::Paused);
        }
        self.follow_clock(integration).await?;
        let unanswered = Unanswered {
            attempts: request.max_attempts.get(),
        };
        self.release(integration, &unanswered, word("registry kind", &kind)?)
            .await?;
        let next = match self.next_in_line(integration, turns).await? {
            Some(next) => Some(next),
            None => self.due_again(integration, request.rescan_after).await?,
        };
        let Some(next) = next else {
            return self.nothing_ready(integration).await;
        };
        let state: PaceState = json(PACE, &pace)?;
        match request.pace.decide(&state, self.now) {
            Decision::Wait { until, rebased } => {
                if let Some(state) = rebased {
                    self.keep_pace(integration, &state, turns).await?;
                }
                let pending = self.pending(integration).await?;
                Ok(Claim::Wait { until, pending })
            }
            Decision::Grant(state) => {
                let turns = turns + i64::from(next.lane == ORDINARY);
                self.keep_pace(integration, &state, turns).await?;
                let claimed = self.hand_over(request, &next).await?;
                Ok(Claim::Granted(claimed))
            }
        }
    }

    /// Where the clock was set back, leases and pauses begin anew instead of lasting as much longer.
    async fn follow_clock(&mut self, integration: i64) -> Stored<()> {
        sqlx::query(FOLLOW_CLOCK)
            .bind(integration)
            .bind(self.nanos())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Ends the leases and pauses whose time has come. The fence stays: until another claim, an
    /// answer of the last holder is still good.
    async fn release(
        &mut self,
        integration: i64,
        unanswered: &Unanswered,
        registry: RegistryKind,
    ) -> Stored<()> {
        let code = ErrorCode::SinkFailed;
        let guidance = code.guidance(registry, Language::English);
        let failure = ErrorRecord::new(code, unanswered, &guidance);
        sqlx::query(RELEASE)
            .bind(integration)
            .bind(self.nanos())
            .bind(i64::from(unanswered.attempts))
            .bind(to_json("failure", &failure)?)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    async fn next_in_line(&mut self, integration: i64, turns: i64) -> Stored<Option<Next>> {
        let first: Option<(i64, i64)> = sqlx::query_as(FIRST_IN_LINE)
            .bind(integration)
            .fetch_optional(self.connection())
            .await?;
        let newest = match first {
            Some((_, ORDINARY)) if (turns + 1) % OLDEST_EVERY != 0 => {
                sqlx::query_as(NEWEST)
                    .bind(integration)
                    .bind(ORDINARY)
                    .fetch_optional(self.connection())
                    .await?
            }
            _ => None,
        };
        Ok(newest.or(first).map(|(item, lane)| Next { item, lane }))
    }

    /// The image whose ingestion is longest ago, if that is long enough.
    async fn due_again(
        &mut self,
        integration: i64,
        rescan_after: Option<Duration>,
    ) -> Stored<Option<Next>> {
        let Some(rescan_after) = rescan_after else {
            return Ok(None);
        };
        let item: Option<i64> = sqlx::query_scalar(LONGEST_INGESTED)
            .bind(integration)
            .bind(self.now.saturating_sub(rescan_after).as_unix_nanos())
            .fetch_optional(self.connection())
            .await?;
        Ok(item.map(|item| Next { item, lane: RESCAN }))
    }

    async fn nothing_ready(&mut self, integration: i64) -> Stored<Claim> {
        let (lease, pause): (Option<i64>, Option<i64>) = sqlx::query_as(FIRST_ENDS)
            .bind(integration)
            .fetch_one(self.connection())
            .await?;
        let Some(pause) = pause else {
            return Ok(Claim::Idle {
                lease_ends_at: lease.map(time),
            });
        };
        Ok(Claim::Wait {
            until: time(lease.map_or(pause, |lease| lease.min(pause))),
            pending: self.pending(integration).await?,
        })
    }

    async fn pending(&mut self, integration: i64) -> Stored<u64> {
        let pending: i64 = sqlx::query_scalar(
            "SELECT CAST(coalesce(sum(items), 0) AS BIGINT) FROM tally
             WHERE integration = $1 AND state = 'pending'",
        )
        .bind(integration)
        .fetch_one(self.connection())
        .await?;
        Ok(count(pending))
    }

    async fn keep_pace(&mut self, integration: i64, state: &PaceState, turns: i64) -> Stored<()> {
        sqlx::query("UPDATE integration SET pace = $2, turns = $3 WHERE id = $1")
            .bind(integration)
            .bind(to_json(PACE, state)?)
            .bind(turns)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    async fn hand_over(&mut self, request: &ClaimRequest<'_>, next: &Next) -> Stored<ClaimedImage> {
        let lease_until = self.now.saturating_add(request.lease);
        let (digest, fence, attempt): (String, i64, i64) = sqlx::query_as(
            "UPDATE item
             SET progress = 'in_hand', lane = $4, held_since = $2, held_until = $3,
                 fence = fence + 1, attempts = attempts + 1
             WHERE id = $1
             RETURNING digest, fence, attempts",
        )
        .bind(next.item)
        .bind(self.nanos())
        .bind(lease_until.as_unix_nanos())
        .bind(next.lane)
        .fetch_one(self.connection())
        .await?;
        let rows = sqlx::query(
            "SELECT repository.name AS repository, location.digest, location.kind, location.media_type,
                    location.size, location.tags, location.platforms, location.pushed_at
             FROM location JOIN repository ON repository.id = location.repository
             WHERE location.item = $1 AND location.gone_at IS NULL
             ORDER BY repository.name",
        )
        .bind(next.item)
        .fetch_all(self.connection())
        .await?;
        let images = rows.iter().map(image).collect::<Stored<Vec<_>>>()?;
        // What a manifest is follows from its digest, so any location tells it. A pending item has
        // a location, as its `live` says.
        let Some(facts) = images.first().cloned() else {
            return Err(sqlx::Error::RowNotFound.into());
        };
        Ok(ClaimedImage {
            lease: Lease {
                integration: request.integration.to_owned(),
                digest: parsed("digest", &digest)?,
                fence,
            },
            lease_until,
            attempt: small(attempt),
            kind: facts.kind,
            media_type: facts.media_type,
            size: facts.size,
            platforms: facts.platforms,
            locations: images
                .into_iter()
                .map(|image| location(image.repository, image.digest, image.tags))
                .collect(),
        })
    }

    pub(super) async fn renew(&mut self, lease: &Lease, until: Timestamp) -> Stored<()> {
        let kept = sqlx::query(
            "UPDATE item SET progress = 'in_hand', held_since = $4, held_until = $5
             WHERE integration = (SELECT id FROM integration WHERE name = $1)
                 AND digest = $2 AND fence = $3",
        )
        .bind(&lease.integration)
        .bind(lease.digest.as_str())
        .bind(lease.fence)
        .bind(self.nanos())
        .bind(until.as_unix_nanos())
        .execute(self.connection())
        .await?
        .rows_affected();
        still_held(lease, kept)
    }

    pub(super) async fn acknowledge(&mut self, lease: &Lease) -> Stored<()> {
        // The fence moves on with every answer, so that no lease is answered twice.
        let kept = sqlx::query(
            "UPDATE item
             SET progress = 'ingested', ingested_at = $4, lane = $5, attempts = 0, failure = NULL,
                 held_since = NULL, held_until = NULL, fence = fence + 1
             WHERE integration = (SELECT id FROM integration WHERE name = $1)
                 AND digest = $2 AND fence = $3",
        )
        .bind(&lease.integration)
        .bind(lease.digest.as_str())
        .bind(lease.fence)
        .bind(self.nanos())
        .bind(ORDINARY)
        .execute(self.connection())
        .await?
        .rows_affected();
        still_held(lease, kept)
    }

    pub(super) async fn fail(&mut self, lease: &Lease, failure: &Failure) -> Stored<()> {
        let retry_at = failure.retry_at.map(Timestamp::as_unix_nanos);
        let kept = sqlx::query(
            "UPDATE item
             SET progress = CASE WHEN $5 IS NULL THEN 'parked' ELSE 'pending' END,
                 held_since = CASE WHEN $5 IS NULL THEN NULL ELSE $4 END, held_until = $5,
                 failure = $6, fence = fence + 1
             WHERE integration = (SELECT id FROM integration WHERE name = $1)
                 AND digest = $2 AND fence = $3",
        )
        .bind(&lease.integration)
        .bind(lease.digest.as_str())
        .bind(lease.fence)
        .bind(self.nanos())
        .bind(retry_at)
        .bind(to_json("failure", &failure.error)?)
        .execute(self.connection())
        .await?
        .rows_affected();
        still_held(lease, kept)
    }

    pub(super) async fn request(&mut self, integration: &str, digest: &Digest) -> Stored<bool> {
        let found: Option<i64> = sqlx::query_scalar(
            "UPDATE item SET lane = 0, waiting_since = $3, attempts = 0
             WHERE integration = (SELECT id FROM integration WHERE name = $1)
                 AND digest = $2 AND live > 0
             RETURNING id",
        )
        .bind(integration)
        .bind(digest.as_str())
        .bind(self.nanos())
        .fetch_optional(self.connection())
        .await?;
        let Some(item) = found else {
            return Ok(false);
        };
        // What the sink has in hand is being scanned already. Otherwise the fence moves on: an
        // answer to an earlier claim is none to this request.
        sqlx::query(
            "UPDATE item
             SET progress = 'pending', held_since = NULL, held_until = NULL, fence = fence + 1
             WHERE id = $1 AND progress <> 'in_hand'",
        )
        .bind(item)
        .execute(self.connection())
        .await?;
        Ok(true)
    }

    pub(super) async fn admit(&mut self, binding: &Binding, image: &Image) -> Stored<()> {
        self.bind(binding).await?;
        let integration = sqlx::query_scalar("SELECT id FROM integration WHERE name = $1")
            .bind(&binding.integration)
            .fetch_one(self.connection())
            .await?;
        self.store_found(integration, Sighting::of(image)).await?;
        self.request(&binding.integration, &image.digest).await?;
        Ok(())
    }

    pub(super) async fn requeue(
        &mut self,
        integration: &str,
        digest: Option<&Digest>,
    ) -> Stored<u64> {
        // The fence moves on: an answer to an earlier claim is none to the next one.
        let parked = sqlx::query(
            "UPDATE item
             SET progress = 'pending', attempts = 0, waiting_since = $3, fence = fence + 1
             WHERE integration = (SELECT id FROM integration WHERE name = $1)
                 AND state = 'parked' AND digest = coalesce($2, digest)",
        )
        .bind(integration)
        .bind(digest.map(Digest::as_str))
        .bind(self.nanos())
        .execute(self.connection())
        .await?
        .rows_affected();
        Ok(parked)
    }
}

fn still_held(lease: &Lease, rows: u64) -> Stored<()> {
    if rows == 0 {
        return Err(InventoryError::LeaseLost {
            digest: lease.digest.to_string(),
        }
        .into());
    }
    Ok(())
}
