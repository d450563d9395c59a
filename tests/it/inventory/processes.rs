//! Several processes on one SQLite file. Each test runs itself again as its own child processes.

use std::{
    collections::BTreeSet,
    env,
    io::{BufRead, BufReader, Write},
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use registry_intake::{
    clock::{Clock, ManualClock, SystemClock},
    image::{Image, Proof, Scope},
    inventory::{Claim, Inventory, RunKind, RunStart, ScopeOutcome, SqliteInventory},
    pace::Pace,
};

use super::{
    sqlite::query,
    stage::{Stage, claim_request, image, run_end, run_request, sightings},
};

const FILE: &str = "REGISTRY_INTAKE_TEST_INVENTORY";

/// The file to work on, in a child process.
fn file_of_child() -> Option<PathBuf> {
    env::var_os(FILE).map(PathBuf::from)
}

/// This process's test of that name, run by another process on `file`.
fn child(test: &str, file: &Path) -> Child {
    let module = module_path!().split_once("::").unwrap().1;
    Command::new(env::current_exe().unwrap())
        .args(["--exact", &format!("{module}::{test}")])
        .env(FILE, file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Lines that a child wrote in answer to `say`, as long as it lives.
fn heard(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("said ").map(str::to_owned))
}

/// Past the test harness, which would hold back what is printed.
fn say(word: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "said {word}").unwrap();
}

async fn open(file: &Path) -> SqliteInventory {
    SqliteInventory::open(file, SystemClock::shared())
        .await
        .unwrap()
}

/// A file with this many images to ingest.
async fn filled(file: &Path, images: u32) -> (Stage, Vec<Image>) {
    let clock = ManualClock::at(SystemClock::new().now());
    let inventory = SqliteInventory::open(file, Arc::new(clock.clone()))
        .await
        .unwrap();
    let stage = Stage::new(Arc::new(inventory), clock).await;
    let images: Vec<_> = (0..images)
        .map(|number| image(&format!("team-{}/app", number % 7), number, &["v1"]))
        .collect();
    stage.sync(&images).await;
    (stage, images)
}

#[tokio::test]
async fn several_processes_hand_over_each_image_once() {
    if let Some(file) = file_of_child() {
        let inventory = open(&file).await;
        while let Claim::Granted(claimed) = inventory
            .claim(&claim_request(&Pace::Unlimited))
            .await
            .unwrap()
        {
            inventory.acknowledge(&claimed.lease).await.unwrap();
            say(claimed.lease.digest);
        }
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inventory.db");
    let (stage, images) = filled(&file, 200).await;
    let mut children: Vec<_> = (0..3)
        .map(|_| child("several_processes_hand_over_each_image_once", &file))
        .collect();
    for _ in 0..5 {
        assert_eq!(
            stage.sync(&images).await.unchanged,
            200,
            "a fourth process writes meanwhile"
        );
    }
    let mut handed_over = Vec::new();
    for child in &mut children {
        handed_over.extend(heard(child));
        assert!(child.wait().unwrap().success());
    }
    let distinct: BTreeSet<_> = handed_over.iter().collect();
    assert_eq!((handed_over.len(), distinct.len()), (200, 200));
    assert_eq!(stage.counts().await.ingested, 200);
}

#[tokio::test]
async fn several_processes_share_one_speed_limit() {
    let fifty = Pace::Burst(NonZeroU32::new(50).unwrap());
    if let Some(file) = file_of_child() {
        let inventory = open(&file).await;
        loop {
            match inventory.claim(&claim_request(&fifty)).await.unwrap() {
                Claim::Granted(claimed) => say(claimed.lease.digest),
                Claim::Wait { .. } => return,
                other => panic!("{other:?}"),
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inventory.db");
    let (stage, _) = filled(&file, 120).await;
    let mut children: Vec<_> = (0..3)
        .map(|_| child("several_processes_share_one_speed_limit", &file))
        .collect();
    let mut granted = 0;
    for child in &mut children {
        granted += heard(child).count();
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(granted, 50);
    assert_eq!(stage.counts().await.in_hand, 50);
}

#[tokio::test]
async fn processes_that_start_together_share_a_new_file() {
    if let Some(file) = file_of_child() {
        open(&file).await;
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inventory.db");
    let mut children: Vec<_> = (0..6)
        .map(|_| child("processes_that_start_together_share_a_new_file", &file))
        .collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
}

#[tokio::test]
async fn an_image_in_the_hands_of_a_killed_process_is_not_lost() {
    if let Some(file) = file_of_child() {
        let inventory = open(&file).await;
        while let Claim::Granted(claimed) = inventory
            .claim(&claim_request(&Pace::Unlimited))
            .await
            .unwrap()
        {
            say("claimed");
            inventory.acknowledge(&claimed.lease).await.unwrap();
            say(claimed.lease.digest);
        }
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inventory.db");
    let (stage, images) = filled(&file, 100).await;
    let mut acknowledged = Vec::new();
    for kill_after in 1..=10 {
        let mut child = child(
            "an_image_in_the_hands_of_a_killed_process_is_not_lost",
            &file,
        );
        let mut heard = heard(&mut child);
        acknowledged.extend(heard.by_ref().take(kill_after));
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged.extend(heard);
    }
    acknowledged.retain(|word| word != "claimed");
    stage.clock.advance(Duration::from_secs(86_400));
    let mut left = 0;
    while let Claim::Granted(claimed) = stage.claim().await {
        assert!(!acknowledged.contains(&claimed.lease.digest.to_string()));
        stage.acknowledge(&claimed.lease).await;
        left += 1;
    }
    assert!(left + acknowledged.len() <= images.len());
    assert!(
        left + acknowledged.len() + 10 >= images.len(),
        "one answer a kill may be unheard"
    );
    assert_eq!(stage.counts().await.ingested, 100);
    assert_sound(&file).await;
}

#[tokio::test]
async fn a_run_killed_at_any_moment_leaves_the_inventory_sound() {
    let listed: Vec<_> = (0..300)
        .map(|number| image("team-a/app", number, &["v1"]))
        .collect();
    if let Some(file) = file_of_child() {
        let inventory = open(&file).await;
        loop {
            for half in [&listed[..150], &listed[150..]] {
                let anew = run_request(RunKind::Full, RunStart::Anew);
                let run = inventory.begin_run(&anew).await.unwrap().ticket;
                for page in half.chunks(50) {
                    inventory
                        .store_page(&run, &Scope::Registry, &sightings(page), None)
                        .await
                        .unwrap();
                    say("page");
                }
                inventory
                    .close_scope(&run, &Scope::Registry, &ScopeOutcome::Listed)
                    .await
                    .unwrap();
                inventory
                    .finish_run(&run, &run_end(Some(Proof::Totals)))
                    .await
                    .unwrap();
                say("run");
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inventory.db");
    let (stage, _) = filled(&file, 0).await;
    for kill_after in 1..=8 {
        let mut child = child(
            "a_run_killed_at_any_moment_leaves_the_inventory_sound",
            &file,
        );
        let words = heard(&mut child).take(kill_after).count();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(words, kill_after);
        assert_sound(&file).await;
    }
    let report = stage.sync(&listed).await;
    assert_eq!((report.listed, report.gone), (300, 0));
    assert_eq!(stage.counts().await.pending, 300);
    let stored: Vec<_> = stage
        .images()
        .await
        .into_iter()
        .map(|stored| stored.image)
        .collect();
    assert_eq!(stored, listed);
}

/// The file is whole, and what is counted along the way is what there is.
pub(super) async fn assert_sound(file: &Path) {
    assert_eq!(query(file, "PRAGMA integrity_check").await, "ok");
    let miscounted = query(
        file,
        "SELECT 'locations of ' || count(*) FROM item
         WHERE live <> (SELECT count(*) FROM location
                        WHERE item = item.id AND gone_at IS NULL)
            OR eligible <> (SELECT count(*) FROM location
                            WHERE item = item.id AND gone_at IS NULL AND omission IS NULL)",
    );
    assert_eq!(miscounted.await, "locations of 0");
    let tally = "SELECT 'states ' || count(*) FROM (
                     SELECT integration, state, lane, count(*) FROM item GROUP BY 1, 2, 3
                     EXCEPT SELECT * FROM tally)";
    assert_eq!(query(file, tally).await, "states 0");
}
