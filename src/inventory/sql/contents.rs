use sqlx::Row as _;

use super::{
    Pool, Row, Write,
    stored::{Stored, count, json, parsed, time, word},
};
use crate::{
    image::{Digest, Image, Location, RepositoryName, TagRecord},
    inventory::{Change, ImageState, StoredImage},
};

pub(super) async fn images(
    readers: &Pool,
    integration: &str,
    after: Option<(&RepositoryName, &Digest)>,
    limit: u32,
) -> Stored<Vec<StoredImage>> {
    let (repository, digest) =
        after.map_or(("", ""), |(name, digest)| (name.as_str(), digest.as_str()));
    let rows = sqlx::query(
        "SELECT repository.name AS repository, location.digest, location.kind, location.media_type,
                location.size, location.tags, location.platforms, location.pushed_at,
                location.omission, location.first_seen_at, item.ingested_at, item.failure,
                CASE WHEN location.gone_at IS NULL THEN item.state ELSE 'gone' END AS state
         FROM repository
         JOIN location ON location.repository = repository.id
             AND location.digest > CASE WHEN repository.name = $2 THEN $3 ELSE '' END
         JOIN item ON item.id = location.item
         WHERE repository.integration = (SELECT id FROM integration WHERE name = $1)
             AND repository.name >= $2
         ORDER BY repository.name, location.digest
         LIMIT $4",
    )
    .bind(integration)
    .bind(repository)
    .bind(digest)
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await?;
    rows.iter().map(stored_image).collect()
}

fn stored_image(row: &Row) -> Stored<StoredImage> {
    let state: ImageState = word("image state", row.try_get("state")?)?;
    let omission: Option<&str> = row.try_get("omission")?;
    let failure: Option<&str> = row.try_get("failure")?;
    Ok(StoredImage {
        image: image(row)?,
        state,
        omission: omission
            .map(|text| word("reason of an omission", text))
            .transpose()?,
        first_seen_at: time(row.try_get("first_seen_at")?),
        ingested_at: row.try_get::<Option<i64>, _>("ingested_at")?.map(time),
        failure: failure.map(|text| json("failure", text)).transpose()?,
    })
}

/// The image in a row of a location and its repository's name.
pub(super) fn image(row: &Row) -> Stored<Image> {
    let size: Option<i64> = row.try_get("size")?;
    Ok(Image {
        repository: parsed("repository name", row.try_get("repository")?)?,
        digest: parsed("digest", row.try_get("digest")?)?,
        tags: tags(row.try_get("tags")?)?,
        kind: word("image kind", row.try_get("kind")?)?,
        media_type: row.try_get("media_type")?,
        size: size.map(count),
        platforms: json("list of platforms", row.try_get("platforms")?)?,
        pushed_at: row.try_get::<Option<i64>, _>("pushed_at")?.map(time),
        pulled_at: None,
    })
}

pub(super) fn tags(text: &str) -> Stored<Vec<TagRecord>> {
    json("list of tags", text)
}

pub(super) fn location(
    repository: RepositoryName,
    digest: Digest,
    tags: Vec<TagRecord>,
) -> Location {
    Location {
        repository,
        digest,
        tags: tags.into_iter().map(|tag| tag.name).collect(),
    }
}

pub(super) async fn changes(readers: &Pool, integration: &str, limit: u32) -> Stored<Vec<Change>> {
    let rows: Vec<(i64, String, String, String, String)> = sqlx::query_as(
        "SELECT sequence, kind, repository, digest, tags FROM change
         WHERE integration = (SELECT id FROM integration WHERE name = $1)
         ORDER BY sequence LIMIT $2",
    )
    .bind(integration)
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await?;
    rows.into_iter()
        .map(|(sequence, kind, repository, digest, names)| {
            Ok(Change {
                sequence,
                integration: integration.to_owned(),
                kind: word("kind of change", &kind)?,
                location: location(
                    parsed("repository name", &repository)?,
                    parsed("digest", &digest)?,
                    tags(&names)?,
                ),
            })
        })
        .collect()
}

impl Write {
    pub(super) async fn changes_told(&mut self, integration: &str, sequence: i64) -> Stored<()> {
        sqlx::query(
            "DELETE FROM change
             WHERE integration = (SELECT id FROM integration WHERE name = $1) AND sequence <= $2",
        )
        .bind(integration)
        .bind(sequence)
        .execute(self.connection())
        .await?;
        Ok(())
    }
}
