use registry_intake::simulator::{Action, Fault, harbor_v2::Push};

use super::program::{ACR, Program, admin, harbor, refused, stable};

#[tokio::test(flavor = "multi_thread")]
async fn each_run_tells_what_it_changed() {
    let harbor = harbor().await;
    let program = Program::new(&admin("prod", &harbor));
    let first = program.json(["sync"]).await;
    assert_eq!((first.code, first.stderr.as_str()), (0, ""));
    assert_eq!(first.objects()[0]["requests"], harbor.log().total());

    harbor.change(|contents| {
        contents.push("team/new", Push::image().tag("1"));
        contents.push(
            "team/api",
            Push::image()
                .digest(&format!("sha256:{}", "a".repeat(64)))
                .tag("1.1"),
        );
        contents.delete_repository("team/backend/worker")
    });
    let second = program.json(["sync", "prod"]).await;
    assert_eq!((second.code, second.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(stable(&(first.stdout + &second.stdout), &harbor));
    assert!(program.path("registry-intake.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incremental_run_tells_what_it_cannot_see_and_is_listed_with_its_changes() {
    let harbor = harbor().await;
    let program = Program::new(&admin("prod", &harbor));
    program.json(["sync"]).await;
    harbor.change(|contents| {
        contents.push("team/new", Push::image().tag("1"));
        contents.push("team/api", Push::image().tag("1.1"));
    });
    let ended = program.json(["sync", "--incremental"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let report = &ended.objects()[0];
    assert_eq!(report["kind"], "incremental");
    assert_eq!(
        (&report["complete"], &report["new"]),
        (&false.into(), &2.into())
    );
    assert_eq!(report["blind_to"][0], "deletions");

    let runs = program.json(["runs", "prod"]).await.objects();
    let kinds: Vec<_> = runs.iter().map(|run| run["kind"].clone()).collect();
    assert_eq!(kinds, ["incremental", "full"]);
    let last = program.json(["changes", "prod"]).await.objects();
    let what: Vec<_> = last.iter().map(|change| &change["change"]).collect();
    assert_eq!(what, ["new", "new"]);
    let first = runs[1]["run"].to_string();
    let first = program.json(["changes", "prod", &first]).await.objects();
    assert_eq!(first.len(), 5);
    let unknown = program.json(["changes", "other"]).await;
    assert_eq!((unknown.code, unknown.stdout.as_str()), (2, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_what_is_selected_and_makes_nothing_of_it() {
    let harbor = harbor().await;
    let selective =
        admin("prod", &harbor) + "[integrations.selection]\nexclude_repositories = [\"team/**\"]\n";
    let program = Program::new(&selective);
    let ended = program.json(["sync", "--dry-run"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let found = &ended.objects()[0];
    assert_eq!(found["requests"], harbor.log().total());
    let reasons = found["left_out"].as_array().unwrap();
    assert!(
        reasons.iter().any(|left| left["reason"] == "repository"),
        "{found}"
    );
    let waits = found["to_ingest"].as_u64().unwrap();
    assert_eq!(found["ingestion_seconds"], waits * 360);
    assert_eq!(program.json(["inventory"]).await.stdout, "");
    let report = &program.json(["sync"]).await.objects()[0];
    assert_eq!(report["listed"], found["listed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_of_many_is_held_back_until_it_is_confirmed() {
    let harbor = harbor().await;
    harbor.change(|contents| {
        for number in 0..30 {
            contents.push(&format!("lab/app-{number}"), Push::image().tag("1"));
        }
    });
    let program = Program::new(&admin("prod", &harbor));
    program.json(["sync"]).await;
    harbor.change(|contents| {
        for number in 0..30 {
            contents.delete_repository(&format!("lab/app-{number}"));
        }
    });
    let held = &program.json(["sync"]).await.objects()[0];
    assert_eq!((&held["gone"], &held["held"]), (&0.into(), &30.into()));
    let confirmed = program.json(["confirm", "prod"]).await;
    assert_eq!((confirmed.code, confirmed.stderr.as_str()), (0, ""));
    assert_eq!(confirmed.objects()[0]["gone"], 30);
    let run = &program.json(["runs", "prod"]).await.objects()[0];
    assert_eq!((&run["gone"], &run["held"]), (&30.into(), &0.into()));
    let unknown = program.json(["confirm", "other"]).await;
    assert_eq!((unknown.code, unknown.stdout.as_str()), (2, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_fails_ends_with_3_and_says_so_on_standard_error() {
    let harbor = harbor().await;
    let program = Program::new(&refused("prod", &harbor));
    let ended = program.json(["sync"]).await;
    assert_eq!(ended.code, 3);
    insta::assert_snapshot!(stable(&ended.stdout, &harbor));
    let error = ended.error();
    assert_eq!(error["error"]["code"], "FailedToVerifyUsernameOrPwd");
    assert_eq!(error["integration"], "prod");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_cannot_be_read_is_counted_and_ends_with_3() {
    let harbor = harbor().await;
    let denied = Fault::new(Action::status(403)).on_path("/projects/1/artifacts");
    harbor.faults().arm(denied);
    let ended = Program::new(&admin("prod", &harbor)).json(["sync"]).await;
    assert_eq!(ended.code, 3);
    let report = &ended.objects()[0];
    assert_eq!(report["complete"], false);
    assert_eq!(report["proof"], "totals");
    assert_eq!(report["skipped"], 1);
    assert_eq!(report["listed"], 1);
    assert_eq!(report["code"], "IncompleteListing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_belongs_to_another_registry_ends_with_1_and_the_others_go_on() {
    let (one, other) = (harbor().await, harbor().await);
    let program = Program::new(&admin("prod", &one));
    assert_eq!(program.json(["sync"]).await.code, 0);
    program.reconfigure(&(admin("prod", &other) + &admin("second", &other)));
    let ended = program.json(["sync"]).await;
    assert_eq!(ended.code, 1);
    let error = ended.error();
    assert_eq!(error["error"]["code"], "IntegrationRebound");
    assert_eq!(error["integration"], "prod");
    let reports = ended.objects();
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0]["integration"], "second");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_at_which_nobody_answers_leaves_a_report_and_the_name_free() {
    let harbor = harbor().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let meant = admin("prod", &harbor);
    let mistyped = meant.replace(
        &format!("port = {}", harbor.address().port()),
        &format!("port = {port}"),
    );
    let program = Program::new(&mistyped);
    let ended = program.json(["sync"]).await;
    assert_eq!(ended.code, 3);
    let report = &ended.objects()[0];
    assert_eq!(report["complete"], false);
    assert_eq!(report["proof"], serde_json::Value::Null);
    assert_eq!(report["code"], "NetworkConnectError");
    assert_eq!((&report["listed"], &report["held"]), (&0.into(), &0.into()));
    let error = program.json(["ingest", "--until-idle"]).await;
    assert_eq!((error.code, error.stdout.as_str()), (1, ""));
    let error = error.error();
    assert_eq!(error["error"]["code"], "InventoryUnavailable");
    let remedy = error["error"]["remedy"].as_str().unwrap();
    assert!(remedy.starts_with("Sync the integration first"), "{remedy}");

    program.reconfigure(&meant);
    let ended = program.json(["sync"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_moved_to_another_registry_on_purpose_alone() {
    let (one, other) = (harbor().await, harbor().await);
    let program = Program::new(&admin("prod", &one));
    assert_eq!(program.json(["sync"]).await.code, 0);
    program.reconfigure(&admin("prod", &other));
    assert_eq!(program.json(["sync"]).await.code, 1);
    let moved = program.json(["sync", "--rehome"]).await;
    assert_eq!((moved.code, moved.stderr.as_str()), (0, ""));
    assert_eq!(moved.objects()[0]["unchanged"], 5);
    assert_eq!(program.json(["sync"]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_failure_without_a_report_weighs_more_than_an_incomplete_listing() {
    let (one, other) = (harbor().await, harbor().await);
    let program = Program::new(&admin("bound", &one));
    assert_eq!(program.json(["sync"]).await.code, 0);
    let incomplete = refused("incomplete", &one);
    program.reconfigure(&(admin("bound", &other) + &incomplete));
    assert_eq!(program.json(["sync"]).await.code, 1);
    program.reconfigure(&(incomplete + &admin("bound", &other)));
    assert_eq!(program.json(["sync"]).await.code, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inventory_may_be_a_file_memory_or_a_server_and_nothing_else() {
    let harbor = harbor().await;
    let program = Program::new(&admin("prod", &harbor));
    for (place, file) in [
        ("other.db", Some("other.db")),
        ("sqlite:third.db", Some("third.db")),
        (":memory:", None),
    ] {
        let ended = program.json(["sync", "--inventory", place]).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{place}");
        assert!(
            file.is_none_or(|file| program.path(file).exists()),
            "{place}"
        );
    }
    for url in [
        "sqlite:fourth.db?mode=rwc",
        "sqlite://fourth.db?cache=shared",
    ] {
        let ended = program.json(["sync", "--inventory", url]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{url}");
        assert_eq!(ended.error()["error"]["code"], "ConfigInvalid");
        let made = std::fs::read_dir(program.path("")).unwrap();
        let made = made.map(|entry| entry.unwrap().file_name());
        let fourth = |name: &std::ffi::OsString| name.to_string_lossy().starts_with("fourth");
        assert_eq!(made.filter(fourth).count(), 0);
    }
    for (server, code) in [
        ("mysql://intake:hunter2@127.0.0.1/intake", "ConfigInvalid"),
        (
            "postgres://intake:hunter2@127.0.0.1:1/intake",
            "InventoryUnavailable",
        ),
    ] {
        for command in ["sync", "verify", "inventory", "integrations"] {
            let ended = program.json([command, "--inventory", server]).await;
            assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{command}");
            assert_eq!(ended.error()["error"]["code"], code);
            assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
        }
    }
    assert!(!program.path("registry-intake.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_a_summary() {
    let harbor = harbor().await;
    let program = Program::new(&admin("prod", &harbor));
    let ended = program.run(["sync"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let (summary, effort) = ended.stdout.split_once('\n').unwrap();
    insta::assert_snapshot!(summary);
    assert!(effort.starts_with("  7 requests in "), "{effort}");
}

#[tokio::test]
async fn a_registry_that_is_never_scanned_is_not_ingested() {
    let ended = Program::new(ACR).json(["ingest", "--until-idle"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""));
    assert_eq!(ended.error()["error"]["code"], "ScanNotSupported");
    assert_eq!(ended.error()["integration"], "acr");
}
