use std::path::Path;

use sqlx::SqliteConnection;

use super::{
    Write,
    stored::{StoreError, Stored},
};
use crate::inventory::InventoryError;

/// Every step from an empty file to the newest schema. Steps are added, never changed.
const MIGRATIONS: &[&str] = &[include_str!("schema/1.sql"), include_str!("schema/2.sql")];

impl Write {
    /// Brings the schema up to date. One transaction, so that several processes may start together.
    pub(super) async fn migrate(&mut self, path: &Path) -> Stored<()> {
        let now = self.nanos();
        let connection = self.connection();
        let found = version(connection, path).await?;
        let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
        if found > known {
            return Err(InventoryError::SchemaTooNew { found, known }.into());
        }
        for (version, migration) in (1..).zip(MIGRATIONS) {
            if version > found {
                sqlx::raw_sql(*migration).execute(&mut *connection).await?;
                sqlx::query(
                    "INSERT INTO registry_intake_schema (version, applied_at) VALUES ($1, $2)",
                )
                .bind(version)
                .bind(now)
                .execute(&mut *connection)
                .await?;
            }
        }
        Ok(())
    }
}

async fn version(connection: &mut SqliteConnection, path: &Path) -> Stored<i64> {
    let (tables, ours): (i64, i64) = sqlx::query_as(
        "SELECT count(*), coalesce(sum(name = 'registry_intake_schema'), 0)
         FROM sqlite_schema WHERE type = 'table'",
    )
    .fetch_one(&mut *connection)
    .await?;
    if ours > 0 {
        let version = "SELECT coalesce(max(version), 0) FROM registry_intake_schema";
        return Ok(sqlx::query_scalar(version).fetch_one(connection).await?);
    }
    if tables > 0 {
        return Err(StoreError::Foreign {
            path: path.to_owned(),
        });
    }
    sqlx::query(
        "CREATE TABLE registry_intake_schema (
             version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL
         ) STRICT",
    )
    .execute(connection)
    .await?;
    Ok(0)
}
