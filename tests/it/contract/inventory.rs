use registry_intake::simulator::HarborV2;

use super::program::{Program, admin, end, harbor, refused, stable};

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_image_is_told_with_its_state() {
    let harbor = harbor().await;
    let program = Program::new(&admin("prod", &harbor));
    program.json(["sync"]).await;
    harbor.change(|contents| contents.delete_repository("team/backend/worker"));
    program.json(["sync"]).await;
    program.json(["ingest", "--max", "1"]).await;
    let ended = program.json(["inventory"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(stable(&ended.stdout, &harbor));

    let bare = end(program.bare().args(["inventory", "--output=json"])).await;
    assert_eq!(bare.stdout, ended.stdout);

    let text = program.run(["inventory"]).await;
    assert_eq!((text.code, text.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(text.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_integrations_are_told_with_what_is_known_of_them_and_no_secret() {
    let harbor = harbor().await;
    let program = Program::new(&(admin("prod", &harbor) + &refused("wrong", &harbor)));
    let before = program.json(["integrations"]).await;
    assert_eq!((before.code, before.stderr.as_str()), (0, ""));
    program
        .json(["verify", "--inventory", "registry-intake.db"])
        .await;
    program.json(["sync"]).await;
    program
        .json(["verify", "--inventory", "registry-intake.db"])
        .await;
    let after = program.json(["integrations"]).await;
    assert_eq!((after.code, after.stderr.as_str()), (0, ""));
    let both = before.stdout + &after.stdout;
    assert!(!both.contains(HarborV2::PASSWORD));
    insta::assert_snapshot!(stable(&both, &harbor));

    let text = program.run(["integrations", "prod"]).await;
    assert_eq!((text.code, text.stderr.as_str()), (0, ""));
    let text: Vec<_> = text.stdout.lines().map(without_moment).collect();
    insta::assert_snapshot!(stable(&text.join("\n"), &harbor));
}

fn without_moment(line: &str) -> String {
    match line.split_once("  20") {
        Some((label, rest)) => format!("{label}  MOMENT{}", &rest["26-11-22T07:02:22Z".len()..]),
        None => line.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_configuration_the_stored_integrations_are_told() {
    let harbor = harbor().await;
    let program = Program::new(&(admin("prod", &harbor) + &admin("second", &harbor)));
    program.json(["sync"]).await;
    let stored = end(program.bare().args(["integrations", "--output=json"])).await;
    let stored = stored.objects();
    assert_eq!(stored.len(), 2);
    assert_eq!(stored[0]["type"], "harbor");
    assert_eq!(stored[0]["version"], "V2");
    assert_eq!(stored[0]["port"], harbor.address().port());
    for command in ["inventory", "integrations"] {
        let one = end(program.bare().args([command, "second", "--output=json"])).await;
        assert_eq!(one.code, 0);
        assert!(one.objects().iter().all(|it| it["integration"] == "second"));
        let unknown = end(program.bare().args([command, "third"])).await;
        assert_eq!((unknown.code, unknown.stdout.as_str()), (2, ""));
    }
}

#[tokio::test]
async fn who_only_reads_makes_no_inventory() {
    let program = Program::new("");
    for command in ["inventory", "integrations"] {
        let ended = end(program.bare().args([command, "--output=json"])).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (1, ""));
        assert_eq!(ended.error()["error"]["code"], "InventoryUnavailable");
    }
    assert!(!program.path("registry-intake.db").exists());
}
