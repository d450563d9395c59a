use registry_intake::simulator::HarborV2;

use super::program::{Program, admin, harbor, integration, refused, stable};

/// Texts without how long each step took.
fn without_durations(text: &str) -> String {
    let lines = text.lines().map(|line| {
        match line
            .strip_suffix(" ms")
            .and_then(|rest| rest.rsplit_once(' '))
        {
            Some((rest, _)) => format!("{}  0 ms", rest.trim_end()),
            None => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_is_told_in_chinese() {
    let harbor = harbor().await;
    let secret = format!("password = {:?}", HarborV2::ROBOT_SECRET);
    let robot = integration("robot", &harbor, HarborV2::ROBOT_USERNAME, &secret);
    let program = Program::new(&(admin("prod", &harbor) + &robot));
    let ended = program.run(["verify", "--lang", "zh"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (1, ""));
    insta::assert_snapshot!(stable(&without_durations(&ended.stdout), &harbor));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_told_in_chinese_by_every_command() {
    let harbor = harbor().await;
    let program = Program::new(&refused("prod", &harbor));
    for command in ["sync", "list"] {
        let ended = program.run([command, "--lang", "zh"]).await;
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        let told = "错误：集成 prod [FailedToVerifyUsernameOrPwd]：";
        assert!(ended.stderr.starts_with(told), "{}", ended.stderr);
        assert!(ended.stderr.contains("请核对用户名和密码。"));
    }
    let ended = program
        .run(["ingest", "--until-idle", "--lang", "zh"])
        .await;
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("请先同步该集成"), "{}", ended.stderr);
    let ended = program.run(["verify", "nobody", "--lang", "zh"]).await;
    assert_eq!(ended.code, 2);
    assert!(
        ended.stderr.contains("没有集成 \"nobody\""),
        "{}",
        ended.stderr
    );
    program.reconfigure("[[integrations]]\nname = \"prod\"\ntype = \"harbour\"");
    let ended = program.run(["verify", "--lang", "zh"]).await;
    assert_eq!(ended.code, 1);
    let told = "集成 \"prod\"：type 的值是 \"harbour\"；应为：";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_the_same_in_every_language() {
    let told = async |language: &str| {
        let harbor = harbor().await;
        let program = Program::new(&refused("prod", &harbor));
        let verified = program.json(["verify", "--lang", language]).await;
        let synced = program.json(["sync", "--lang", language]).await;
        let all = [verified.stdout, synced.stdout, synced.stderr].concat();
        stable(&all, &harbor)
    };
    let english = told("en").await;
    assert!(
        english.contains("user name or password refused"),
        "{english}"
    );
    assert_eq!(english, told("zh").await);
}
