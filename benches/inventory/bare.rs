//! A prepared statement in a transaction, on a table with the columns of an image and nothing else.

use std::path::Path;

use registry_intake::image::Image;
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

const TABLE: &str = "CREATE TABLE bare_image (
    repository    BIGINT NOT NULL,
    digest        TEXT   NOT NULL,
    kind          TEXT   NOT NULL,
    media_type    TEXT,
    size          BIGINT,
    tags          TEXT   NOT NULL,
    platforms     TEXT   NOT NULL,
    pushed_at     BIGINT,
    first_seen_at BIGINT NOT NULL,
    seen_reading  BIGINT NOT NULL,
    PRIMARY KEY (repository, digest)
)";

const UPSERT: &str = "INSERT INTO bare_image (repository, digest, kind, media_type, size, tags,
                                          platforms, pushed_at, first_seen_at, seen_reading)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (repository, digest) DO UPDATE
    SET kind = excluded.kind, media_type = excluded.media_type, size = excluded.size,
        tags = excluded.tags, platforms = excluded.platforms, pushed_at = excluded.pushed_at,
        seen_reading = excluded.seen_reading";

/// An image as the statement takes it.
pub(crate) struct Row {
    repository: i64,
    digest: String,
    kind: &'static str,
    media_type: Option<String>,
    size: Option<i64>,
    tags: String,
    platforms: String,
    pushed_at: Option<i64>,
}

impl Row {
    pub(crate) fn of(image: &Image, repository: u64) -> Self {
        Self {
            repository: repository.try_into().unwrap(),
            digest: image.digest.to_string(),
            kind: image.kind.as_str(),
            media_type: image.media_type.clone(),
            size: image.size.map(|size| size.try_into().unwrap()),
            tags: serde_json::to_string(&image.tags).unwrap(),
            platforms: serde_json::to_string(&image.platforms).unwrap(),
            pushed_at: image.pushed_at.map(|at| at.as_unix_nanos()),
        }
    }
}

/// A connection to a table of its own.
pub(crate) enum Bare {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Writes the rows, each by itself, in one transaction.
macro_rules! upsert {
    ($connection:expr, $begin:literal, $rows:expr, $reading:expr) => {{
        let mut transaction = $connection.begin_with($begin).await.unwrap();
        for row in $rows {
            sqlx::query(UPSERT)
                .bind(row.repository)
                .bind(&row.digest)
                .bind(row.kind)
                .bind(&row.media_type)
                .bind(row.size)
                .bind(&row.tags)
                .bind(&row.platforms)
                .bind(row.pushed_at)
                .bind($reading)
                .bind($reading)
                .execute(&mut *transaction)
                .await
                .unwrap();
        }
        transaction.commit().await.unwrap();
    }};
}

impl Bare {
    /// As durable as the inventory.
    pub(crate) async fn sqlite(file: &Path) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let table = AssertSqlSafe(format!("{TABLE} WITHOUT ROWID"));
        sqlx::raw_sql(table).execute(&mut connection).await.unwrap();
        Self::Sqlite(connection)
    }

    pub(crate) async fn postgres(address: &str) -> Self {
        let mut connection = PgConnection::connect(address).await.unwrap();
        sqlx::raw_sql(TABLE).execute(&mut connection).await.unwrap();
        Self::Postgres(connection)
    }

    pub(crate) async fn write(&mut self, rows: &[Row], reading: i64) {
        match self {
            Self::Sqlite(connection) => upsert!(connection, "BEGIN IMMEDIATE", rows, reading),
            Self::Postgres(connection) => upsert!(connection, "BEGIN", rows, reading),
        }
    }
}
