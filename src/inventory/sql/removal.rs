//! How an integration is forgotten.

use super::{Store, StoreError, TRIES, Write, in_time, is_rolled_back, stored::Stored, transact};

/// How many rows go in one transaction: others wait for no more of them.
const PORTION: i64 = 2000;

/// What goes first is referred to by nothing that goes later. All rows of integrations that are
/// being removed.
const PORTIONS: &[&str] = &[
    "DELETE FROM change WHERE sequence IN (
         SELECT sequence FROM change JOIN integration ON integration.id = change.integration
         WHERE removed_at IS NOT NULL LIMIT $1)",
    "DELETE FROM run_change WHERE (run, sequence) IN (
         SELECT run, sequence FROM integration
         JOIN run ON run.integration = integration.id
         JOIN run_change ON run_change.run = run.id
         WHERE removed_at IS NOT NULL LIMIT $1)",
    "DELETE FROM scope WHERE (run, kind, name) IN (
         SELECT run, scope.kind, scope.name FROM integration
         JOIN run ON run.integration = integration.id
         JOIN scope ON scope.run = run.id
         WHERE removed_at IS NOT NULL LIMIT $1)",
    "DELETE FROM run WHERE id IN (
         SELECT run.id FROM integration JOIN run ON run.integration = integration.id
         WHERE removed_at IS NOT NULL LIMIT $1)",
    "DELETE FROM location WHERE (repository, digest) IN (
         SELECT repository, digest FROM integration
         JOIN repository ON repository.integration = integration.id
         JOIN location ON location.repository = repository.id
         WHERE removed_at IS NOT NULL LIMIT $1)",
    "DELETE FROM item WHERE id IN (
         SELECT item.id FROM integration JOIN item ON item.integration = integration.id
         WHERE removed_at IS NOT NULL LIMIT $1)",
    "DELETE FROM repository WHERE id IN (
         SELECT repository.id FROM integration
         JOIN repository ON repository.integration = integration.id
         WHERE removed_at IS NOT NULL LIMIT $1)",
    "DELETE FROM tally WHERE (integration, state, lane) IN (
         SELECT integration, state, lane FROM integration
         JOIN tally ON tally.integration = integration.id
         WHERE removed_at IS NOT NULL LIMIT $1)",
    "DELETE FROM integration WHERE id IN (
         SELECT id FROM integration WHERE removed_at IS NOT NULL LIMIT $1)",
];

/// Deletes what is hidden.
pub(super) async fn clear(store: &Store) -> Stored<()> {
    for portion in PORTIONS {
        loop {
            let deleted = transact!(store.write_hidden(), |write| write.delete(portion))?;
            if deleted == 0 {
                break;
            }
        }
    }
    Ok(())
}

impl Write {
    async fn delete(&mut self, portion: &'static str) -> Stored<u64> {
        let deleted = sqlx::query(portion)
            .bind(PORTION)
            .execute(self.connection())
            .await?;
        Ok(deleted.rows_affected())
    }

    /// Takes the name away, and with it whatever ticket or lease names it.
    pub(super) async fn hide(&mut self, integration: &str) -> Stored<bool> {
        let known =
            sqlx::query("UPDATE integration SET removed_at = $2, name = $3 || id WHERE name = $1")
                .bind(integration)
                .bind(self.nanos())
                // No name begins with a control character.
                .bind("\u{7f}")
                .execute(self.connection())
                .await?
                .rows_affected();
        Ok(known > 0)
    }
}
