//! `run`, and the example `embed`: the whole service.

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use super::program::{Program, example, harbor, paced, within};

/// A service that runs, and what it prints.
pub(super) struct Service {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Service {
    pub(super) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    pub(super) async fn line(&mut self) -> String {
        let line = within(self.lines.next_line()).await.unwrap();
        line.expect("the service goes on")
    }

    /// Tells it to stop. Returns its exit code.
    #[cfg(unix)]
    pub(super) async fn stop(mut self, signal: &str) -> Option<i32> {
        let id = self.child.id().unwrap().to_string();
        let told = Command::new("kill").args([signal, id.as_str()]).status();
        assert!(told.await.unwrap().success());
        while within(self.lines.next_line()).await.unwrap().is_some() {}
        within(self.child.wait()).await.unwrap().code()
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn run_verifies_syncs_hands_over_and_ends_when_it_is_told_to() {
    let harbor = harbor().await;
    let program = Program::new(&paced("prod", &harbor, "\"unlimited\""));
    let mut service = Service::start(program.configured().args(["--output", "json", "run"]));
    let mut told = Vec::new();
    let count = |told: &[Value], event: &str| {
        let of_event = told.iter().filter(|line| line["event"] == event);
        of_event.count()
    };
    while count(&told, "image") < 3 || count(&told, "scheduled") < 2 {
        told.push(serde_json::from_str::<Value>(&service.line().await).unwrap());
    }
    let of = |event: &str| told.iter().find(|line| line["event"] == event).unwrap();
    let first = of("scheduled");
    assert_eq!(
        (&first["run"], &first["timezone"]),
        (&"full".into(), &"Asia/Shanghai".into())
    );
    assert_eq!(
        (&of("synced")["complete"], &of("synced")["new"]),
        (&true.into(), &5.into())
    );
    assert_eq!(service.stop("-TERM").await, Some(0));

    let stored = program.json(["inventory"]).await.objects();
    let ingested = stored.iter().filter(|image| image["state"] == "ingested");
    assert_eq!(ingested.count(), 3);
    let known = &program.json(["integrations"]).await.objects()[0];
    assert_eq!(known["last_sync"]["complete"], true);
    assert_eq!(known["last_verification"]["ok"], true);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_scanner_service_in_small_scans_every_image() {
    let harbor = harbor().await;
    let program = Program::new(&paced("prod", &harbor, "\"unlimited\""));
    let mut command = example("embed");
    command.args([program.path("intake.toml"), program.path("embed.db")]);
    let mut service = Service::start(&mut command);
    let (mut scanned, mut schedules) = (Vec::new(), Vec::new());
    while scanned.len() < 3 || schedules.len() < 2 {
        let line = service.line().await;
        match line.strip_prefix("scanning ") {
            Some(image) => scanned.push(image.to_owned()),
            None if line.contains("the next sync is at") => schedules.push(line),
            None => {}
        }
    }
    let host = harbor.address().to_string();
    assert!(
        scanned.iter().all(|image| image.starts_with(&host)),
        "{scanned:?}"
    );
    assert!(schedules[0].ends_with("Asia/Shanghai)"), "{schedules:?}");
    assert_eq!(service.stop("-INT").await, Some(0));
}
