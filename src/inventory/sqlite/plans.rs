//! What a claim costs does not grow with the queue.
#![allow(clippy::unwrap_used)]

use super::{
    SqliteInventory,
    sql::queue::{FIRST_ENDS, FIRST_IN_LINE, FOLLOW_CLOCK, LONGEST_INGESTED, NEWEST, RELEASE},
};
use crate::clock::SystemClock;

/// How SQLite goes about a statement, a step a line.
async fn plan(inventory: &SqliteInventory, statement: &str) -> Vec<String> {
    let mut connection = inventory.writer.acquire().await.unwrap();
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
    let steps: Vec<(i64, i64, i64, String)> = sqlx::query_as(explain)
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    steps.into_iter().map(|(.., step)| step).collect()
}

#[tokio::test]
async fn every_step_of_a_claim_goes_by_an_index_and_sorts_nothing() {
    let inventory = SqliteInventory::in_memory(SystemClock::shared())
        .await
        .unwrap();
    for (statement, index) in [
        (
            FOLLOW_CLOCK,
            "item_held_since (integration=? AND held_since>?)",
        ),
        (RELEASE, "item_held_until (integration=? AND held_until<?)"),
        (FIRST_IN_LINE, "item_oldest (integration=?)"),
        (NEWEST, "item_newest (integration=? AND lane=?)"),
        (
            LONGEST_INGESTED,
            "item_ingested (integration=? AND ingested_at<?)",
        ),
        (
            FIRST_ENDS,
            "item_held_in_state (integration=? AND state=? AND held_until>?)",
        ),
    ] {
        let steps = plan(&inventory, statement).await;
        let searches: Vec<_> = steps.iter().filter(|step| step.contains("item")).collect();
        assert!(!searches.is_empty(), "{steps:?}");
        for step in searches {
            assert!(step.starts_with("SEARCH item"), "{step}");
            assert!(step.ends_with(index), "{step}");
        }
        let sorts = steps.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(!sorts, "{steps:?}");
    }
}
