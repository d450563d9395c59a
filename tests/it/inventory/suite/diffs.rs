use registry_intake::{
    image::{Proof, Scope},
    inventory::{RunChange, RunChangeKind, RunKind, RunReport, RunStart, ScopeOutcome},
};

use crate::inventory::stage::{PROD, Stage, image, run_request};

const APP: &str = "team-a/app";

fn words<T: ToString>(names: &[T]) -> String {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    names.join(" ")
}

/// Kind, image, its tags, and those before.
fn told(change: &RunChange) -> (RunChangeKind, u32, String, Option<String>) {
    let hex = &change.location.digest.as_str()["sha256:".len()..];
    assert_eq!(change.location.repository.as_str(), APP);
    (
        change.kind,
        u32::from_str_radix(hex, 16).unwrap(),
        words(&change.location.tags),
        change.tags_before.as_deref().map(words),
    )
}

async fn changes(stage: &Stage, report: &RunReport) -> Vec<RunChange> {
    let run = report.run.unwrap();
    stage
        .inventory
        .run_changes(PROD, run, None, 1000)
        .await
        .unwrap()
}

pub(crate) async fn a_run_tells_what_it_found_changed(stage: Stage) {
    use RunChangeKind::{Gone, New, Retagged, Returned, Updated};
    let first = stage
        .sync(&[
            image(APP, 1, &["v1"]),
            image(APP, 2, &["v2"]),
            image(APP, 3, &[]),
            image(APP, 4, &[]),
        ])
        .await;
    let row = |kind, number, tags: &str, before: Option<&str>| {
        (kind, number, tags.to_owned(), before.map(str::to_owned))
    };
    let found: Vec<_> = changes(&stage, &first).await.iter().map(told).collect();
    let expected = [(1, "v1"), (2, "v2"), (3, ""), (4, "")];
    assert_eq!(
        found,
        expected.map(|(number, tags)| row(New, number, tags, None))
    );

    let mut larger = image(APP, 3, &[]);
    larger.size = Some(4096);
    let second = stage
        .sync(&[
            image(APP, 1, &["v1", "v2"]),
            larger.clone(),
            image(APP, 4, &[]),
        ])
        .await;
    let found: Vec<_> = changes(&stage, &second).await.iter().map(told).collect();
    let expected = [
        row(Retagged, 1, "v1 v2", Some("v1")),
        row(Updated, 3, "", None),
        row(Gone, 2, "v2", None),
    ];
    assert_eq!(found, expected);
    assert_eq!((second.changed, second.gone), (2, 1));

    let third = stage
        .sync(&[
            image(APP, 1, &["v1", "v2"]),
            image(APP, 2, &["v3"]),
            larger,
            image(APP, 4, &[]),
        ])
        .await;
    let found: Vec<_> = changes(&stage, &third).await.iter().map(told).collect();
    assert_eq!(found, [row(Returned, 2, "v3", None)]);
    assert_eq!(
        changes(&stage, &first).await.len(),
        4,
        "a run keeps its own"
    );
}

pub(crate) async fn the_changes_of_a_run_are_read_in_portions(stage: Stage) {
    let run = stage.begin().await;
    for numbers in [1..=7, 8..=9] {
        let page: Vec<_> = numbers.map(|number| image(APP, number, &["v1"])).collect();
        stage.store(&run, &page).await;
    }
    stage.finish(&run, None).await;
    let (mut after, mut found) = (None, Vec::new());
    loop {
        let portion = stage
            .inventory
            .run_changes(PROD, run.run, after, 4)
            .await
            .unwrap();
        let Some(last) = portion.last() else { break };
        assert!(portion.len() <= 4);
        after = Some(last.sequence);
        found.extend(portion.iter().map(|change| told(change).1));
    }
    assert_eq!(found, (1..=9).collect::<Vec<_>>());
    let elsewhere = stage.inventory.run_changes("nobody", run.run, None, 10);
    assert_eq!(elsewhere.await.unwrap(), []);
}

pub(crate) async fn fifty_runs_and_the_last_complete_one_are_kept(stage: Stage) {
    let complete = stage.sync(&[image(APP, 1, &["v1"])]).await;
    let mut newest = Vec::new();
    for number in 2..=61 {
        stage.after(60);
        let request = run_request(RunKind::Incremental, RunStart::Resume);
        let run = stage.inventory.begin_run(&request).await.unwrap().ticket;
        stage.store(&run, &[image(APP, number, &["v1"])]).await;
        newest.push(stage.finish(&run, None).await);
    }
    newest.reverse();
    let runs = stage.inventory.runs(PROD, 1000).await.unwrap();
    assert_eq!(runs[..50], newest[..50]);
    assert_eq!(runs[50..], std::slice::from_ref(&complete)[..]);
    assert_eq!(stage.inventory.runs(PROD, 3).await.unwrap(), newest[..3]);
    assert_eq!(changes(&stage, &newest[49]).await.len(), 1);
    assert_eq!(
        changes(&stage, &newest[50]).await,
        [],
        "it went with its run"
    );
    assert_eq!(changes(&stage, &complete).await.len(), 1);
}

pub(crate) async fn what_was_held_is_gone_on_an_operators_word(stage: Stage) {
    let all: Vec<_> = (1..=40).map(|number| image(APP, number, &["v1"])).collect();
    stage.sync(&all).await;
    for _ in 0..2 {
        stage.ingest().await;
    }
    assert_eq!(stage.inventory.confirm_held(PROD).await.unwrap(), 0);
    let held = stage.sync(&[]).await;
    assert_eq!((held.gone, held.held), (0, 40));
    assert_eq!(stage.inventory.changes(PROD, 10).await.unwrap(), []);
    let seen = stage.begin().await;
    stage.store(&seen, &all[..5]).await;
    stage.finish(&seen, None).await;
    assert_eq!(stage.inventory.integrations().await.unwrap()[0].held, 35);

    assert_eq!(stage.inventory.confirm_held(PROD).await.unwrap(), 35);
    assert_eq!(stage.counts().await.gone, 35);
    assert_eq!(stage.inventory.integrations().await.unwrap()[0].held, 0);
    assert_eq!(stage.inventory.confirm_held(PROD).await.unwrap(), 0);
    assert_eq!(
        stage.inventory.changes(PROD, 10).await.unwrap().len(),
        2,
        "those that the sink knows"
    );
    let runs = stage.inventory.runs(PROD, 10).await.unwrap();
    let report = runs.iter().find(|run| run.run == held.run).unwrap();
    assert_eq!((report.gone, report.held), (35, 5));
    let gone = changes(&stage, report).await;
    assert_eq!(gone.len(), 35);
    assert!(gone.iter().all(|change| change.kind == RunChangeKind::Gone));
    assert_eq!(stage.sync(&all).await.new, 35, "and may come back");
}

pub(crate) async fn only_what_the_last_proved_run_held_back_can_be_confirmed(stage: Stage) {
    let all: Vec<_> = (1..=40).map(|number| image(APP, number, &["v1"])).collect();
    stage.sync(&all).await;
    assert_eq!(stage.sync(&[]).await.held, 40);
    let run = stage.begin().await;
    stage
        .close(&run, &Scope::Registry, &ScopeOutcome::Listed)
        .await;
    let filtered = ScopeOutcome::Excluded(registry_intake::image::Exclusion::Filtered);
    stage
        .close(&run, &Scope::Namespace("team-a".to_owned()), &filtered)
        .await;
    stage.finish(&run, Some(Proof::Totals)).await;
    assert_eq!(stage.inventory.confirm_held(PROD).await.unwrap(), 0);
    assert_eq!(stage.counts().await.gone, 0);
}
