//! What was changed on the real server between two exchanges of a recording.

use registry_intake::simulator::harbor_v1::{Contents, Project, Push};
use serde_json::Value;

use super::seed::{SCRATCH, time};
use crate::{
    replay::recording::Exchange,
    simulator_recordings::seed::{number, text},
};

const PATH: &str = "scratch/uptime";

/// Changes the contents as they were changed before the exchange with this index.
pub(super) fn before(file: &str, index: usize, exchanges: &[Exchange], contents: &mut Contents) {
    match file {
        "update-time-semantics" => update_time(index, exchanges, contents),
        // Recorded after what `registry-manifests` shows.
        "full-listing-2" | "wrong-password-lists" if index == 0 => pulls(contents),
        _ => {}
    }
}

fn pulls(contents: &mut Contents) {
    for _ in 0..4 {
        assert!(contents.pull("mixed/twotags", "a"));
    }
    assert!(contents.pull("mixed/legacy-list", "latest-amd64"));
    assert!(contents.pull_as("anonymous", "library/hello-world", "latest"));
}

fn update_time(index: usize, exchanges: &[Exchange], contents: &mut Contents) {
    let row = |exchange: usize, place: usize| -> Value {
        let rows: Value = serde_json::from_str(exchanges[exchange].response.body()).unwrap();
        rows[place].clone()
    };
    let (one, two) = (text(&row(1, 0), "digest"), text(&row(7, 1), "digest"));
    // The log of the last exchange, newest first.
    let logged = |place: usize| row(15, 6 - place);
    let mut push = |place: usize, digest: &str| {
        let row = logged(place);
        contents.at(time(&row, "op_time"));
        let image = Push::image().digest(digest).tag(&text(&row, "repo_tag"));
        contents.push(PATH, image);
    };
    match index {
        0 => {
            push_first(contents, &row(0, 0), &logged(0), &one);
        }
        2 => push(1, &one),
        4 => push(2, &one),
        6 => push(3, &two),
        // The recorded request is a pull.
        8 => {
            contents.at(time(&logged(4), "op_time"));
        }
        11 => push(5, &one),
        13 => {
            contents.at(time(&logged(6), "op_time"));
            assert!(contents.delete_tag(PATH, "three"));
        }
        _ => {}
    }
}

/// Creates project and repository with the recorded ids.
fn push_first(contents: &mut Contents, home: &Value, logged: &Value, digest: &str) {
    while contents.create_project(Project::private(SCRATCH)) < number(home, "project_id") {
        contents.delete_project(SCRATCH);
    }
    while contents.create_repository(PATH) < number(home, "id") {
        contents.delete_repository(PATH);
    }
    contents.number_log(number(logged, "log_id"));
    contents.at(time(logged, "op_time"));
    contents.push(PATH, Push::image().digest(digest).tag("one"));
}
