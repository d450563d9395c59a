use std::sync::Arc;

use registry_intake::clock::ManualClock;
use sqlx::Connection;

use super::{
    place::Place,
    stage::{Stage, noon},
};

pub(super) async fn of_its_own() -> Option<Stage> {
    let clock = ManualClock::at(noon());
    let inventory = Place::schema()?.open_at(Arc::new(clock.clone())).await;
    Some(Stage::new(inventory, clock).await)
}

inventory_suite!(crate::inventory::postgres::of_its_own);

/// The one value that a statement tells, as text.
pub(super) async fn query(address: &str, schema: &str, statement: &'static str) -> String {
    let mut connection = sqlx::PgConnection::connect(address).await.unwrap();
    sqlx::query("SELECT set_config('search_path', $1, FALSE)")
        .bind(schema)
        .execute(&mut connection)
        .await
        .unwrap();
    sqlx::query_scalar(statement)
        .fetch_one(&mut connection)
        .await
        .unwrap()
}
