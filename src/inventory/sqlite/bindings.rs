use sqlx::{SqliteConnection, SqlitePool};

use super::{
    Write, runs,
    stored::{Stored, count, json, to_json, word},
};
use crate::inventory::{
    Binding, ImageState, IntegrationSummary, InventoryError, StateCounts, VerificationRecord,
};

const VERIFICATION: &str = "verification";

impl Write {
    pub(super) async fn bind(&mut self, binding: &Binding) -> Stored<()> {
        if is_bound(self.connection(), binding).await? {
            return Ok(());
        }
        self.rehome(binding).await
    }

    pub(super) async fn rehome(&mut self, binding: &Binding) -> Stored<()> {
        sqlx::query(
            "INSERT INTO integration (name, kind, registry, bound_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (name) DO UPDATE
             SET kind = excluded.kind, registry = excluded.registry, bound_at = excluded.bound_at",
        )
        .bind(&binding.integration)
        .bind(binding.kind.as_str())
        .bind(&binding.registry)
        .bind(self.nanos())
        .execute(self.connection())
        .await?;
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

pub(super) async fn is_bound(connection: &mut SqliteConnection, binding: &Binding) -> Stored<bool> {
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

pub(super) async fn integrations(readers: &SqlitePool) -> Stored<Vec<IntegrationSummary>> {
    // One snapshot for all that is told.
    let mut read = readers.begin().await?;
    let bound: Vec<(i64, String, String, String, Option<String>)> = sqlx::query_as(
        "SELECT id, name, kind, registry, verification FROM integration ORDER BY name",
    )
    .fetch_all(&mut *read)
    .await?;
    let mut summaries = Vec::with_capacity(bound.len());
    for (id, integration, kind, registry, verification) in bound {
        let tally: Vec<(String, i64)> =
            sqlx::query_as("SELECT state, items FROM tally WHERE integration = $1")
                .bind(id)
                .fetch_all(&mut *read)
                .await?;
        summaries.push(IntegrationSummary {
            binding: Binding {
                integration,
                kind: word("registry kind", &kind)?,
                registry,
            },
            images: state_counts(&tally)?,
            last_verification: verification
                .map(|text| json(VERIFICATION, &text))
                .transpose()?,
            last_run: runs::last(&mut read, id).await?,
            last_complete_run: runs::last_complete(&mut read, id).await?,
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
