//! The page that freezes the contract shows what the programs print: the same objects with the same
//! fields.

use std::collections::BTreeMap;

use registry_intake::simulator::{Action, Fault, harbor_v2::Push};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::program::{Program, end, example, harbor, objects, paced, refused, within};
#[cfg(unix)]
use super::run::Service;

const PAGE: &str = include_str!("../../../docs/example-contract.md");

/// The objects of the page by the heading above them and their event.
fn page() -> BTreeMap<(String, String), Value> {
    let mut shown = BTreeMap::new();
    let (mut heading, mut is_json) = ("", false);
    for line in PAGE.lines() {
        if let Some(title) = line.trim_start_matches('#').strip_prefix(' ')
            && line.starts_with('#')
        {
            heading = title.trim_matches('`');
        } else if line.starts_with("```") {
            is_json = line == "```json";
        } else if is_json {
            let object: Value = serde_json::from_str(line).unwrap();
            shown.insert((heading.to_owned(), event(&object)), object);
        }
    }
    shown
}

fn event(object: &Value) -> String {
    object["event"].as_str().unwrap_or_default().to_owned()
}

/// Asserts that both have the same fields, all the way down; null may stand for anything.
fn assert_alike(page: &Value, real: &Value) {
    match (page, real) {
        (Value::Object(page), Value::Object(real)) => {
            let names: [Vec<_>; 2] = [page.keys().collect(), real.keys().collect()];
            assert_eq!(names[0], names[1]);
            for (name, value) in page {
                assert_alike(value, &real[name]);
            }
        }
        (Value::Array(page), Value::Array(real)) => {
            for (page, real) in page
                .first()
                .into_iter()
                .flat_map(|it| real.iter().map(move |real| (it, real)))
            {
                assert_alike(page, real);
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        _ => assert_eq!(
            std::mem::discriminant(page),
            std::mem::discriminant(real),
            "{page} and {real}"
        ),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_object_of_the_page_is_what_the_program_prints_and_none_is_missing() {
    let harbor = harbor().await;
    let program = Program::new(&(paced("prod", &harbor, "3600") + &refused("wrong", &harbor)));
    let digest = format!("sha256:{}", "f".repeat(64));
    std::fs::write(program.path("mine.txt"), "192.0.2.0/24").unwrap();
    let mut printed = Vec::new();
    for arguments in [
        &["verify", "--inventory", "registry-intake.db"][..],
        &["list"],
        &["sync", "--dry-run"],
        &["sync"],
        &["runs", "prod"],
        &["changes", "prod"],
        &["confirm", "prod"],
        &["ingest", "prod", "--max", "2"],
        &["inventory"],
        &["integrations"],
        &["regions"],
        &["allowlist", "--covers", "192.0.2.1", "--have", "mine.txt"],
        &["forwarding", "prod", "--server", "192.168.10.20"],
    ] {
        let command = match arguments {
            ["sync", "--dry-run"] => "sync --dry-run",
            [command, ..] => command,
            [] => unreachable!(),
        };
        if command == "list" {
            let denied = Fault::new(Action::status(403)).on_path("/projects/1/artifacts");
            harbor.faults().arm(denied);
        }
        let ended = program.json(arguments).await;
        printed.extend(ended.objects().into_iter().map(|object| (command, object)));
        printed.extend(
            objects(&ended.stderr)
                .into_iter()
                .map(|object| ("JSON", object)),
        );
        harbor.faults().clear();
    }
    harbor.change(|contents| contents.push("team/tools", Push::image().digest(&digest).tag("4")));
    program.json(["sync", "prod"]).await;
    let changes = program.json(["ingest", "prod", "--until-idle"]).await;
    printed.extend(
        changes
            .objects()
            .into_iter()
            .map(|object| ("ingest", object)),
    );

    #[cfg(unix)]
    {
        let arguments = ["--output", "json", "run", "prod", "--inventory", "run.db"];
        let mut service = Service::start(program.configured().args(arguments));
        let mut told = 0;
        while told < 2 {
            let line: Value = serde_json::from_str(&service.line().await).unwrap();
            // What is handed over looks as with `ingest`.
            let command = match line["event"].as_str() {
                Some("scheduled" | "synced") => "run",
                _ => "ingest",
            };
            told += usize::from(command == "run");
            printed.push((command, line));
        }
        assert_eq!(service.stop("-TERM").await, Some(0));
    }

    let mut page = page();
    page.retain(|(heading, _), _| !heading.starts_with("simulator"));
    let mut missing: Vec<_> = page.keys().collect();
    for (command, object) in &printed {
        let key = (command.to_string(), event(object));
        missing.retain(|shown| **shown != key);
        let shown = page.get(&key);
        assert_alike(
            shown.unwrap_or_else(|| panic!("{key:?} is not on the page")),
            object,
        );
    }
    assert_eq!(missing, Vec::<&(String, String)>::new(), "was not printed");
}

#[tokio::test]
async fn the_simulators_first_line_is_what_the_page_shows() {
    for kind in [
        "harbor-v1",
        "harbor-v2",
        "quay",
        "acr-enterprise",
        "acr-personal",
    ] {
        let mut command = example("simulator");
        command.args(["--kind", kind, "--port", "0"]);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = within(lines.next_line()).await.unwrap().unwrap();
        let first: Value = serde_json::from_str(&line).unwrap();
        let shown = &page()[&(format!("simulator --kind {kind}"), String::new())];
        assert_alike(shown, &first);
        for fixed in [
            "kind",
            "username",
            "password",
            "robot_username",
            "robot_password",
            "access_key_id",
            "access_key_secret",
            "region_id",
            "instance_id",
            "instance_name",
        ] {
            assert_eq!(first[fixed], shown[fixed]);
        }
        let token = |line: &Value| line["organizations"][0]["auth_token"].clone();
        assert_eq!(token(&first), token(shown));
        let address = first["address"].as_str().unwrap();
        assert!(std::net::TcpStream::connect(address).is_ok(), "{address}");
    }
}

#[tokio::test]
async fn the_page_names_every_option_and_command() {
    let help = end(Program::new("").bare().arg("--help")).await;
    assert_eq!(help.code, 0);
    for word in help.stdout.split_whitespace() {
        let name = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        if name.starts_with("--") && name != "--help" {
            assert!(PAGE.contains(name), "{name}");
        }
    }
}
