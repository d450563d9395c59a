use sqlx::{AssertSqlSafe, PgConnection};

use super::{
    PostgresInventory, ServerError,
    sql::{Stored, Write},
};

/// Every step from nothing to the newest schema. Steps are added, never changed.
const STEPS: &[&str] = &[include_str!("schema/1.sql")];

/// Whether it can stand in a statement as it is.
pub(super) fn is_name(name: &str) -> bool {
    let word = |letter: u8| letter.is_ascii_lowercase() || letter == b'_';
    name.len() < 64
        && name.as_bytes().first().is_some_and(|first| word(*first))
        && name
            .bytes()
            .all(|letter| word(letter) || letter.is_ascii_digit())
}

impl PostgresInventory {
    /// One transaction, so that several replicas may start together.
    pub(super) async fn bring_up_to_date(&self) -> Stored<()> {
        let mut transaction = self.begin().await?;
        // Another replica may be bringing a large inventory up to date.
        sqlx::raw_sql("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")
            .execute(&mut *transaction)
            .await?;
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('registry-intake ' || $1, 0))")
            .bind(&*self.schema)
            .execute(&mut *transaction)
            .await?;
        let found = version(&mut transaction, &self.schema).await?;
        let mut write: Write = self.stamped(transaction).await?;
        write.migrate(found, STEPS).await?;
        write.commit().await
    }
}

/// The version of the schema that is there, 0 for a new one.
async fn version(connection: &mut PgConnection, schema: &str) -> Stored<i64> {
    // Asked first: to create a schema takes a right that a user of an existing one may not have.
    let exists: bool = sqlx::query_scalar("SELECT to_regnamespace($1) IS NOT NULL")
        .bind(schema)
        .fetch_one(&mut *connection)
        .await?;
    if !exists {
        let create = AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
        sqlx::raw_sql(create).execute(&mut *connection).await?;
    }
    let (tables, ours): (i64, i64) = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE tablename = 'registry_intake_schema')
         FROM pg_tables WHERE schemaname = $1",
    )
    .bind(schema)
    .fetch_one(&mut *connection)
    .await?;
    if ours > 0 {
        let version = "SELECT coalesce(max(version), 0) FROM registry_intake_schema";
        return Ok(sqlx::query_scalar(version).fetch_one(connection).await?);
    }
    if tables > 0 {
        let schema = schema.to_owned();
        return Err(ServerError::Foreign { schema }.into());
    }
    sqlx::query(
        "CREATE TABLE registry_intake_schema (
             version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL
         )",
    )
    .execute(connection)
    .await?;
    Ok(0)
}
