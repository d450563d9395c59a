//! Who may use whom: the rooms of the crate, and the crates that stay in one of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// What each room may import of the crate, itself aside.
const MAY_USE: &[(&str, &[&str])] = &[
    // No I/O, nothing above.
    ("error", &["image", "clock"]),
    ("image", &["clock"]),
    ("clock", &[]),
    ("schedule", &["clock"]),
    ("selection", &["image", "clock"]),
    (
        "config",
        &["error", "image", "clock", "schedule", "selection"],
    ),
    ("network", &["error", "image", "clock", "config"]),
    (
        "fuzzing",
        &["image", "clock", "network", "http", "connector"],
    ),
    ("pace", &["error", "image", "clock"]),
    (
        "http",
        &["error", "image", "clock", "config", "network", "pace"],
    ),
    // The trait's face on the HTTP layer, and the connectors behind it.
    (
        "connector",
        &[
            "error",
            "image",
            "clock",
            "config",
            "network",
            "pace",
            "selection",
            "http",
        ],
    ),
    ("inventory", &["error", "image", "clock", "pace"]),
    (
        "sync",
        &[
            "error",
            "image",
            "clock",
            "config",
            "network",
            "pace",
            "schedule",
            "selection",
            "connector",
            "inventory",
        ],
    ),
    (
        "ingest",
        &[
            "error",
            "image",
            "clock",
            "config",
            "network",
            "pace",
            "connector",
            "inventory",
        ],
    ),
    // All of it at once.
    (
        "intake",
        &[
            "error",
            "image",
            "clock",
            "config",
            "network",
            "pace",
            "connector",
            "inventory",
            "schedule",
            "sync",
            "ingest",
        ],
    ),
    // The other side of the wire.
    ("simulator", &["clock"]),
    (
        "conformance",
        &[
            "error",
            "image",
            "clock",
            "connector",
            "inventory",
            "simulator",
            "sync",
        ],
    ),
];

/// External crates that stand in one room only.
const AT_HOME: &[(&str, &[&str])] = &[
    ("reqwest", &["http"]),
    ("governor", &["pace"]),
    ("sqlx", &["inventory"]),
    ("hyper", &["http", "simulator"]),
    ("toml", &["config", "network"]),
    ("jiff", &["clock", "schedule"]),
    ("croner", &["schedule"]),
    ("globset", &["selection"]),
];

#[test]
fn no_room_uses_a_room_that_it_may_not() {
    let allowed: BTreeMap<_, _> = MAY_USE.iter().copied().collect();
    let mut faults = BTreeSet::new();
    for (room, file, text) in sources() {
        let allowed = allowed
            .get(room.as_str())
            .unwrap_or_else(|| panic!("{room} is no room of the design"));
        for used in rooms_used(&text) {
            if used != room && !allowed.contains(&used.as_str()) {
                faults.insert(format!("{} uses crate::{used}", file.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn an_inner_crate_is_named_in_its_own_room_only() {
    let mut faults = BTreeSet::new();
    for (room, file, text) in sources() {
        for (name, home) in AT_HOME {
            let named = code(&text).any(|line| {
                line.contains(&format!("{name}::")) || line.contains(&format!("use {name}"))
            });
            if named && !home.contains(&room.as_str()) {
                faults.insert(format!("{} names {name}", file.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn connectors_do_not_know_each_other() {
    let backends = ["harbor", "quay", "acr"];
    for (room, file, text) in sources() {
        let home = backends
            .iter()
            .find(|name| file.iter().any(|part| part == **name));
        let Some(home) = home.filter(|_| room == "connector") else {
            continue;
        };
        for other in backends.iter().filter(|name| *name != home) {
            let path = format!("connector::{other}");
            let named = code(&text).any(|line| line.contains(&path));
            assert!(!named, "{} names {other}", file.display());
        }
    }
}

#[test]
fn the_scanner_sees_the_rooms_that_are_used() {
    let text = "use crate::{\n    clock::Clock,\n    error::{self, Step},\n};\nuse crate::image;\n\
                fn f() { crate::pace::g() }\n// crate::sync is only spoken of\n";
    let used: Vec<_> = rooms_used(text).into_iter().collect();
    assert_eq!(used, ["clock", "error", "image", "pace"]);
}

/// Each source file with its room, the folder or file right under `src`.
fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let mut sources = Vec::new();
    for file in files {
        let inner = file.strip_prefix(&root).unwrap().to_owned();
        let first = inner.iter().next().unwrap().to_str().unwrap();
        if first != "lib.rs" {
            let text = fs::read_to_string(&file).unwrap();
            sources.push((first.to_owned(), inner, text));
        }
    }
    assert!(sources.len() > 50, "the sources were not found");
    sources
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The lines that are no comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

/// The rooms named behind `crate::`, alone or at the first level of a braced list.
fn rooms_used(text: &str) -> BTreeSet<String> {
    let text: String = code(text).collect::<Vec<_>>().join("\n");
    let mut rooms = BTreeSet::new();
    for (place, _) in text.match_indices("crate::") {
        let before = text[..place].chars().next_back();
        if before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_') {
            continue;
        }
        let rest = &text[place + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => first_level(list, &mut rooms),
            None => {
                rooms.insert(name(rest));
            }
        }
    }
    rooms
}

fn first_level(list: &str, rooms: &mut BTreeSet<String>) {
    let mut depth = 0_u32;
    let mut at_start = true;
    for (place, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => return,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            letter if at_start && depth == 0 && letter.is_alphabetic() => {
                rooms.insert(name(&list[place..]));
                at_start = false;
            }
            _ => {}
        }
    }
}

fn name(text: &str) -> String {
    text.chars()
        .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
        .collect()
}
