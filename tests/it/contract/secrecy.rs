//! No secret reaches the output, the log at its most talkative, or the inventory's file.

use std::collections::BTreeSet;

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use registry_intake::simulator::{Account, HarborV2};

use super::program::{Program, end, harbor, integration};

const USERNAME: &str = "auditor";
const RIGHT: &str = "Grün & \"spät\"/7%+=?";
const WRONG: &str = "Rot & 'früh'\\8%+=!";

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_shown_when_all_goes_well() {
    let harbor = harbor().await;
    harbor
        .accounts()
        .add(Account::administrator(USERNAME, RIGHT));
    let shown = everything(&harbor, RIGHT, &[0, 0, 0, 0, 0, 0]).await;
    search(&shown, &harbor, RIGHT);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_shown_when_the_account_is_refused() {
    let harbor = harbor().await;
    harbor
        .accounts()
        .add(Account::administrator(USERNAME, RIGHT));
    let shown = everything(&harbor, WRONG, &[1, 3, 3, 0, 0, 0]).await;
    search(&shown, &harbor, WRONG);
    assert!(!harbor.log().authorizations(&host(&harbor)).is_empty());
}

/// All that the program shows and stores: every command, in both formats, at trace level, with the
/// password from each place that it can come from.
async fn everything(harbor: &HarborV2, password: &str, codes: &[i32]) -> Vec<u8> {
    let mut shown = Vec::new();
    for (source, format) in [
        (format!("password = {password:?}"), "json"),
        (
            "password = { env = \"INTAKE_PASSWORD\" }".to_owned(),
            "text",
        ),
        ("password = { file = \"password\" }".to_owned(), "json"),
    ] {
        let more = format!("speed_limit = \"unlimited\"\n{source}");
        let program = Program::new(&integration("prod", harbor, USERNAME, &more));
        std::fs::write(program.path("password"), password).unwrap();
        for (command, code) in [
            &["verify"][..],
            &["list"],
            &["sync"],
            &["ingest", "--until-idle"],
            &["inventory"],
            &["integrations"],
        ]
        .iter()
        .zip(codes)
        {
            let mut run = program.configured();
            run.args(["--inventory", "inventory.db", "--output", format])
                .args(*command)
                .env("RUST_LOG", "trace")
                .env("INTAKE_PASSWORD", password);
            let ended = end(&mut run).await;
            assert_eq!(ended.code, *code, "{command:?}: {}", ended.stdout);
            if *code == 3 || *command == ["verify"] {
                assert!(ended.stderr.contains("TRACE"), "{command:?} logs nothing");
            }
            shown.extend(ended.stdout.into_bytes());
            shown.extend(ended.stderr.into_bytes());
        }
        for file in ["inventory.db", "inventory.db-wal", "inventory.db-shm"] {
            shown.extend(std::fs::read(program.path(file)).unwrap_or_default());
        }
    }
    shown
}

fn search(shown: &[u8], harbor: &HarborV2, password: &str) {
    let mut secrets = spellings(password);
    // What was really sent, tokens among it.
    for header in harbor.log().authorizations(&host(harbor)) {
        let (_, credential) = header.split_once(' ').unwrap();
        secrets.insert(credential.to_owned());
    }
    for secret in &secrets {
        let found = shown
            .windows(secret.len())
            .position(|window| window == secret.as_bytes());
        let around = found.map(|at| {
            let start = at.saturating_sub(80);
            String::from_utf8_lossy(&shown[start..at]).into_owned()
        });
        assert_eq!(around, None, "{secret:?} is shown behind this");
    }
}

fn host(harbor: &HarborV2) -> String {
    harbor.address().to_string()
}

/// Every way in which the password could be written down.
fn spellings(password: &str) -> BTreeSet<String> {
    let pair = format!("{USERNAME}:{password}");
    let percent = utf8_percent_encode(password, NON_ALPHANUMERIC).to_string();
    let mut spellings = BTreeSet::from([
        password.to_owned(),
        percent.to_lowercase(),
        percent.replace("%20", "+"),
        percent,
        format!("{password:?}").trim_matches('"').to_owned(),
        serde_json::to_string(password)
            .unwrap()
            .trim_matches('"')
            .to_owned(),
    ]);
    for text in [password, &pair] {
        for engine in [
            BASE64_STANDARD,
            BASE64_STANDARD_NO_PAD,
            BASE64_URL_SAFE,
            BASE64_URL_SAFE_NO_PAD,
        ] {
            spellings.insert(engine.encode(text));
        }
    }
    spellings
}
