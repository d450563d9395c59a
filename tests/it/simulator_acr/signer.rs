use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
};

use hmac::{Hmac, KeyInit, Mac};
use registry_intake::clock::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::replay::wire::{Received, ask};

/// One who signs calls by the least set of headers.
pub(super) struct Signer {
    pub(super) address: SocketAddr,
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) token: Option<String>,
    pub(super) date: Timestamp,
    pub(super) version: &'static str,
    nonces: AtomicU64,
}

impl Signer {
    pub(super) fn new(address: SocketAddr, version: &'static str, id: &str, secret: &str) -> Self {
        Self {
            address,
            id: id.to_owned(),
            secret: secret.to_owned(),
            token: None,
            date: super::NOW.parse().unwrap(),
            version,
            nonces: AtomicU64::new(0),
        }
    }

    /// Headers that sign a request, the `Authorization` last. Values of the query must need no
    /// escapes.
    pub(super) fn headers(&self, method: &str, path: &str, query: &str, action: &str) -> Headers {
        let nonce = self.nonces.fetch_add(1, Ordering::Relaxed);
        let empty = hex(&Sha256::digest(b""));
        let mut headers = vec![
            ("host".to_owned(), self.address.to_string()),
            ("x-acs-action".to_owned(), action.to_owned()),
            ("x-acs-content-sha256".to_owned(), empty.clone()),
            ("x-acs-date".to_owned(), self.date.to_string()),
            ("x-acs-signature-nonce".to_owned(), format!("nonce-{nonce}")),
            ("x-acs-version".to_owned(), self.version.to_owned()),
        ];
        if let Some(token) = &self.token {
            headers.push(("x-acs-accesskey-id".to_owned(), self.id.clone()));
            headers.push(("x-acs-security-token".to_owned(), token.clone()));
        }
        headers.sort();
        let mut pairs: Vec<_> = query.split('&').filter(|pair| !pair.is_empty()).collect();
        pairs.sort_unstable();
        let lines = headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"));
        let lines: String = lines.collect();
        let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let query = pairs.join("&");
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{empty}");
        let text = format!("ACS3-HMAC-SHA256\n{}", hex(&Sha256::digest(canonical)));
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).unwrap();
        mac.update(text.as_bytes());
        let signature = hex(&mac.finalize().into_bytes());
        let id = &self.id;
        let authorization =
            format!("ACS3-HMAC-SHA256 Credential={id},SignedHeaders={names},Signature={signature}");
        headers.push(("Authorization".to_owned(), authorization));
        headers
    }

    /// A call in the RPC style.
    pub(super) async fn call(&self, action: &str, query: &str) -> Received {
        let method = if action == "GetRepoTag" {
            "GET"
        } else {
            "POST"
        };
        let headers = self.headers(method, "/", query, action);
        ask(self.address, method, &format!("/?{query}"), &headers, "").await
    }

    /// A call in the ROA style.
    pub(super) async fn get(&self, path: &str, query: &str) -> Received {
        let headers = self.headers("GET", path, query, "");
        ask(
            self.address,
            "GET",
            &format!("{path}?{query}"),
            &headers,
            "",
        )
        .await
    }

    /// The body of a call that is answered well.
    pub(super) async fn done(&self, action: &str, query: &str) -> Value {
        let received = self.call(action, query).await;
        let body = json(&received);
        assert_eq!(body["IsSuccess"], true, "{action} {query}: {received:?}");
        body
    }
}

pub(super) type Headers = Vec<(String, String)>;

pub(super) fn json(received: &Received) -> Value {
    serde_json::from_str(&received.body).unwrap_or_else(|_| panic!("{received:?}"))
}

/// Status and code of an answer.
pub(super) fn refusal(received: &Received) -> (u16, String) {
    let body = json(received);
    let code = ["Code", "code"]
        .into_iter()
        .find_map(|name| body[name].as_str());
    (received.status, code.unwrap_or_default().to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
