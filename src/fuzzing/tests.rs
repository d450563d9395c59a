#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{TARGETS, run};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
    found.sort();
}

/// What is kept for each target.
fn corpora() -> BTreeMap<&'static str, Vec<Vec<u8>>> {
    let mut corpora = BTreeMap::new();
    for (name, _) in TARGETS {
        let mut found = Vec::new();
        files(&root().join("fuzz/corpus").join(name), &mut found);
        let inputs: Vec<_> = found.iter().map(|path| fs::read(path).unwrap()).collect();
        assert!(inputs.len() > 4, "{name} has {} inputs", inputs.len());
        corpora.insert(*name, inputs);
    }
    corpora
}

/// What real servers sent, each to the readers that are for it.
fn recorded() -> Vec<(&'static str, Vec<u8>)> {
    let mut found = Vec::new();
    files(&root().join("tests/recordings"), &mut found);
    let mut inputs = Vec::new();
    for path in found {
        if path.extension().is_none_or(|end| end != "json") {
            continue;
        }
        let page = match path.to_str().unwrap() {
            path if path.contains("/harbor-1") => "harbor_v1_page",
            path if path.contains("/harbor-2") => "harbor_v2_page",
            path if path.contains("/quay") => "quay_page",
            _ => "acr_page",
        };
        let document: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        gather(&document, page, &mut inputs);
    }
    inputs
}

/// The bodies and headers of every answer below `value`.
fn gather(value: &Value, page: &'static str, inputs: &mut Vec<(&'static str, Vec<u8>)>) {
    match value {
        Value::Object(fields) => {
            let headers = fields.get("headers").and_then(Value::as_object);
            for (name, value) in headers.into_iter().flatten() {
                let target = match name.to_ascii_lowercase().as_str() {
                    "www-authenticate" => "www_authenticate",
                    "link" => "link",
                    "retry-after" => "retry_after",
                    _ => continue,
                };
                let values = value
                    .as_array()
                    .map(Vec::as_slice)
                    .unwrap_or_else(|| std::slice::from_ref(value));
                let texts = values.iter().filter_map(Value::as_str);
                inputs.extend(texts.map(|text| (target, text.as_bytes().to_vec())));
            }
            if let Some(body) = fields.get("body") {
                let body = match body {
                    Value::String(text) => text.clone().into_bytes(),
                    other => other.to_string().into_bytes(),
                };
                for target in [page, "error_body", "token"] {
                    inputs.push((target, body.clone()));
                }
            }
            for value in fields.values() {
                gather(value, page, inputs);
            }
        }
        Value::Array(values) => {
            for value in values {
                gather(value, page, inputs);
            }
        }
        _ => {}
    }
}

#[test]
fn every_target_has_a_program_and_every_program_a_target() {
    let mut found = Vec::new();
    files(&root().join("fuzz/targets"), &mut found);
    let programs: BTreeSet<_> = found
        .iter()
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let targets: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(programs, targets);
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    for name in targets {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        let program = fs::read_to_string(root().join(format!("fuzz/targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("run(\"{name}\"")), "{name}");
    }
}

#[test]
fn the_corpora_break_no_reader() {
    for (name, inputs) in corpora() {
        for input in inputs {
            run(name, &input);
        }
    }
}

#[test]
fn what_real_servers_sent_breaks_no_reader() {
    let inputs = recorded();
    let reached: BTreeSet<_> = inputs.iter().map(|(name, _)| *name).collect();
    for name in [
        "acr_page",
        "error_body",
        "harbor_v1_page",
        "harbor_v2_page",
        "link",
        "quay_page",
        "token",
        "www_authenticate",
    ] {
        assert!(reached.contains(name), "no recording for {name}");
    }
    for (name, input) in inputs {
        run(name, &input);
    }
}

/// Changes of each input of a corpus.
const CHANGES: u64 = 60;

/// What servers get wrong, and what parsers trip over.
const TOKENS: [&[u8]; 16] = [
    b"null",
    b"-1",
    b"18446744073709551616",
    b"9223372036854775807",
    b"1e999",
    b"\"\"",
    b"[]",
    b"{}",
    b"\\u0000",
    b"\\ud800",
    b"\"\\",
    b"\0",
    b"\r\n",
    b"%",
    b"\xff\xfe",
    "\u{202e}".as_bytes(),
];

/// The same numbers each time: splitmix64.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

fn changed(input: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=numbers.below(4) {
        let place = numbers.below(bytes.len());
        match numbers.below(6) {
            0 if !bytes.is_empty() => bytes[place] ^= 1 << numbers.below(8),
            1 => bytes.truncate(place),
            2 => {
                let token = TOKENS[numbers.below(TOKENS.len())];
                bytes.splice(place..place, token.iter().copied());
            }
            3 => {
                let end = (place + numbers.below(16)).min(bytes.len());
                bytes.drain(place.min(end)..end);
            }
            4 => {
                let from = numbers.below(other.len());
                let piece = &other[from..(from + numbers.below(64)).min(other.len())];
                bytes.splice(place..place, piece.iter().copied());
            }
            _ => {
                let end = (place + numbers.below(32)).min(bytes.len());
                let piece = bytes[place.min(end)..end].to_vec();
                bytes.splice(place..place, piece);
            }
        }
    }
    bytes
}

#[test]
fn changed_inputs_break_no_reader_either() {
    let mut inputs = corpora();
    for (name, input) in recorded() {
        // Of the many recordings some: their beginnings are of a kind.
        let known = inputs.get_mut(name).unwrap();
        if known.len() < 40 && input.len() < 8 << 10 {
            known.push(input);
        }
    }
    for (name, inputs) in &inputs {
        let mut numbers = Numbers(name.len() as u64);
        for (place, input) in inputs.iter().enumerate() {
            for _ in 0..CHANGES {
                let other = &inputs[(place + numbers.below(inputs.len())) % inputs.len()];
                run(name, &changed(input, other, &mut numbers));
            }
        }
    }
}
