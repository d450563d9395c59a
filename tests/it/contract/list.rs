use std::{collections::BTreeSet, process::Stdio};

use registry_intake::simulator::{
    Action, Fault, HarborV2,
    harbor_v2::{Listed, Project},
};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use super::program::{
    ACR, Program, admin, end, harbor, integration, refused, sorted, stable, within,
};

#[tokio::test(flavor = "multi_thread")]
async fn every_image_and_scope_is_told_and_the_end_comes_last() {
    let harbor = harbor().await;
    let program = Program::new(&admin("prod", &harbor));
    let ended = program.json(["list", "prod"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(sorted(&stable(&ended.stdout, &harbor)));

    let objects = ended.objects();
    let end = objects.last().unwrap();
    assert_eq!(end["event"], "end");
    assert_eq!(end["requests"], harbor.log().total());
    let expected: BTreeSet<_> = harbor
        .listed()
        .into_iter()
        .filter(|image| !image.proxy_cache)
        .map(
            |Listed {
                 repository,
                 digest,
                 tags,
                 ..
             }| (repository, digest, tags),
        )
        .collect();
    assert_eq!(images(&objects), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_sign_out_is_silent() {
    let harbor = harbor().await;
    let more = format!("session = \"always\"\npassword = {:?}", HarborV2::PASSWORD);
    let program = Program::new(&integration("prod", &harbor, HarborV2::USERNAME, &more));
    let mut list = program.configured();
    let ended = end(list.arg("list").env("RUST_LOG", "debug")).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("/c/log_out"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("sign out"), "{}", ended.stderr);
}

fn images(objects: &[Value]) -> BTreeSet<(String, String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    objects
        .iter()
        .filter(|object| object["event"] == "image")
        .map(|image| {
            let tags = image["tags"].as_array().unwrap().iter().map(text).collect();
            (text(&image["repository"]), text(&image["digest"]), tags)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_account_ends_with_3_and_says_so_on_standard_error() {
    let harbor = harbor().await;
    let program = Program::new(&refused("prod", &harbor));
    let ended = program.json(["list"]).await;
    assert_eq!(ended.code, 3);
    insta::assert_snapshot!(stable(&ended.stdout, &harbor));
    insta::assert_snapshot!(stable(&ended.stderr, &harbor));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_cannot_be_read_ends_with_3_and_the_rest_is_told() {
    let harbor = harbor().await;
    let denied = Fault::new(Action::status(403)).on_path("/projects/1/artifacts");
    harbor.faults().arm(denied);
    let program = Program::new(&admin("prod", &harbor));
    let ended = program.json(["list"]).await;
    assert_eq!(ended.code, 3);
    let objects = ended.objects();
    let skipped: Vec<_> = objects
        .iter()
        .filter(|object| object["event"] == "scope_skipped")
        .collect();
    assert_eq!(skipped.len(), 1, "{}", ended.stdout);
    assert_eq!(skipped[0]["scope"], "namespace");
    assert!(skipped[0]["code"].is_string());
    let end = objects.last().unwrap();
    assert_eq!(end["complete"], false);
    assert_eq!(end["proof"], "totals");
    assert_eq!(end["code"], "IncompleteListing");
    assert!(!images(&objects).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_lists_with_a_weaker_proof() {
    let harbor = harbor().await;
    let more = format!(
        "required_role = \"list\"\npassword = {:?}",
        HarborV2::ROBOT_SECRET
    );
    let robot = integration("robot", &harbor, HarborV2::ROBOT_USERNAME, &more);
    let ended = Program::new(&robot).json(["list"]).await;
    assert_eq!(ended.code, 0, "{}", ended.stdout);
    assert_eq!(ended.objects().last().unwrap()["proof"], "read_twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_aligned_and_ends_with_a_summary() {
    let harbor = harbor().await;
    let program = Program::new(&admin("prod", &harbor));
    let ended = program.run(["list"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert!(!ended.stdout.contains('\u{1b}'), "{}", ended.stdout);
    insta::assert_snapshot!(sorted(&stable(&ended.stdout, &harbor)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_registry_says_steers_no_terminal() {
    let harbor = harbor().await;
    harbor.change(|contents| {
        contents.create_project(Project::private("\u{1b}]0;owned\u{7}").proxy_cache(1));
    });
    let program = Program::new(&admin("prod", &harbor));
    let text = program.run(["list"]).await;
    assert_eq!(text.code, 0, "{}", text.stderr);
    assert!(
        text.stdout.contains("\u{fffd}]0;owned\u{fffd}"),
        "{}",
        text.stdout
    );
    assert!(!text.stdout.contains('\u{1b}'));
    let json = program.json(["list"]).await;
    assert!(
        json.stdout.contains(r#""name":"\u001b]0;owned\u0007""#),
        "{}",
        json.stdout
    );
}

#[tokio::test]
async fn a_registry_whose_key_cannot_be_had_ends_with_3_and_the_end_event() {
    let ended = Program::new(ACR).json(["list"]).await;
    assert_eq!(ended.code, 3);
    let [end] = <[_; 1]>::try_from(ended.objects()).unwrap();
    assert_eq!(end["event"], "end");
    assert_eq!(end["code"], "ConfigInvalid");
    assert_eq!(end["requests"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_leaves_ends_the_program_quietly() {
    let harbor = HarborV2::builder()
        .sized(2, 20, 2000)
        .start()
        .await
        .unwrap();
    let program = Program::new(&admin("prod", &harbor));
    let mut child = program
        .configured()
        .arg("list")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    within(lines.next_line()).await.unwrap().unwrap();
    drop(lines);
    let mut stderr = String::new();
    let mut errors = child.stderr.take().unwrap();
    within(errors.read_to_string(&mut stderr)).await.unwrap();
    assert_eq!(within(child.wait()).await.unwrap().code(), Some(0));
    assert_eq!(stderr, "");
}
