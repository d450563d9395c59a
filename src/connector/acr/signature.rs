//! ACS3-HMAC-SHA256, the signature of Alibaba Cloud's APIs in both styles, RPC and ROA.
//!
//! Held to the requests of the vendor's own SDK, with its set of headers and with the smallest one.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// What is signed of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Canonical<'a> {
    pub(super) method: &'a str,
    /// Each segment percent-encoded already, and used as it stands.
    pub(super) path: &'a str,
    /// As [`query`] makes it.
    pub(super) query: &'a str,
    /// Names in lower case, in any order.
    pub(super) headers: &'a [(&'static str, String)],
    /// The body's hash, as [`payload_hash`] makes it.
    pub(super) payload_hash: &'a str,
}

impl Canonical<'_> {
    fn sorted_headers(&self) -> Vec<(&str, &str)> {
        let mut headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .map(|(name, value)| (*name, value.trim()))
            .collect();
        headers.sort_unstable();
        headers
    }

    fn signed_headers(&self) -> String {
        let names: Vec<_> = self
            .sorted_headers()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        names.join(";")
    }

    fn request(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.method, self.path, self.query);
        for (name, value) in self.sorted_headers() {
            text.extend([name, ":", value, "\n"]);
        }
        text.extend(["\n", &self.signed_headers(), "\n", self.payload_hash]);
        text
    }

    /// What the key signs, and what the server quotes where its own differs.
    pub(super) fn string_to_sign(&self) -> String {
        let hash = hex(&Sha256::digest(self.request()));
        format!("{ALGORITHM}\n{hash}")
    }

    /// The header `Authorization`.
    pub(super) fn authorization(&self, id: &str, secret: &str) -> String {
        format!(
            "{ALGORITHM} Credential={id},SignedHeaders={},Signature={}",
            self.signed_headers(),
            sign(secret, &self.string_to_sign()),
        )
    }
}

fn sign(secret: &str, text: &str) -> String {
    // HMAC takes keys of every length.
    #[allow(clippy::expect_used)]
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    mac.update(text.as_bytes());
    hex(&mac.finalize().into_bytes())
}

pub(super) fn payload_hash(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

/// The query in the one order and encoding that is signed and sent. Names are taken as they are.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    let encoded = pairs
        .iter()
        .map(|(name, value)| (*name, encode(value)))
        .collect();
    joined(encoded)
}

/// The same of a query that is encoded already, whatever its order.
pub(super) fn ordered(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name, value.to_owned())
    });
    joined(pairs.collect())
}

fn joined(mut pairs: Vec<(&str, String)>) -> String {
    pairs.sort_by_key(|(name, _)| *name);
    let pairs: Vec<_> = pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// Everything but RFC 3986's unreserved characters as `%XX`.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod acs3 {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const VECTORS: &str = include_str!("../../../tests/recordings/acr/acs3-vectors.json");

    fn text(value: &Value) -> &str {
        value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
    }

    /// Signs what a case describes with one of its sets of headers, and compares every step.
    fn check(case: &Value, expected: &Value, headers: &Value) {
        let name = text(&case["name"]);
        let request = &case["request"];
        let headers: Vec<(&'static str, String)> = headers
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (&*name.clone().leak(), text(value).to_owned()))
            .collect();
        let pairs: Vec<(&str, &str)> = request["query"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| (text(&pair[0]), text(&pair[1])))
            .collect();
        let payload_hash = payload_hash(text(&request["body"]).as_bytes());
        if let Some(hash) = case.get("payload_sha256") {
            assert_eq!(payload_hash, text(hash), "{name}");
        }
        let query = query(&pairs);
        let canonical = Canonical {
            method: text(&request["method"]),
            path: text(&request["path"]),
            query: &query,
            headers: &headers,
            payload_hash: &payload_hash,
        };
        assert_eq!(
            canonical.request(),
            text(&expected["canonical_request"]),
            "{name}"
        );
        assert_eq!(
            canonical.string_to_sign(),
            text(&expected["string_to_sign"]),
            "{name}"
        );
        let (id, secret) = (&case["access_key_id"], &case["access_key_secret"]);
        assert_eq!(
            canonical.authorization(text(id), text(secret)),
            text(&expected["authorization"]),
            "{name}"
        );
    }

    /// How many signatures of the file were made.
    fn check_all(vectors: &str) -> usize {
        let vectors: Value = serde_json::from_str(vectors).unwrap();
        let mut signatures = 0;
        for case in vectors["cases"].as_array().unwrap() {
            check(case, case, &case["request"]["headers_signed"]);
            signatures += 1;
            if let Some(minimal) = case.get("minimal") {
                check(case, minimal, &minimal["headers_signed"]);
                signatures += 1;
            }
        }
        if let Some(example) = vectors.get("documented_example") {
            let mut example = example.clone();
            example["name"] = "documented_example".into();
            check(&example, &example, &example["request"]["headers_signed"]);
            signatures += 1;
        }
        signatures
    }

    #[test]
    fn every_vector_is_signed_as_the_vendors_sdk_does_with_either_set_of_headers() {
        assert_eq!(check_all(VECTORS), 25);
    }

    /// The file that `INTAKE_ACS3_VECTORS` names, of the same form.
    #[test]
    fn further_vectors_are_signed_where_a_file_of_them_is_named() {
        if let Some(path) = std::env::var_os("INTAKE_ACS3_VECTORS") {
            let vectors = std::fs::read_to_string(&path).unwrap();
            let signatures = check_all(&vectors);
            assert!(signatures > 0, "{path:?} holds no case");
        }
    }

    #[test]
    fn values_are_encoded_by_the_unreserved_characters_alone() {
        assert_eq!(encode("AZaz09-_.~"), "AZaz09-_.~");
        assert_eq!(encode("a b*c/d+e%"), "a%20b%2Ac%2Fd%2Be%25");
        assert_eq!(encode("ü"), "%C3%BC");
    }

    proptest! {
        #[test]
        fn a_query_is_in_the_order_of_its_names_whatever_it_was_given_in(
            values in prop::collection::vec("\\PC{0,12}", 0..8),
        ) {
            let names = ["A.1", "A.10", "A.2", "B", "a", "b", "PageNo", "PageSize"];
            let pairs: Vec<(&str, &str)> = names
                .into_iter()
                .zip(values.iter().map(String::as_str))
                .collect();
            let reversed: Vec<_> = pairs.iter().rev().copied().collect();
            prop_assert_eq!(query(&pairs), query(&reversed));
            prop_assert_eq!(ordered(&query(&pairs)), query(&pairs));
        }
    }
}
