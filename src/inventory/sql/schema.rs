use super::{Write, stored::Stored};
use crate::inventory::InventoryError;

impl Write {
    /// Brings the schema from the version found up to date. `steps` lead from nothing to the newest
    /// one.
    pub(in crate::inventory) async fn migrate(
        &mut self,
        found: i64,
        steps: &[&'static str],
    ) -> Stored<()> {
        let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
        if found > known {
            return Err(InventoryError::SchemaTooNew { found, known }.into());
        }
        for (version, step) in (1_i64..).zip(steps) {
            if version > found {
                sqlx::raw_sql(*step).execute(self.connection()).await?;
                sqlx::query(
                    "INSERT INTO registry_intake_schema (version, applied_at) VALUES ($1, $2)",
                )
                .bind(version)
                .bind(self.nanos())
                .execute(self.connection())
                .await?;
            }
        }
        Ok(())
    }
}
