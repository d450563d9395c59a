//! Temporary keys by the Security Token Service.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::{
    AccessKey, KeyError,
    chain::{TemporaryWire, unreachable},
};
use crate::{
    clock::Clock,
    connector::acr::{
        fault::Told,
        signature::query,
        signer::{Signer, date, nonces},
    },
    error::Step,
    http::{Answer, HttpClient, Patience},
};

const PLACE: &str = "the Security Token Service";
const VERSION: &str = "2015-04-01";
/// What the SDK asks for, in seconds.
const DURATION: &str = "3600";
const SESSION: &str = "registry-intake";

/// The role that is to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RoleWish {
    role: String,
    session: String,
    seconds: String,
}

impl RoleWish {
    pub(super) fn new(role: String, session: Option<String>, seconds: Option<u32>) -> Self {
        Self {
            role,
            session: session.unwrap_or_else(|| SESSION.to_owned()),
            seconds: seconds.map_or_else(|| DURATION.to_owned(), |seconds| seconds.to_string()),
        }
    }
}

/// By the token of a service account. It goes in the body, so that no log of addresses has it.
pub(super) async fn assume_with_oidc(
    client: &HttpClient,
    wish: &RoleWish,
    provider: &str,
    token: &SecretString,
) -> Result<AccessKey, KeyError> {
    let answer = client
        .post(Step::Config, client.origin().clone())
        .form(&[
            ("Action", "AssumeRoleWithOIDC"),
            ("Version", VERSION),
            ("Format", "JSON"),
            ("Timestamp", &date(client.clock().now())),
            ("RoleArn", &wish.role),
            ("OIDCProviderArn", provider),
            ("RoleSessionName", &wish.session),
            ("DurationSeconds", &wish.seconds),
            ("OIDCToken", token.expose_secret()),
        ])
        .about("AssumeRoleWithOIDC")
        .reading()
        .patience(Patience::Probe)
        .send()
        .await
        .map_err(unreachable(PLACE))?;
    key_of(&answer)
}

/// By another key that may assume the role.
pub(super) async fn assume(
    client: &HttpClient,
    wish: &RoleWish,
    by: Arc<AccessKey>,
    clock: &Arc<dyn Clock>,
) -> Result<AccessKey, KeyError> {
    let mut url: Url = client.origin().clone();
    url.set_query(Some(&query(&[
        ("DurationSeconds", &wish.seconds),
        ("RoleArn", &wish.role),
        ("RoleSessionName", &wish.session),
    ])));
    let signer = Signer {
        key: by,
        action: "AssumeRole",
        version: VERSION,
        clock: Arc::clone(clock),
        nonce: nonces(),
    };
    let answer = client
        .post(Step::Config, url)
        .signed(Arc::new(signer))
        .about("AssumeRole")
        .reading()
        .patience(Patience::Probe)
        .send()
        .await
        .map_err(unreachable(PLACE))?;
    key_of(&answer)
}

#[derive(Deserialize)]
struct AnswerWire {
    #[serde(rename = "Credentials")]
    credentials: TemporaryWire,
}

fn key_of(answer: &Answer) -> Result<AccessKey, KeyError> {
    if answer.status() != 200 {
        let reason = Told::of(answer).map(|told| told.reason().to_string());
        let flaw = reason.unwrap_or_else(|| format!("answers HTTP {}", answer.status()));
        return Err(KeyError::Unfit {
            place: PLACE.to_owned(),
            flaw: format!("refuses: {flaw}"),
        });
    }
    let answered: AnswerWire = answer.json_of_any_type().map_err(unreachable(PLACE))?;
    answered.credentials.into_key(PLACE)
}
