//! Several processes on one inventory. Each test runs itself again as its own child processes.

use std::{
    collections::BTreeSet,
    env,
    io::{BufRead, BufReader, Write},
    num::NonZeroU32,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use registry_intake::{
    clock::{Clock, ManualClock, SystemClock},
    image::{Image, Proof, Scope},
    inventory::{Claim, InventoryError, RunKind, RunStart, ScopeOutcome},
    pace::Pace,
};

use super::{
    place::Place,
    stage::{PROD, Stage, binding, claim_request, granted, image, run_end, run_request, sightings},
};

on_every_store! {
    #[tokio::test] several_processes_hand_over_each_image_once,
    #[tokio::test] several_processes_share_one_speed_limit,
    #[tokio::test] processes_that_start_together_share_a_new_inventory,
    #[tokio::test] an_image_in_the_hands_of_a_killed_process_is_not_lost,
    #[tokio::test] what_a_frozen_process_writes_when_it_wakes_is_refused,
    #[tokio::test] a_run_killed_at_any_moment_leaves_the_inventory_sound,
    postgres:
    #[tokio::test] a_process_frozen_in_the_middle_of_its_work_does_not_hold_up_the_others,
}

/// Whether this process was started by a test that runs in another.
fn is_child() -> bool {
    Place::of_parent().is_some()
}

/// As many as are to share such an inventory.
fn children(test: &str, place: &Place) -> Vec<Child> {
    (0..place.processes()).map(|_| child(test, place)).collect()
}

/// This process's test of that name, run by another process on the same inventory.
fn child(test: &str, place: &Place) -> Child {
    let module = module_path!().split_once("::").unwrap().1;
    let test = format!("{module}::{}::{test}", place.store());
    Command::new(env::current_exe().unwrap())
        .args(["--exact", &test])
        .envs(place.variables())
        .stdin(Stdio::piped())
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

fn signal(name: &str, child: &Child) {
    let arguments = [name, &child.id().to_string()];
    let sent = Command::new("kill").args(arguments).status().unwrap();
    assert!(sent.success());
}

/// An inventory with this many images to ingest.
async fn filled(place: &Place, images: u32) -> (Stage, Vec<Image>) {
    let clock = ManualClock::at(SystemClock::new().now());
    let inventory = place.open_at(Arc::new(clock.clone())).await;
    let stage = Stage::new(inventory, clock).await;
    let images: Vec<_> = (0..images)
        .map(|number| image(&format!("team-{}/app", number % 7), number, &["v1"]))
        .collect();
    stage.sync(&images).await;
    (stage, images)
}

async fn several_processes_hand_over_each_image_once(place: Place) {
    if is_child() {
        let inventory = place.open().await;
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
    let (stage, images) = filled(&place, 200).await;
    let mut children = children("several_processes_hand_over_each_image_once", &place);
    for _ in 0..5 {
        assert_eq!(
            stage.sync(&images).await.unchanged,
            200,
            "one more process writes meanwhile"
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

async fn several_processes_share_one_speed_limit(place: Place) {
    let fifty = Pace::Burst(NonZeroU32::new(50).unwrap());
    if is_child() {
        let inventory = place.open().await;
        loop {
            match inventory.claim(&claim_request(&fifty)).await.unwrap() {
                Claim::Granted(claimed) => say(claimed.lease.digest),
                Claim::Wait { .. } => return,
                other => panic!("{other:?}"),
            }
        }
    }
    let (stage, _) = filled(&place, 120).await;
    let mut children = children("several_processes_share_one_speed_limit", &place);
    let mut granted = 0;
    for child in &mut children {
        granted += heard(child).count();
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(granted, 50);
    assert_eq!(stage.counts().await.in_hand, 50);
}

async fn processes_that_start_together_share_a_new_inventory(place: Place) {
    if is_child() {
        place.open().await;
        return;
    }
    let mut children: Vec<_> = (0..6)
        .map(|_| {
            child(
                "processes_that_start_together_share_a_new_inventory",
                &place,
            )
        })
        .collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
}

async fn an_image_in_the_hands_of_a_killed_process_is_not_lost(place: Place) {
    if is_child() {
        let inventory = place.open().await;
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
    let (stage, images) = filled(&place, 100).await;
    let mut acknowledged = Vec::new();
    for kill_after in 1..=10 {
        let mut child = child(
            "an_image_in_the_hands_of_a_killed_process_is_not_lost",
            &place,
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
    assert_sound(&place).await;
}

async fn a_run_killed_at_any_moment_leaves_the_inventory_sound(place: Place) {
    let listed: Vec<_> = (0..300)
        .map(|number| image("team-a/app", number, &["v1"]))
        .collect();
    if is_child() {
        let inventory = place.open().await;
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
    let (stage, _) = filled(&place, 0).await;
    for kill_after in 1..=8 {
        let mut child = child(
            "a_run_killed_at_any_moment_leaves_the_inventory_sound",
            &place,
        );
        let words = heard(&mut child).take(kill_after).count();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(words, kill_after);
        assert_sound(&place).await;
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

async fn what_a_frozen_process_writes_when_it_wakes_is_refused(place: Place) {
    let listed = [image("team-a/app", 1, &["v1"])];
    if is_child() {
        let inventory = place.open().await;
        let claimed = granted(
            inventory
                .claim(&claim_request(&Pace::Unlimited))
                .await
                .unwrap(),
        );
        let request = run_request(RunKind::Full, RunStart::Resume);
        let run = inventory.begin_run(&request).await.unwrap().ticket;
        say("ready");
        let _woken = std::io::stdin().lock().lines().next();
        let late = inventory.acknowledge(&claimed.lease).await;
        assert!(matches!(late, Err(InventoryError::LeaseLost { .. })));
        let seen = sightings(&listed);
        let page = inventory.store_page(&run, &Scope::Registry, &seen, None);
        let superseded = |late| matches!(late, Err(InventoryError::RunSuperseded { .. }));
        assert!(superseded(page.await.map(drop)));
        let outcome = ScopeOutcome::Listed;
        let closed = inventory.close_scope(&run, &Scope::Registry, &outcome);
        assert!(superseded(closed.await));
        let end = run_end(Some(Proof::Totals));
        assert!(superseded(inventory.finish_run(&run, &end).await.map(drop)));
        return say("refused");
    }
    let (stage, images) = filled(&place, 5).await;
    let mut child = child(
        "what_a_frozen_process_writes_when_it_wakes_is_refused",
        &place,
    );
    let mut heard = heard(&mut child);
    assert_eq!(heard.next().as_deref(), Some("ready"));
    signal("-STOP", &child);
    stage.clock.advance(Duration::from_secs(86_400));
    for _ in &images {
        stage.ingest().await;
    }
    let request = run_request(RunKind::Full, RunStart::Resume);
    let run = stage.inventory.begin_run(&request).await.unwrap().ticket;
    stage.store(&run, &images).await;
    signal("-CONT", &child);
    writeln!(child.stdin.take().unwrap()).unwrap();
    assert_eq!(heard.next().as_deref(), Some("refused"));
    assert!(child.wait().unwrap().success());
    stage
        .close(&run, &Scope::Registry, &ScopeOutcome::Listed)
        .await;
    let report = stage.finish(&run, Some(Proof::Totals)).await;
    assert_eq!((report.listed, report.gone), (5, 0));
    assert_eq!(stage.counts().await.ingested, 5);
    assert_sound(&place).await;
}

async fn a_process_frozen_in_the_middle_of_its_work_does_not_hold_up_the_others(place: Place) {
    if is_child() {
        let inventory = place.open().await;
        say("ready");
        loop {
            inventory.bind(&binding(PROD)).await.unwrap();
        }
    }
    let (stage, _) = filled(&place, 5).await;
    let mut child = child(
        "a_process_frozen_in_the_middle_of_its_work_does_not_hold_up_the_others",
        &place,
    );
    assert_eq!(heard(&mut child).next().as_deref(), Some("ready"));
    let holds_a_lock = "SELECT CAST(count(*) > 0 AS TEXT)
                        FROM pg_stat_activity JOIN pg_locks USING (pid)
                        WHERE state = 'idle in transaction'
                            AND relation = CAST('integration' AS regclass)";
    loop {
        signal("-STOP", &child);
        if place.query(holds_a_lock).await == "true" {
            break;
        }
        signal("-CONT", &child);
    }
    stage.ingest().await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_sound(&place).await;
}

/// The store is whole, and what is counted along the way is what there is.
pub(crate) async fn assert_sound(place: &Place) {
    if let Place::File { .. } = place {
        assert_eq!(place.query("PRAGMA integrity_check").await, "ok");
    }
    let miscounted = place.query(
        "SELECT 'locations of ' || count(*) FROM item
         WHERE live <> (SELECT count(*) FROM location
                        WHERE item = item.id AND gone_at IS NULL)
            OR eligible <> (SELECT count(*) FROM location
                            WHERE item = item.id AND gone_at IS NULL AND omission IS NULL)",
    );
    assert_eq!(miscounted.await, "locations of 0");
    let tally = "SELECT 'states ' || count(*) FROM (
                     SELECT integration, state, lane, count(*) FROM item GROUP BY 1, 2, 3
                     EXCEPT SELECT * FROM tally) AS miscounted";
    assert_eq!(place.query(tally).await, "states 0");
}
