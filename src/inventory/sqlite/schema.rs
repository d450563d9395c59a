use std::path::Path;

use sqlx::SqliteConnection;

use super::{FileError, sql::Stored};

/// Every step from an empty file to the newest schema. Steps are added, never changed.
pub(super) const STEPS: &[&str] = &[include_str!("schema/1.sql"), include_str!("schema/2.sql")];

/// The version of the schema that the file has, 0 for a new one.
pub(super) async fn version(connection: &mut SqliteConnection, path: &Path) -> Stored<i64> {
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
        return Err(FileError::Foreign {
            path: path.to_owned(),
        }
        .into());
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
