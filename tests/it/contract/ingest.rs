use std::{collections::BTreeSet, num::NonZeroU32, time::Duration};

use registry_intake::{
    clock::SystemClock,
    inventory::{Claim, ClaimRequest, Inventory, SqliteInventory},
    pace::Pace,
    simulator::harbor_v2::Push,
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use super::program::{ACR, Program, admin, end, harbor, paced, stable, within};

#[tokio::test(flavor = "multi_thread")]
async fn images_are_handed_over_at_the_speed_limit_until_none_is_left() {
    let harbor = harbor().await;
    let program = Program::new(&paced("prod", &harbor, "3600"));
    program.json(["sync"]).await;
    let ended = program.json(["ingest", "--until-idle"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(stable(&ended.stdout, &harbor));

    let again = program.json(["ingest", "--until-idle"]).await;
    assert_eq!((again.code, again.stdout.as_str()), (0, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn max_ends_the_run_and_the_next_one_goes_on() {
    let harbor = harbor().await;
    let program = Program::new(&paced("prod", &harbor, "\"unlimited\""));
    program.json(["sync"]).await;
    let mut digests = BTreeSet::new();
    for expected in [2, 1, 0] {
        let ended = program.json(["ingest", "--until-idle", "--max", "2"]).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
        let handed = handed(&ended.objects());
        assert_eq!(handed.len(), expected);
        digests.extend(handed);
    }
    assert_eq!(digests.len(), 3);
}

fn handed(events: &[Value]) -> Vec<String> {
    events
        .iter()
        .filter(|event| event["event"] == "image")
        .map(|image| image["digest"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_without_a_new_digest_is_told_too() {
    let harbor = harbor().await;
    let program = Program::new(&paced("prod", &harbor, "\"unlimited\""));
    program.json(["sync"]).await;
    program.json(["ingest", "--until-idle"]).await;
    let digest = format!("sha256:{}", "a".repeat(64));
    harbor.change(|contents| contents.push("lab/copy", Push::image().digest(&digest).tag("1")));
    program.json(["sync"]).await;
    let ended = program.json(["ingest", "--until-idle"]).await;
    assert_eq!(ended.code, 0);
    insta::assert_snapshot!(stable(&ended.stdout, &harbor));
}

#[tokio::test(flavor = "multi_thread")]
async fn integrations_have_a_pace_of_their_own_and_one_that_fails_stops_no_other() {
    let harbor = harbor().await;
    let all = paced("one", &harbor, "1") + &paced("two", &harbor, "1");
    let program = Program::new(&all);
    program.json(["sync"]).await;
    program.reconfigure(&(ACR.to_owned() + &all));
    let ended = program.json(["ingest", "--max", "1"]).await;
    assert_eq!(ended.code, 1);
    assert_eq!(ended.error()["error"]["code"], "ScanNotSupported");
    assert_eq!(ended.error()["integration"], "acr");
    let images: BTreeSet<_> = ended
        .objects()
        .iter()
        .filter(|event| event["event"] == "image")
        .map(|image| image["integration"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(images, BTreeSet::from(["one".to_owned(), "two".to_owned()]));
}

/// A run of `ingest` that was seen to hand over one image and now waits six minutes for the next.
struct Waiting {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    handed: String,
}

async fn waiting(program: &Program) -> Waiting {
    let mut command = program.configured();
    command.args(["--output", "json", "ingest"]);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = async || -> Value {
        let line = within(lines.next_line()).await.unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    };
    let image = next().await;
    assert_eq!(image["event"], "image");
    let wait = next().await;
    assert_eq!(
        (&wait["event"], &wait["pending"]),
        (&"waiting".into(), &2.into())
    );
    Waiting {
        child,
        lines,
        handed: image["digest"].as_str().unwrap().to_owned(),
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_and_sigterm_end_the_run_with_0_and_lose_nothing() {
    for signal in ["-INT", "-TERM"] {
        let harbor = harbor().await;
        let program = Program::new(&admin("prod", &harbor));
        program.json(["sync"]).await;
        let Waiting {
            mut child,
            mut lines,
            handed: first,
        } = waiting(&program).await;
        let id = child.id().unwrap().to_string();
        let told = Command::new("kill").args([signal, id.as_str()]).status();
        assert!(told.await.unwrap().success());
        assert_eq!(within(lines.next_line()).await.unwrap(), None);
        assert_eq!(
            within(child.wait()).await.unwrap().code(),
            Some(0),
            "{signal}"
        );

        program.reconfigure(&paced("prod", &harbor, "\"unlimited\""));
        let rest = program.json(["ingest", "--until-idle"]).await;
        let rest = handed(&rest.objects());
        assert_eq!(rest.len(), 2, "{signal}");
        assert!(!rest.contains(&first), "{signal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_handed_over_before_a_kill_is_not_handed_over_again() {
    let harbor = harbor().await;
    let program = Program::new(&admin("prod", &harbor));
    program.json(["sync"]).await;
    let mut run = waiting(&program).await;
    run.child.kill().await.unwrap();
    program.reconfigure(&paced("prod", &harbor, "\"unlimited\""));
    let rest = program.json(["ingest", "--until-idle"]).await;
    let rest = handed(&rest.objects());
    assert_eq!(rest.len(), 2);
    assert!(!rest.contains(&run.handed));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_reads_is_not_acknowledged() {
    let harbor = harbor().await;
    let program = Program::new(&paced("prod", &harbor, "3600"));
    program.json(["sync"]).await;
    let Waiting {
        mut child,
        lines,
        handed: first,
    } = waiting(&program).await;
    drop(lines);
    assert_eq!(within(child.wait()).await.unwrap().code(), Some(0));
    let rest = program.json(["ingest", "--until-idle"]).await;
    let rest = handed(&rest.objects());
    assert_eq!(rest.len(), 2);
    assert!(!rest.contains(&first));
}

/// A full disk, as Linux plays it.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_is_not_acknowledged_and_ends_with_1() {
    let harbor = harbor().await;
    let program = Program::new(&paced("prod", &harbor, "\"unlimited\""));
    program.json(["sync"]).await;
    let mut command = program.configured();
    command
        .args(["--output", "json", "ingest", "--until-idle"])
        .stdout(std::fs::File::create("/dev/full").unwrap());
    let ended = end(&mut command).await;
    assert_eq!(ended.code, 1);
    assert_eq!(ended.error()["error"]["code"], Value::Null);
    let all = program.json(["ingest", "--until-idle"]).await;
    assert_eq!(handed(&all.objects()).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_in_a_pipe_has_a_line_for_each_image_and_no_bar() {
    let harbor = harbor().await;
    let program = Program::new(&paced("prod", &harbor, "3600"));
    program.run(["sync"]).await;
    let ended = program.run(["ingest", "--max", "2"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert!(!ended.stdout.contains('\u{1b}'), "{}", ended.stdout);
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines[0], "prod  ffffffffffff  team/tools:3");
    assert!(
        lines[1].starts_with("prod: 2 waiting, the next at 20"),
        "{}",
        lines[1]
    );
    assert_eq!(lines[2], "prod  cccccccccccc  team/backend/worker:2.7");
    assert_eq!(lines.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn until_idle_waits_for_an_image_in_the_hands_of_a_process_that_died() {
    let harbor = harbor().await;
    let program = Program::new(&paced("prod", &harbor, "\"unlimited\""));
    program.json(["sync"]).await;
    let inventory =
        SqliteInventory::open(program.path("registry-intake.db"), SystemClock::shared());
    let inventory = inventory.await.unwrap();
    let taken = ClaimRequest {
        integration: "prod",
        pace: &Pace::Unlimited,
        lease: Duration::from_millis(1500),
        max_attempts: NonZeroU32::MAX,
        rescan_after: None,
    };
    assert!(matches!(
        inventory.claim(&taken).await.unwrap(),
        Claim::Granted(_)
    ));
    inventory.close().await;
    let ended = program.json(["ingest", "--until-idle"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let events = ended.objects();
    assert_eq!(handed(&events).len(), 3);
    let waits: Vec<_> = events
        .iter()
        .filter(|event| event["event"] == "waiting")
        .collect();
    assert_eq!(waits.len(), 1, "{events:?}");
    assert_eq!(waits[0]["pending"], 0);
    assert!(waits[0]["until"].is_string());
    assert_eq!(events[3]["attempt"], 2);
}
