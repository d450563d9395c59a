//! What is particular to the inventory in PostgreSQL.

use std::{error::Error, sync::Arc};

use registry_intake::{
    clock::{ManualClock, Timestamp},
    error::ErrorCode,
    inventory::{ImageState, Inventory, InventoryError, PostgresInventory, PostgresOptions},
    pace::Pace,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::{
    place::Place,
    stage::{LEASE, PROD, Stage, binding, claim_request, granted, image, noon},
};
use crate::postgres_server::{address, execute, new_database, new_schema};

pub(super) async fn of_its_own() -> Option<Stage> {
    let clock = ManualClock::at(noon());
    let inventory = Place::schema()?.open_at(Arc::new(clock.clone())).await;
    Some(Stage::new(inventory, clock).await)
}

inventory_suite!(crate::inventory::postgres::of_its_own);

/// A server's address and the name of a schema that is not there yet; none where PostgreSQL is not
/// installed.
fn somewhere() -> Option<(&'static str, String)> {
    Some((address()?, new_schema()))
}

async fn connect(address: &str, schema: &str) -> Result<PostgresInventory, InventoryError> {
    let options = PostgresOptions::new().with_schema(schema);
    options.connect(address).await
}

/// The one value that a statement tells, as text.
pub(super) async fn query(address: &str, schema: &str, statement: &'static str) -> String {
    let mut connection = session(address, schema).await;
    sqlx::query_scalar(statement)
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

async fn session(address: &str, schema: &str) -> PgConnection {
    let mut connection = PgConnection::connect(address).await.unwrap();
    sqlx::query("SELECT set_config('search_path', $1, FALSE)")
        .bind(schema)
        .execute(&mut connection)
        .await
        .unwrap();
    connection
}

/// The error and its sources in one line.
fn causes(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", causes(source)),
        None => error.to_string(),
    }
}

#[tokio::test]
async fn an_address_that_makes_no_sense_is_refused_and_not_shown() {
    for (address, said) in [
        ("mysql://intake:hunter2@127.0.0.1/intake", "postgres://"),
        (
            "postgres://intake:hunter2#more@127.0.0.1/intake",
            "percent-encoded",
        ),
        (
            "postgres://intake:1#hunter2@127.0.0.1/intake",
            "percent-encoded",
        ),
        (
            "postgres://127.0.0.1/intake?pasword=hunter2",
            "parameter other than",
        ),
        (
            "postgres://intake@127.0.0.1/intake?password=hunter2&sslmode=yes",
            "cannot be read",
        ),
        ("hunter2", "no URL"),
    ] {
        let refused = PostgresInventory::connect(address).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::ConfigInvalid, "{address}");
        let (shown, causes) = (format!("{refused:?}"), causes(&refused));
        assert!(causes.contains(said), "{address}: {causes}");
        assert!(
            !causes.contains("hunter2") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
    for schema in ["", "Prod", "1st", "a b", "a\"; DROP", &"a".repeat(64)] {
        let refused = connect("postgres://127.0.0.1/intake", schema).await;
        assert_eq!(
            refused.unwrap_err().code(),
            ErrorCode::ConfigInvalid,
            "{schema:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_named_as_the_reason() {
    let address = "postgres://intake:hunter2@127.0.0.1:1/intake";
    let refused = PostgresInventory::connect(address).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InventoryUnavailable);
    let (shown, causes) = (format!("{refused:?}"), causes(&refused));
    assert!(causes.contains("cannot be reached"), "{causes}");
    assert!(causes.contains("refused"), "{causes}");
    assert!(
        !causes.contains("hunter2") && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[tokio::test]
async fn the_password_is_in_no_debug_output() {
    let Some((address, schema)) = somewhere() else {
        return;
    };
    let inventory = connect(&format!("{address}&password=hunter2"), &schema)
        .await
        .unwrap();
    assert!(!format!("{inventory:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_schema_of_a_later_version_is_refused() {
    let Some((address, schema)) = somewhere() else {
        return;
    };
    connect(address, &schema).await.unwrap().close().await;
    execute(format!(
        "INSERT INTO {schema}.registry_intake_schema VALUES (1000, 0)"
    ))
    .await;
    let refused = connect(address, &schema).await.unwrap_err();
    assert!(
        matches!(refused, InventoryError::SchemaTooNew { found: 1000, known } if known < 1000),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_tables_of_another_application_are_left_alone() {
    let Some((address, schema)) = somewhere() else {
        return;
    };
    execute(format!(
        "CREATE SCHEMA {schema}; CREATE TABLE {schema}.item (theirs TEXT)"
    ))
    .await;
    let refused = connect(address, &schema).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InventoryUnavailable);
    assert!(causes(&refused).contains("another application"));
    let tables = "SELECT string_agg(tablename, ',') FROM pg_tables
                  WHERE schemaname = current_schema";
    assert_eq!(query(address, &schema, tables).await, "item");
}

#[tokio::test]
async fn a_hosts_own_tables_and_migrations_are_not_disturbed() {
    let Some(address) = new_database().await else {
        return;
    };
    let mut host = session(&address, "public").await;
    let theirs = "CREATE TABLE _sqlx_migrations (version BIGINT); CREATE TABLE item (theirs TEXT);
                  INSERT INTO _sqlx_migrations VALUES (7); INSERT INTO item VALUES ('theirs')";
    sqlx::raw_sql(theirs).execute(&mut host).await.unwrap();
    let clock = ManualClock::at(noon());
    let inventory = PostgresInventory::connect(&address).await.unwrap();
    let stage = Stage::new(Arc::new(inventory), clock).await;
    stage.sync(&[image("team-a/app", 1, &["v1"])]).await;
    assert_eq!(stage.counts().await.pending, 1);
    let kept = "SELECT theirs || version FROM item, _sqlx_migrations";
    assert_eq!(query(&address, "public", kept).await, "theirs7");
    let ours = "SELECT string_agg(DISTINCT schemaname, ',') FROM pg_tables
                WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'public')";
    assert_eq!(
        query(&address, "public", ours).await,
        PostgresOptions::DEFAULT_SCHEMA
    );
}

#[tokio::test]
async fn a_user_who_may_create_nothing_works_in_an_existing_schema() {
    let Some((address, schema)) = somewhere() else {
        return;
    };
    connect(address, &schema).await.unwrap().close().await;
    execute(format!(
        "CREATE ROLE {schema} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {schema};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {schema}"
    ))
    .await;
    let address = address.replace("user=intake", &format!("user={schema}"));
    let inventory = connect(&address, &schema).await.unwrap();
    let stage = Stage::new(Arc::new(inventory), ManualClock::at(noon())).await;
    stage.sync(&[image("team-a/app", 1, &["v1"])]).await;
    stage.ingest().await;
    assert!(stage.inventory.remove(PROD).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_may_create_a_schema_together() {
    for _ in 0..3 {
        let Some((address, schema)) = somewhere() else {
            return;
        };
        let together: Vec<_> = (0..8)
            .map(|_| {
                let schema = schema.clone();
                tokio::spawn(async move { connect(address, &schema).await })
            })
            .collect();
        for connected in together {
            connected.await.unwrap().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_may_bind_a_name_together() {
    let Some((address, schema)) = somewhere() else {
        return;
    };
    let inventory = connect(address, &schema).await.unwrap();
    for round in 0..5 {
        let name = format!("harbor-{round}");
        let together: Vec<_> = (0..6)
            .map(|number| {
                let (inventory, mut binding) = (inventory.clone(), binding(&name));
                binding.registry = format!("harbor-{}.example.com:443", number % 2);
                tokio::spawn(async move { inventory.bind(&binding).await })
            })
            .collect();
        let mut bound = 0;
        for answer in together {
            match answer.await.unwrap() {
                Ok(()) => bound += 1,
                Err(error) => assert_eq!(error.code(), ErrorCode::IntegrationRebound),
            }
        }
        assert_eq!(bound, 3, "one registry has the name");
    }
}

/// The time of the database's server.
async fn server_time(address: &str) -> Timestamp {
    let statement = r#"SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC',
                                      'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"#;
    query(address, "public", statement).await.parse().unwrap()
}

#[tokio::test]
async fn the_databases_clock_counts_unless_another_is_given() {
    let Some((address, schema)) = somewhere() else {
        return;
    };
    let filled = PostgresOptions::new()
        .with_schema(&schema)
        .with_clock(Arc::new(ManualClock::at(noon())));
    let filled = filled.connect(address).await.unwrap();
    let stage = Stage::new(Arc::new(filled), ManualClock::at(noon())).await;
    stage
        .sync(&[1, 2].map(|number| image("team-a/app", number, &["v1"])))
        .await;
    assert_eq!(
        stage.granted().await.lease_until,
        noon().saturating_add(LEASE)
    );

    let inventory = connect(address, &schema).await.unwrap();
    let before = server_time(address).await;
    let claim = inventory
        .claim(&claim_request(&Pace::Unlimited))
        .await
        .unwrap();
    let after = server_time(address).await;
    let at = granted(claim).lease_until.saturating_sub(LEASE);
    assert!(before <= at && at <= after, "{before} {at} {after}");
}

/// Has the database give up the next changes of items, so many of them, in favour of others.
async fn give_up(address: &str, schema: &str, times: u32) {
    let given_up = format!(
        "CREATE SEQUENCE given_up;
         CREATE FUNCTION give_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF nextval('given_up') <= {times} THEN
                 RAISE EXCEPTION 'deadlock detected' USING ERRCODE = 'deadlock_detected';
             END IF;
             RETURN NULL;
         END $$;
         CREATE TRIGGER give_up BEFORE UPDATE ON item
             FOR EACH STATEMENT EXECUTE FUNCTION give_up()"
    );
    let mut connection = session(address, schema).await;
    sqlx::raw_sql(AssertSqlSafe(given_up))
        .execute(&mut connection)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_the_database_gave_up_is_tried_again_and_done_once() {
    let Some((address, schema)) = somewhere() else {
        return;
    };
    let inventory = connect(address, &schema).await.unwrap();
    let stage = Stage::new(Arc::new(inventory), ManualClock::at(noon())).await;
    stage.sync(&[image("team-a/app", 1, &["v1"])]).await;
    give_up(address, &schema, 3).await;
    let claimed = stage.granted().await;
    assert_eq!((claimed.attempt, claimed.lease.fence), (1, 1));
    stage.acknowledge(&claimed.lease).await;
    assert_eq!(stage.state_of("team-a/app", 1).await, ImageState::Ingested);
}

#[tokio::test]
async fn what_the_database_gives_up_again_and_again_is_told() {
    let Some((address, schema)) = somewhere() else {
        return;
    };
    let inventory = connect(address, &schema).await.unwrap();
    let stage = Stage::new(Arc::new(inventory), ManualClock::at(noon())).await;
    stage.sync(&[image("team-a/app", 1, &["v1"])]).await;
    give_up(address, &schema, 1000).await;
    let request = claim_request(&Pace::Unlimited);
    let failed = stage.inventory.claim(&request).await.unwrap_err();
    assert_eq!(failed.code(), ErrorCode::InventoryUnavailable);
    assert!(causes(&failed).contains("deadlock detected"));
    assert_eq!(stage.state_of("team-a/app", 1).await, ImageState::Pending);
}

#[tokio::test]
async fn a_connection_that_the_server_ended_is_replaced() {
    let Some((address, schema)) = somewhere() else {
        return;
    };
    let named = format!("{address}&application_name={schema}");
    let inventory = connect(&named, &schema).await.unwrap();
    let stage = Stage::new(Arc::new(inventory), ManualClock::at(noon())).await;
    execute(format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = '{schema}'"
    ))
    .await;
    stage.sync(&[image("team-a/app", 1, &["v1"])]).await;
    assert_eq!(stage.counts().await.pending, 1);
}

#[tokio::test]
async fn what_no_text_of_the_database_can_hold_does_not_keep_a_page_out() {
    let Some(stage) = of_its_own().await else {
        return;
    };
    let mut odd = image("team-a/app", 1, &["v1"]);
    odd.media_type = Some("application/\0json".to_owned());
    stage.sync(&[odd.clone()]).await;
    assert_eq!(stage.sync(&[odd]).await.unchanged, 1);
}

#[tokio::test]
async fn a_page_reads_no_more_work_items_when_there_are_many() {
    let Some((address, schema)) = somewhere() else {
        return;
    };
    let options = PostgresOptions::new()
        .with_schema(&schema)
        .with_connections(1);
    let inventory = Arc::new(options.connect(address).await.unwrap());
    let stage = Stage::new(inventory, ManualClock::at(noon())).await;
    let ticket = stage.begin().await;
    let mut stored = 0;
    for size in [100; 60] {
        let page = (stored..stored + size).map(|number| image("team-a/app", number, &["v1"]));
        stage.store(&ticket, &page.collect::<Vec<_>>()).await;
        stored += size;
    }
    stage.inventory.close().await;
    // The server counts what a connection has done once that has ended.
    let read: u32 = loop {
        let told = query(
            address,
            &schema,
            "SELECT n_tup_ins || ' ' || seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables
             WHERE schemaname = current_schema() AND relname = 'item'",
        );
        let told = told.await;
        let (written, read) = told.split_once(' ').unwrap();
        if written == stored.to_string() {
            break read.parse().unwrap();
        }
    };
    // Reading them all for each page would make it thirty.
    assert!(read < 5 * stored, "{read} rows read for {stored}");
}
