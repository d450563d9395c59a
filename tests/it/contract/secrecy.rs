//! No secret reaches the output, the log at its most talkative, or the inventory's file.

use std::collections::BTreeSet;

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD},
};
use futures_util::future::join_all;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use registry_intake::simulator::{HarborV2, harbor_v2::Account};

use super::program::{Program, end, harbor, integration};

const USERNAME: &str = "auditor";
const RIGHT: &str = "Grün & \"spät\"/7%+=?";
const WRONG: &str = "Rot & 'früh'\\8%+=!";

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_shown_when_all_goes_well() {
    join_all(SOURCES.map(|source| search(source, RIGHT, [0; 6]))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_shown_when_the_account_is_refused() {
    join_all(SOURCES.map(|source| search(source, WRONG, [1, 3, 3, 1, 0, 0]))).await;
}

/// Where a password can come from, with SECRET for itself, and the format to write then.
const SOURCES: [(&str, &str); 3] = [
    ("SECRET", "json"),
    ("{ env = \"INTAKE_PASSWORD\" }", "text"),
    ("{ file = \"password\" }", "json"),
];

const COMMANDS: [&[&str]; 6] = [
    &["verify"],
    &["list"],
    &["sync"],
    &["ingest", "--until-idle"],
    &["inventory"],
    &["integrations"],
];

/// Runs every command and searches all that it shows and stores.
async fn search(source: (&str, &str), password: &str, codes: [i32; 6]) {
    let harbor = harbor().await;
    let host = harbor.address().to_string();
    let account = Account::administrator(USERNAME, RIGHT);
    harbor.accounts().add(account);
    let shown = everything(&harbor, source, password, codes).await;
    assert!(
        position(&shown, &host).is_some(),
        "the search finds nothing"
    );

    let mut secrets = spellings(password);
    let sent = harbor.log().authorizations(&host);
    assert!(!sent.is_empty());
    // As it was sent; tokens among it.
    secrets.extend(
        sent.iter()
            .filter_map(|it| it.split_once(' '))
            .map(|(_, it)| it.to_owned()),
    );
    let cookies = harbor.log().cookies(&host);
    assert_eq!(cookies.is_empty(), password == WRONG, "who signs in");
    let values = cookies.iter().flat_map(|header| header.split("; "));
    secrets.extend(values.filter_map(|it| Some(it.split_once('=')?.1.to_owned())));
    for secret in &secrets {
        let around = position(&shown, secret).map(|at| {
            let before = &shown[at.saturating_sub(80)..at];
            String::from_utf8_lossy(before).into_owned()
        });
        assert_eq!(around, None, "{secret:?} is shown behind this");
    }
}

fn position(shown: &[u8], text: &str) -> Option<usize> {
    shown
        .windows(text.len())
        .position(|window| window == text.as_bytes())
}

/// Standard output and error at trace level, and the inventory's files.
async fn everything(
    harbor: &HarborV2,
    (source, format): (&str, &str),
    password: &str,
    codes: [i32; 6],
) -> Vec<u8> {
    let source = source.replace("SECRET", &format!("{password:?}"));
    let more = format!("speed_limit = \"unlimited\"\nsession = \"always\"\npassword = {source}");
    let program = Program::new(&integration("prod", harbor, USERNAME, &more));
    std::fs::write(program.path("password"), password).unwrap();
    let mut shown = Vec::new();
    for (arguments, code) in COMMANDS.iter().zip(codes) {
        let mut run = program.configured();
        run.args(["--inventory", "inventory.db", "--output", format])
            .args(*arguments)
            .env("RUST_LOG", "trace")
            .env("INTAKE_PASSWORD", password);
        let ended = end(&mut run).await;
        assert_eq!(ended.code, code, "{arguments:?}: {}", ended.stdout);
        if arguments[0] == "verify" {
            assert!(ended.stderr.contains("TRACE"), "{}", ended.stderr);
        }
        shown.extend(ended.stdout.into_bytes());
        shown.extend(ended.stderr.into_bytes());
    }
    for file in ["inventory.db", "inventory.db-wal", "inventory.db-shm"] {
        shown.extend(std::fs::read(program.path(file)).unwrap_or_default());
    }
    shown
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
