use std::{path::Path, sync::Arc};

use registry_intake::{
    clock::ManualClock,
    error::ErrorCode,
    inventory::{
        ImageState, Inventory, InventoryError, Omission, RunKind, RunStart, SqliteInventory,
    },
};

use super::place::Place;
use super::stage::{PROD, Stage, image, noon, run_request};

pub(super) async fn in_memory() -> Stage {
    let clock = ManualClock::at(noon());
    let inventory = SqliteInventory::in_memory(Arc::new(clock.clone())).await;
    Stage::new(Arc::new(inventory.unwrap()), clock).await
}

async fn open(path: &Path) -> Result<SqliteInventory, InventoryError> {
    SqliteInventory::open(path, Arc::new(ManualClock::at(noon()))).await
}

inventory_suite!(crate::inventory::sqlite::in_memory);

#[tokio::test]
async fn a_reopened_file_holds_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.db");
    let clock = ManualClock::at(noon());
    let stage = Stage::new(Arc::new(open(&path).await.unwrap()), clock.clone()).await;
    stage
        .sync(&[1, 2].map(|number| image("team-a/app", number, &["v1"])))
        .await;
    stage.ingest().await;
    let images = stage.images().await;
    drop(stage);
    let stage = Stage::new(Arc::new(open(&path).await.unwrap()), clock).await;
    assert_eq!(stage.images().await, images);
    assert_eq!(stage.counts().await.ingested, 1);
}

#[tokio::test]
async fn handles_of_one_file_see_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.db");
    let clock = ManualClock::at(noon());
    let one = Stage::new(Arc::new(open(&path).await.unwrap()), clock.clone()).await;
    let other = Stage::new(Arc::new(open(&path).await.unwrap()), clock).await;
    one.sync(&[image("team-a/app", 1, &["v1"])]).await;
    let claimed = other.granted().await;
    assert_eq!(one.state_of("team-a/app", 1).await, ImageState::InHand);
    one.acknowledge(&claimed.lease).await;
    assert_eq!(other.state_of("team-a/app", 1).await, ImageState::Ingested);
}

#[tokio::test]
async fn a_schema_of_a_later_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.db");
    open(&path).await.unwrap().close().await;
    execute(&path, "INSERT INTO registry_intake_schema VALUES (1000, 0)").await;
    let refused = open(&path).await.unwrap_err();
    assert!(
        matches!(refused, InventoryError::SchemaTooNew { found: 1000, known } if known < 1000),
        "{refused:?}"
    );
    assert_eq!(refused.code(), ErrorCode::InventorySchemaTooNew);
}

/// What a version 1 that ran wrote: one integration with two runs, the second one unfinished; five
/// images, of which one is ingested, one in hand, one untagged, one gone and one a chart.
const VERSION_1: &str = r#"
    CREATE TABLE registry_intake_schema (
        version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL
    ) STRICT;
    INSERT INTO registry_intake_schema VALUES (1, 0);
    INSERT INTO integration (id, name, kind, registry, bound_at, current_run, complete_run, turns)
        VALUES (1, 'harbor-prod', 'harbor-v2', 'harbor.example.com:443', 0, 8, 7, 2);
    INSERT INTO run (id, integration, started_at, finished_at, proof, listed, added, requests)
        VALUES (7, 1, 10, 20, 'totals', 5, 5, 12), (8, 1, 30, NULL, NULL, 1, 0, 0);
    INSERT INTO scope (run, kind, name, outcome) VALUES (8, 'namespace', 'team-a', 'open');
    INSERT INTO repository (id, integration, name, namespace) VALUES (1, 1, 'team-a/app', 'team-a');
    INSERT INTO item (id, integration, digest, live, eligible, progress, pushed_at, waiting_since,
                      held_since, held_until, fence, attempts, ingested_at)
        SELECT id, 1, 'sha256:' || printf('%064x', id), id <> 4, id IN (1, 2),
               CASE id WHEN 1 THEN 'ingested' WHEN 2 THEN 'in_hand' ELSE 'pending' END, id, 10,
               iif(id = 2, 15, NULL), iif(id = 2, 9000000000000000000, NULL), id = 2, id = 2,
               iif(id = 1, 15, NULL)
        FROM (SELECT value AS id FROM json_each('[1, 2, 3, 4, 5]'));
    INSERT INTO location (repository, digest, item, kind, size, tags, platforms, pushed_at, eligible,
                          first_seen_at, seen_run, gone_run, gone_at)
        SELECT 1, digest, id, iif(id = 5, 'chart', 'image'), 1024,
               iif(id = 3, '[]', '[{"name":"v1"}]'), '[]', id, id NOT IN (3, 5), 10,
               iif(id = 1, 8, 7), iif(id = 4, 7, NULL), iif(id = 4, 20, NULL)
        FROM item;
"#;

async fn create_version_1(path: &Path) {
    std::fs::File::create(path).unwrap();
    let schema = include_str!("../../../src/inventory/sqlite/schema/1.sql");
    execute(path, schema).await;
    execute(path, VERSION_1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_may_bring_a_file_of_version_1_up_to_date_together() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.db");
    create_version_1(&path).await;
    let together: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move { open(&path).await })
        })
        .collect();
    for opened in together {
        let stored = opened.await.unwrap().unwrap().images(PROD, None, 9).await;
        assert_eq!(stored.unwrap().len(), 5);
    }
    let steps = "SELECT group_concat(version) FROM registry_intake_schema";
    assert_eq!(query(&path, steps).await, "1,2");
    super::processes::assert_sound(&Place::at(&path)).await;
}

#[tokio::test]
async fn a_file_of_version_1_keeps_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.db");
    create_version_1(&path).await;
    let clock = ManualClock::at(noon());
    let inventory = SqliteInventory::open(&path, Arc::new(clock.clone())).await;
    let stage = Stage::new(Arc::new(inventory.unwrap()), clock).await;

    let states = [1, 2, 3, 4, 5].map(|number| ("team-a/app".to_owned(), number));
    let expected = [
        ImageState::Ingested,
        ImageState::InHand,
        ImageState::LeftOut,
        ImageState::Gone,
        ImageState::LeftOut,
    ];
    assert_eq!(
        stage.states().await,
        states.into_iter().zip(expected).collect()
    );
    let stored = stage.images().await;
    let omissions: Vec<_> = stored.iter().map(|stored| stored.omission).collect();
    let (untagged, chart) = (Some(Omission::Untagged), Some(Omission::NotAnImage));
    assert_eq!(omissions, [None, None, untagged, None, chart]);
    let summary = stage.inventory.integrations().await.unwrap().remove(0);
    let complete = summary.last_complete_run.unwrap();
    assert_eq!(
        (complete.run, complete.kind, complete.new),
        (Some(7), RunKind::Full, 5)
    );
    assert_eq!((summary.open_run, summary.change_mark), (None, None));
    let counts = stage.counts().await;
    assert_eq!(
        (
            counts.ingested,
            counts.in_hand,
            counts.left_out,
            counts.gone
        ),
        (1, 1, 2, 1)
    );

    let page = [1, 3, 4].map(|number| image("team-a/app", number, &["v1"]));
    let report = stage.sync(&page).await;
    assert!(report.run > Some(8));
    assert_eq!((report.new, report.changed, report.unchanged), (1, 1, 1));
    assert_eq!(report.gone, 2, "those that only version 1 has seen");
    super::processes::assert_sound(&Place::at(&path)).await;
}

#[tokio::test]
async fn the_database_of_another_application_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("theirs.db");
    std::fs::File::create(&path).unwrap();
    execute(&path, "CREATE TABLE item (theirs)").await;
    let refused = open(&path).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InventoryUnavailable);
    assert!(
        causes(&refused).contains("another application"),
        "{}",
        causes(&refused)
    );
    let tables = query(&path, "SELECT group_concat(name) FROM sqlite_schema").await;
    assert_eq!(tables, "item");
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing/inventory.db");
    let no_database = folder.path().join("notes.txt");
    std::fs::write(&no_database, "x".repeat(4096)).unwrap();
    for path in [missing.as_path(), folder.path(), no_database.as_path()] {
        let refused = open(path).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::InventoryUnavailable);
        let said = causes(&refused);
        assert!(
            said.contains(path.file_name().unwrap().to_str().unwrap()),
            "{said}"
        );
    }
    assert_eq!(
        std::fs::read(&no_database).unwrap(),
        "x".repeat(4096).as_bytes()
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_created_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.db");
    let inventory = open(&path).await.unwrap();
    inventory
        .begin_run(&run_request(RunKind::Full, RunStart::Resume))
        .await
        .unwrap_err();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} has mode {mode:o}", entry.path());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_may_open_a_new_file_together() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inventory.db");
        let together: Vec<_> = (0..8)
            .map(|_| {
                let path = path.clone();
                tokio::spawn(async move { open(&path).await })
            })
            .collect();
        for opened in together {
            opened.await.unwrap().unwrap();
        }
    }
}

/// The error and its sources in one line.
fn causes(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", causes(source)),
        None => error.to_string(),
    }
}

async fn connection(path: &Path) -> sqlx::SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    sqlx::ConnectOptions::connect(&options).await.unwrap()
}

async fn execute(path: &Path, statement: &'static str) {
    let mut connection = connection(path).await;
    sqlx::raw_sql(statement)
        .execute(&mut connection)
        .await
        .unwrap();
}

pub(super) async fn query(path: &Path, statement: &'static str) -> String {
    let mut connection = connection(path).await;
    sqlx::query_scalar(statement)
        .fetch_one(&mut connection)
        .await
        .unwrap()
}
