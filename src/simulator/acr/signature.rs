//! The server's side of ACS3-HMAC-SHA256: the string that it signs itself, from what came over the
//! wire. The same for the RPC and the ROA style.

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::simulator::exchange::Request;

const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// Everything else in a value of the query is escaped.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// What an `Authorization` header of this algorithm says.
#[derive(Debug)]
pub(in crate::simulator) struct Authorization<'a> {
    pub(in crate::simulator) access_key_id: &'a str,
    pub(super) signed_headers: Vec<&'a str>,
    pub(super) signature: &'a str,
}

impl<'a> Authorization<'a> {
    /// `None` where the header is malformed, or of another scheme.
    pub(in crate::simulator) fn parse(header: &'a str) -> Option<Self> {
        let fields = header.strip_prefix(ALGORITHM)?.strip_prefix(' ')?;
        let (mut access_key_id, mut signed_headers, mut signature) = (None, None, None);
        for field in fields.split(',') {
            match field.split_once('=')? {
                ("Credential", value) => access_key_id = Some(value),
                ("SignedHeaders", value) => signed_headers = Some(value),
                ("Signature", value) => signature = Some(value),
                _ => return None,
            }
        }
        Some(Self {
            access_key_id: access_key_id.filter(|id| !id.is_empty())?,
            signed_headers: signed_headers?.split(';').collect(),
            signature: signature?,
        })
    }

    /// Whether it signs all that it must: `host`, the type of a body, and every `x-acs-` header.
    pub(super) fn covers(&self, request: &Request) -> bool {
        let mut sent = request.headers.keys().map(|name| name.as_str());
        self.signed_headers.is_sorted()
            && self.signed_headers.contains(&"host")
            && sent.all(|name| {
                let must = name == "content-type" || name.starts_with("x-acs-");
                !must || self.signed_headers.contains(&name)
            })
    }

    /// What the client should have signed; `None` where a header is missing that it says it signed.
    pub(super) fn string_to_sign(&self, request: &Request) -> Option<String> {
        let mut headers = String::new();
        for name in &self.signed_headers {
            let value = request.header(name)?.trim();
            headers.push_str(&format!("{name}:{value}\n"));
        }
        let canonical = [
            &request.method,
            &request.path,
            &canonical_query(request),
            &headers,
            &self.signed_headers.join(";"),
            &hex(&Sha256::digest(&request.body)),
        ];
        let canonical = canonical.map(String::as_str).join("\n");
        let hash = hex(&Sha256::digest(canonical.as_bytes()));
        Some(format!("{ALGORITHM}\n{hash}"))
    }
}

/// The pairs as they were sent, sorted by name, the values in the one form of escapes that counts.
fn canonical_query(request: &Request) -> String {
    let mut pairs = request.signed_parameters();
    pairs.sort_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, KEPT)));
    pairs.collect::<Vec<_>>().join("&")
}

/// In lower-case hexadecimal digits.
pub(super) fn sign(secret: &str, string_to_sign: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(string_to_sign.as_bytes());
    Some(hex(&mac.finalize().into_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
