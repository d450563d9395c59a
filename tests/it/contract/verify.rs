use registry_intake::simulator::HarborV2;

use super::program::{ACR, Program, admin, harbor, integration, paced, refused, stable};

#[tokio::test(flavor = "multi_thread")]
async fn a_good_integration_is_reported_step_by_step_and_ends_with_0() {
    let harbor = harbor().await;
    let program = Program::new(&admin("prod", &harbor));
    let ended = program.json(["verify"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(stable(&ended.stdout, &harbor));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_integration_leaves_its_report_on_standard_output_and_ends_with_1() {
    let harbor = harbor().await;
    let program = Program::new(&refused("prod", &harbor));
    let ended = program.json(["verify"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (1, ""));
    insta::assert_snapshot!(stable(&ended.stdout, &harbor));
    assert_eq!(harbor.accounts().failed_logins(HarborV2::USERNAME), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_aligned_and_names_the_remedy_under_the_failure() {
    let harbor = harbor().await;
    let secret = format!("password = {:?}", HarborV2::ROBOT_SECRET);
    let robot = integration("robot", &harbor, HarborV2::ROBOT_USERNAME, &secret);
    let program = Program::new(&(admin("prod", &harbor) + &robot));
    let ended = program.run(["verify"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (1, ""));
    let text: Vec<_> = ended.stdout.lines().map(without_duration).collect();
    insta::assert_snapshot!(stable(&text.join("\n"), &harbor));
}

fn without_duration(line: &str) -> String {
    match line
        .strip_suffix(" ms")
        .and_then(|rest| rest.rsplit_once(' '))
    {
        Some((rest, _)) => format!("{}  0 ms", rest.trim_end()),
        None => line.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_whose_key_cannot_be_had_is_reported_too() {
    let program = Program::new(ACR);
    let ended = program.json(["verify"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (1, ""));
    let [report] = <[_; 1]>::try_from(ended.objects()).unwrap();
    assert_eq!(report["registry"]["type"], "acr-personal");
    assert_eq!(report["probes"][0]["code"], "ConfigInvalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_is_that_of_the_report_where_the_outcome_cannot_be_kept() {
    let (one, other) = (harbor().await, harbor().await);
    let program = Program::new(&admin("prod", &one));
    assert_eq!(program.json(["sync"]).await.code, 0);
    program.reconfigure(&admin("prod", &other));
    for arguments in [
        &["verify"][..],
        &["verify", "--inventory", "registry-intake.db"],
    ] {
        let ended = program.json(arguments).await;
        assert_eq!(ended.objects()[0]["ok"], true);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(ended.error()["error"]["code"], "IntegrationRebound");
    }
    std::fs::write(program.path("registry-intake.db"), "no database").unwrap();
    let ended = program.json(["verify"]).await;
    assert_eq!((ended.code, ended.objects().len()), (0, 1));
    assert_eq!(ended.error()["error"]["code"], "InventoryUnavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inventory_that_is_there_keeps_the_last_verification_and_none_is_made() {
    let harbor = harbor().await;
    let program = Program::new(&admin("prod", &harbor));
    assert_eq!(program.json(["verify"]).await.code, 0);
    assert!(!program.path("registry-intake.db").exists());
    program.json(["sync"]).await;
    let last =
        async || program.json(["integrations"]).await.objects()[0]["last_verification"].clone();
    assert!(last().await.is_null());
    assert_eq!(program.json(["verify"]).await.code, 0);
    assert_eq!(last().await["ok"], true);
    program.reconfigure(&refused("prod", &harbor));
    assert_eq!(program.json(["verify"]).await.code, 1);
    assert_eq!(last().await["code"], "FailedToVerifyUsernameOrPwd");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_insecure_mode_is_told_with_every_report() {
    let harbor = harbor().await;
    let settings = paced("prod", &harbor, "\"unlimited\"") + "tls = { insecure = true }\n";
    let program = Program::new(&settings);
    for arguments in [
        &["verify"][..],
        &["list"],
        &["sync"],
        &["ingest", "--until-idle", "--max", "1"],
    ] {
        let ended = program.json(arguments).await;
        assert_eq!(ended.code, 0, "{arguments:?}: {ended:?}");
        let told: serde_json::Value = serde_json::from_str(&ended.stderr).unwrap();
        assert_eq!(told["warning"]["code"], "tls_insecure", "{arguments:?}");
        assert_eq!(told["integration"], "prod");
        let text = program.run(arguments).await;
        assert!(
            text.stderr.starts_with("prod: warning tls_insecure: "),
            "{text:?}"
        );
    }
    let ended = program.json(["verify"]).await;
    assert!(ended.stdout.contains("\"tls_insecure\""), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_proxy_is_taken_from_the_environment() {
    let harbor = harbor().await;
    let trap = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", trap.local_addr().unwrap());
    let program = Program::new(&admin("prod", &harbor));
    let mut command = program.configured();
    for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command
            .env(variable, &proxy)
            .env(variable.to_lowercase(), &proxy);
    }
    let ended = super::program::end(command.arg("verify")).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let caught = tokio::time::timeout(std::time::Duration::from_millis(1), trap.accept()).await;
    assert!(caught.is_err(), "{caught:?}");
}
