//! What was changed on the real server between two exchanges of a recording.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use registry_intake::{
    clock::ManualClock,
    simulator::{
        Quay,
        quay::{Contents, Push},
    },
};
use serde_json::Value;

use super::seed::{Manifests, parsed, push, rows, seconds, text, time};
use crate::replay::{recording::Exchange, wire};

/// Changes what was changed before the exchange with this index.
pub(crate) async fn before(
    file: &str,
    index: usize,
    exchanges: &[Exchange],
    quay: &Quay,
    clock: &ManualClock,
) {
    // The row of a tag in a list that came later.
    let row = |index: usize, name: &str| -> Value {
        let body = parsed(exchanges[index].response.body());
        let mut rows = rows(&body, "tags").filter(|row| row["name"] == name);
        rows.next().expect("a recorded tag").clone()
    };
    match (file, index) {
        ("incremental_last_modified", _) => quay.change(|contents| sync(index, &row, contents)),
        ("repository_deleted", 0) => {
            pushed("buynlarge/to-delete", &row(0, "x"), quay);
        }
        ("repository_deleted", 1) => {
            assert!(quay.change(|contents| contents.delete_repository("buynlarge/to-delete")));
        }
        // Between a wrong password and the right one.
        ("session_signin", 2) => clock.advance(Duration::from_secs(7)),
        ("v2_auth_lockout_429", 0) => fail_and_wait(quay, clock).await,
        ("v2_tags_list_cache", 2) => pushed("buynlarge/race", &row(3, "cachetest"), quay),
        ("v2_tags_list_cache", 6) => clock.advance(Duration::from_secs(120)),
        ("v2_tags_list_cache", 8) => {
            assert!(quay.change(|contents| contents.delete_tag("buynlarge/race", "cachetest")));
        }
        _ => {}
    }
}

fn pushed(path: &str, row: &Value, quay: &Quay) {
    quay.change(|contents| {
        let push = push(path, row, &Manifests::read());
        contents.at(time(seconds(row, "start_ts"))).push(path, push);
    });
}

fn sync(index: usize, row: &impl Fn(usize, &str) -> Value, contents: &mut Contents) {
    let path = "buynlarge/sync";
    let start = |row: &Value| time(seconds(row, "start_ts"));
    let end = |row: &Value| time(seconds(row, "end_ts"));
    let put = |contents: &mut Contents, row: &Value| {
        let push = Push::image().digest(&text(row, "manifest_digest"));
        let push = push
            .size(row["size"].as_u64().unwrap())
            .tag(&text(row, "name"));
        contents.at(start(row)).push(path, push);
    };
    match index {
        2 => put(contents, &row(3, "a")),
        4 => put(contents, &row(5, "a")),
        6 => put(contents, &row(7, "b")),
        8 => {
            let row = row(9, "a");
            let digest = text(&row, "manifest_digest");
            assert!(contents.at(start(&row)).tag(path, &digest, "a"));
        }
        10 => assert!(contents.at(end(&row(11, "b"))).delete_tag(path, "b")),
        12 => {
            let expiration = end(&row(13, "a"));
            assert!(contents.expire_tag(path, "a", Some(expiration)));
        }
        14 => {
            let row = row(15, "a");
            let digest = text(&row, "manifest_digest");
            assert!(contents.at(start(&row)).restore_tag(path, "a", &digest));
        }
        16 => assert!(contents.at(end(&row(17, "a"))).delete_tag(path, "a")),
        _ => {}
    }
}

/// The lock that is recorded lasts longer than one after a first failure.
async fn fail_and_wait(quay: &Quay, clock: &ManualClock) {
    let credentials = BASE64_STANDARD.encode("lockme:wrong");
    let headers = [
        ("Host".to_owned(), "localhost".to_owned()),
        ("Authorization".to_owned(), format!("Basic {credentials}")),
    ];
    let served = wire::ask(quay.address(), "GET", "/v2/auth", &headers, "").await;
    assert_eq!(served.status, 401);
    clock.advance(Duration::from_secs(1));
}
