use sqlx::Row;

use super::{
    Connection, Transaction, Write, reports,
    runs::open_run,
    stored::{Stored, count, json, to_json, word},
};
use crate::{
    image::ChangeMark,
    inventory::{
        Binding, ImageState, IntegrationSummary, InventoryError, Paused, StateCounts,
        VerificationRecord,
    },
};

const VERIFICATION: &str = "verification";

impl Write {
    pub(super) async fn bind(&mut self, binding: &Binding) -> Stored<()> {
        // Of several that bind a new name together, one writes it; the others wait for its end.
        sqlx::query(
            "INSERT INTO integration (name, kind, registry, bound_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (name) DO UPDATE SET name = excluded.name WHERE FALSE",
        )
        .bind(&binding.integration)
        .bind(binding.kind.as_str())
        .bind(&binding.registry)
        .bind(self.nanos())
        .execute(self.connection())
        .await?;
        is_bound(self.connection(), binding).await?;
        Ok(())
    }

    pub(super) async fn rehome(&mut self, binding: &Binding) -> Stored<()> {
        let moved: Option<i64> = sqlx::query_scalar(
            "UPDATE integration
             SET kind = $2, registry = $3, bound_at = $4, change_mark = NULL, complete_run = NULL
             WHERE name = $1 AND NOT (kind = $2 AND registry = $3)
             RETURNING id",
        )
        .bind(&binding.integration)
        .bind(binding.kind.as_str())
        .bind(&binding.registry)
        .bind(self.nanos())
        .fetch_optional(self.connection())
        .await?;
        match moved {
            Some(id) => {
                self.give_up(&binding.integration, id).await?;
                self.let_go_of_held(id).await
            }
            None => self.bind(binding).await,
        }
    }

    pub(super) async fn set_paused(&mut self, integration: &str, paused: Paused) -> Stored<()> {
        let known = sqlx::query(
            "UPDATE integration SET sync_paused = $2, ingestion_paused = $3 WHERE name = $1",
        )
        .bind(integration)
        .bind(paused.sync)
        .bind(paused.ingestion)
        .execute(self.connection())
        .await?
        .rows_affected();
        if known == 0 {
            return Err(unknown(integration).into());
        }
        Ok(())
    }

    pub(super) async fn record_verification(
        &mut self,
        integration: &str,
        record: &VerificationRecord,
    ) -> Stored<()> {
        let known = sqlx::query("UPDATE integration SET verification = $2 WHERE name = $1")
            .bind(integration)
            .bind(to_json(VERIFICATION, record)?)
            .execute(self.connection())
            .await?
            .rows_affected();
        if known == 0 {
            return Err(unknown(integration).into());
        }
        Ok(())
    }
}

pub(super) async fn is_bound(connection: &mut Connection, binding: &Binding) -> Stored<bool> {
    let bound: Option<(String, String)> =
        sqlx::query_as("SELECT kind, registry FROM integration WHERE name = $1")
            .bind(&binding.integration)
            .fetch_optional(connection)
            .await?;
    let asked = (binding.kind.as_str(), binding.registry.as_str());
    match bound {
        None => Ok(false),
        Some((kind, registry)) if (kind.as_str(), registry.as_str()) == asked => Ok(true),
        Some((kind, registry)) => Err(InventoryError::IntegrationRebound {
            integration: binding.integration.clone(),
            bound: format!("{kind} at {registry}"),
            asked: format!("{} at {}", binding.kind, binding.registry),
        }
        .into()),
    }
}

pub(super) fn unknown(integration: &str) -> InventoryError {
    InventoryError::UnknownIntegration {
        integration: integration.to_owned(),
    }
}

pub(super) async fn integrations(mut read: Transaction) -> Stored<Vec<IntegrationSummary>> {
    let bound = sqlx::query(
        "SELECT id, name, kind, registry, verification, change_mark, sync_paused,
                ingestion_paused,
                (SELECT count(*) FROM location
                 JOIN repository ON repository.id = location.repository
                 WHERE held_run IS NOT NULL AND repository.integration = integration.id) AS held
         FROM integration WHERE removed_at IS NULL ORDER BY name",
    )
    .fetch_all(&mut *read)
    .await?;
    let mut summaries = Vec::with_capacity(bound.len());
    for row in bound {
        let id: i64 = row.try_get("id")?;
        let verification: Option<&str> = row.try_get("verification")?;
        let change_mark: Option<String> = row.try_get("change_mark")?;
        let tally: Vec<(String, i64)> = sqlx::query_as(
            "SELECT state, CAST(sum(items) AS BIGINT) FROM tally WHERE integration = $1
             GROUP BY state",
        )
        .bind(id)
        .fetch_all(&mut *read)
        .await?;
        summaries.push(IntegrationSummary {
            binding: Binding {
                integration: row.try_get("name")?,
                kind: word("registry kind", row.try_get("kind")?)?,
                registry: row.try_get("registry")?,
            },
            images: state_counts(&tally)?,
            held: row.try_get("held").map(count)?,
            paused: Paused {
                sync: row.try_get("sync_paused")?,
                ingestion: row.try_get("ingestion_paused")?,
            },
            change_mark: change_mark.map(ChangeMark::new),
            last_verification: verification
                .map(|text| json(VERIFICATION, text))
                .transpose()?,
            open_run: open_run(&mut read, id).await?,
            last_run: reports::last(&mut read, id).await?,
            last_complete_run: reports::last_complete(&mut read, id).await?,
        });
    }
    Ok(summaries)
}

fn state_counts(tally: &[(String, i64)]) -> Stored<StateCounts> {
    let mut counts = StateCounts::default();
    for (state, items) in tally {
        let of_state = match word("image state", state)? {
            ImageState::Pending => &mut counts.pending,
            ImageState::InHand => &mut counts.in_hand,
            ImageState::Ingested => &mut counts.ingested,
            ImageState::Parked => &mut counts.parked,
            ImageState::LeftOut => &mut counts.left_out,
            ImageState::Gone => &mut counts.gone,
        };
        *of_state = count(*items);
    }
    Ok(counts)
}
