//! No text of a broken configuration shows a password.

use std::fmt::Debug;

use proptest::prelude::*;
use registry_intake::config::{Config, IntegrationDraft};

use super::{Embedder, one, without};

/// What can be shown of the error, or of the integration.
fn texts<T: Debug>(outcome: &Result<T, impl std::error::Error>) -> Vec<String> {
    match outcome {
        Ok(config) => vec![format!("{config:?}"), format!("{config:#?}")],
        Err(error) => vec![
            format!("{error}"),
            format!("{error:?}"),
            format!("{error:#?}"),
        ],
    }
}

/// Whether a text shows the password in any spelling.
fn show(texts: &[String], password: &str) -> bool {
    let escaped = password.escape_debug().to_string();
    let quoted = serde_json::Value::from(password).to_string();
    texts.iter().any(|text| {
        [password, &escaped, quoted.trim_matches('"')]
            .iter()
            .any(|spelling| text.contains(spelling))
    })
}

fn shows<T: Debug>(outcome: &Result<T, impl std::error::Error>, password: &str) -> bool {
    show(&texts(outcome), password)
}

/// Where an operator may put a password, rightly or by mistake, in TOML and in JSON.
fn placings(password: &str) -> Vec<(String, serde_json::Value)> {
    let json = serde_json::Value::from(password);
    let quoted = json.to_string();
    let placed = |toml: &str, json: serde_json::Value| {
        let toml = toml.replace("PW", &quoted);
        (toml, json)
    };
    vec![
        placed("password = PW", serde_json::json!({ "password": json })),
        placed("pasword = PW", serde_json::json!({ "pasword": json })),
        placed("password = [PW]", serde_json::json!({ "password": [json] })),
        placed(
            "password = { evn = PW }",
            serde_json::json!({ "password": { "evn": json } }),
        ),
        placed(
            "password = { env = \"A\", value = PW }",
            serde_json::json!({ "password": { "env": "A", "value": json } }),
        ),
        placed(
            "password = { env = [PW] }",
            serde_json::json!({ "password": { "env": [json] } }),
        ),
        placed(
            "password.PW = 1",
            serde_json::json!({ "password": { password: 1 } }),
        ),
        placed(
            "auth = { user = \"admin\", password = PW }",
            serde_json::json!({ "auth": { "password": json } }),
        ),
        placed(
            "timeouts = { password = PW }",
            serde_json::json!({ "timeouts": { "password": json } }),
        ),
        placed("port = [PW]", serde_json::json!({ "port": [json] })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn no_text_shows_a_password_of_a_broken_document(
        password in prop_oneof!["[a-z0-9]{8,24}", "[ -~]{8,24}", "\\PC{8,16}"],
        broken_line in prop_oneof![Just(""), Just("port = 0"), Just("= 5"), Just("hybrid = yes")],
        cut in any::<prop::sample::Index>(),
        garbage in prop_oneof![Just(""), Just("\""), Just("'"), Just("\n"), Just("]"), Just("\\")],
        length in 0_usize..3,
    ) {
        for (toml, json) in placings(&password) {
            let document = format!("{}\n{toml}\n{broken_line}\n", without("password"));
            prop_assert!(!shows(&Config::from_toml(&document), &password), "{document}");
            for embedding in embeddings(&document) {
                prop_assert!(!show(&told_when_embedded(&embedding), &password), "{embedding}");
            }

            let chars: Vec<char> = document.chars().collect();
            let at = cut.index(chars.len());
            let after = (at + length).min(chars.len());
            let damaged: String = chars[..at]
                .iter()
                .chain(garbage.chars().collect::<Vec<_>>().iter())
                .chain(&chars[after..])
                .collect();
            prop_assert!(!shows(&Config::from_toml(&damaged), &password), "{damaged}");

            let mut entry = serde_json::json!({
                "name": "x", "type": "quay", "version": "V2", "domain": "quay.example.com",
                "username": "admin",
            });
            entry.as_object_mut().unwrap().extend(json.as_object().unwrap().clone());
            let text = entry.to_string();
            prop_assert!(!shows(&one(&text), &password), "{text}");
            let end = text.char_indices().map(|(at, _)| at).nth(cut.index(text.chars().count()));
            let truncated = &text[..end.unwrap()];
            let read: Result<IntegrationDraft, _> = serde_json::from_str(truncated);
            prop_assert!(!shows(&read, &password), "{truncated}");
        }
    }
}

/// The document as a part of an embedder's own: as tables and as inline tables, of both drafts.
fn embeddings(document: &str) -> Vec<String> {
    let lines = document.lines().filter(|line| !line.trim().is_empty());
    let inline = lines.clone().skip(1).collect::<Vec<_>>().join(", ");
    vec![
        document.replace("[[integrations]]", "[[registries]]"),
        document.replace("[[integrations]]", "[[intake.integrations]]"),
        format!("registries = [{{ {inline} }}]"),
        format!("intake = {{ integrations = [{{ {inline} }}] }}"),
        format!("intake = {{ {inline} }}"),
    ]
}

/// All that an embedder could show of a document whose syntax is right, and of its errors. A
/// syntax error is the embedder's own.
fn told_when_embedded(document: &str) -> Vec<String> {
    if document.parse::<toml::Table>().is_err() {
        return Vec::new();
    }
    let embedder: Embedder = toml::from_str(document).expect("content that fails no reading");
    let mut told = vec![format!("{embedder:?}")];
    let registries = embedder.registries.into_iter();
    told.extend(registries.flat_map(|draft| texts(&draft.validate())));
    told.extend(
        embedder
            .intake
            .into_iter()
            .flat_map(|draft| texts(&draft.validate())),
    );
    told
}
