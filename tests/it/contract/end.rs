//! How the program ends, whatever the command.

use serde_json::Value;

use super::program::{Program, admin, end, harbor, refused};

#[tokio::test]
async fn wrong_usage_ends_with_2_and_prints_nothing_on_standard_output() {
    let program = Program::new("[[integrations]]");
    for arguments in [
        &["verify", "--nonsense"][..],
        &["nonsense"],
        &["verify", "one", "two"],
        &["verify"],
        &["--output", "json"],
        &["--output", "yaml", "verify"],
    ] {
        let ended = end(program.bare().args(arguments)).await;
        assert_eq!(ended.code, 2, "{arguments:?}");
        assert_eq!(ended.stdout, "", "{arguments:?}");
        assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_name_ends_with_2_and_names_the_known_ones() {
    let harbor = harbor().await;
    let program = Program::new(&(admin("prod", &harbor) + &admin("test", &harbor)));
    for command in ["verify", "list"] {
        let ended = program.json([command, "nowhere"]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
        assert!(ended.stderr.contains("prod, test"), "{}", ended.stderr);
    }
    assert_eq!(harbor.log().total(), 0);
}

#[tokio::test]
async fn a_faulty_configuration_ends_with_1_and_names_every_fault() {
    let program = Program::new(
        r#"
[[integrations]]
name = "prod"
type = "harbour"
version = "V3"
password = "hunter2"
"#,
    );
    let ended = program.json(["verify"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""));
    insta::assert_snapshot!(ended.stderr);
    let ended = program.run(["verify"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""));
    insta::assert_snapshot!(ended.stderr);
}

#[tokio::test]
async fn a_missing_configuration_ends_with_1() {
    let program = Program::new("");
    let ended = end(program
        .bare()
        .args(["--config", "none.toml", "--output=json", "list"]))
    .await;
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""));
    let error = ended.error();
    assert_eq!(error["error"]["code"], "ConfigInvalid");
    assert_eq!(error["integration"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_integrations_are_done_in_order_and_the_worst_exit_code_counts() {
    let harbor = harbor().await;
    let all = refused("first", &harbor) + &admin("second", &harbor);
    let program = Program::new(&all);
    let ended = program.json(["verify"]).await;
    assert_eq!(ended.code, 1);
    let names: Vec<_> = ended
        .objects()
        .into_iter()
        .map(|report| (report["integration"].clone(), report["ok"].clone()))
        .collect();
    assert_eq!(
        names,
        [
            (Value::from("first"), Value::from(false)),
            (Value::from("second"), Value::from(true))
        ]
    );

    let ended = program.json(["list"]).await;
    assert_eq!(ended.code, 3);
    let ends: Vec<_> = ended
        .objects()
        .into_iter()
        .filter(|event| event["event"] == "end")
        .map(|end| (end["integration"].clone(), end["complete"].clone()))
        .collect();
    assert_eq!(ends, names);
}

#[tokio::test(flavor = "multi_thread")]
async fn options_are_taken_before_and_behind_the_command() {
    let harbor = harbor().await;
    let program = Program::new(&admin("prod", &harbor));
    for arguments in [
        &[
            "--config",
            "intake.toml",
            "--output",
            "json",
            "verify",
            "prod",
        ][..],
        &[
            "verify",
            "prod",
            "--output",
            "json",
            "--config",
            "intake.toml",
        ],
        &["verify", "--config=intake.toml", "prod", "--output=json"],
    ] {
        let ended = end(program.bare().args(arguments)).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(ended.objects().len(), 1);
    }
}
