use std::{
    collections::{BTreeSet, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use proptest::prelude::*;
use serde_json::json;

use super::{
    super::{
        credentials::AccessKey,
        signature::{encode, payload_hash, query},
        signer::{Signer, nonces},
    },
    Loopback, api, call, clock, config,
};
use crate::{
    clock::{Clock, ManualClock},
    config::RegistryType,
    connector::ConnectContext,
    error::Step,
    http::{HttpClient, Patience},
};

fn client(server: &Loopback, clock: &ManualClock) -> HttpClient {
    let context = ConnectContext::with_clock(Arc::new(clock.clone()));
    context
        .client(&config(server, RegistryType::AcrEnterprise))
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_signed_is_what_is_sent_byte_for_byte(
        values in prop::collection::vec("\\PC{0,16}", 0..5),
        segments in prop::option::of(prop::collection::vec("\\PC{1,12}", 1..4)),
        body in prop::option::of("[a-z=&]{0,16}"),
        token in prop::option::of("[A-Za-z0-9+/=]{1,24}"),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let came = runtime.block_on(async {
            let server = Loopback::start(|_| (200, "{}".to_owned())).await;
            let clock = clock();
            let client = client(&server, &clock);
            let mut url = server.url.clone();
            if let Some(segments) = &segments {
                let path: Vec<_> = segments.iter().map(|segment| encode(segment)).collect();
                url.set_path(&format!("/repos/{}", path.join("/")));
            }
            let names = ["PageNo", "A.10", "A.2", "b", "InstanceId"];
            let pairs: Vec<_> = names.into_iter().zip(values.iter().map(String::as_str)).collect();
            if !pairs.is_empty() {
                url.set_query(Some(&query(&pairs)));
            }
            let key = AccessKey {
                id: "testid".to_owned(),
                secret: "testsecret".to_owned().into(),
                security_token: token.map(Into::into),
                ends: None,
            };
            let signer = Signer {
                key: Arc::new(key),
                action: "ListInstance",
                version: "2018-12-01",
                clock: Arc::new(clock.clone()),
                nonce: nonces(),
            };
            let mut request = client.post(Step::Listing, url).signed(Arc::new(signer));
            if let Some(body) = &body {
                request = request.form(&[("field", body)]);
            }
            request.send().await.unwrap();
            server.came().remove(0)
        });
        let authorization = came.with_canonical(|sent| sent.authorization("testid", "testsecret"));
        prop_assert_eq!(came.header("authorization"), authorization);
        let hash = payload_hash(came.body.as_bytes());
        prop_assert_eq!(came.header("x-acs-content-sha256"), hash);
        for name in came.headers.keys().filter(|name| name.starts_with("x-acs-")) {
            prop_assert!(came.header("authorization").contains(name.as_str()), "{} is not signed", name);
        }
    }
}

#[tokio::test]
async fn each_attempt_is_signed_anew_and_throttling_is_waited_out_whatever_its_status() {
    let answers = Mutex::new(vec![
        (400, "Throttling.User"),
        (503, "ServiceUnavailable"),
        (500, "InternalError"),
        (400, "SignatureNonceUsed"),
        (429, "Throttling"),
    ]);
    let server = Loopback::start(move |_| match answers.lock().unwrap().pop() {
        Some((status, code)) => (status, json!({"Code": code, "RequestId": "1"}).to_string()),
        None => (
            200,
            json!({"IsSuccess": true, "Code": "success", "RequestId": "1"}).to_string(),
        ),
    })
    .await;
    let clock = clock();
    api(&server, &clock, Patience::Run)
        .ask(&call())
        .await
        .unwrap();
    let came = server.came();
    assert_eq!(came.len(), 6);
    let nonces: HashSet<_> = came
        .iter()
        .map(|came| came.header("x-acs-signature-nonce").to_owned())
        .collect();
    assert_eq!(nonces.len(), 6);
    let dates: BTreeSet<_> = came
        .iter()
        .map(|came| came.header("x-acs-date").to_owned())
        .collect();
    assert!(dates.len() > 1, "{dates:?}");
    assert!(clock.monotonic() > Duration::from_secs(2), "nobody waited");
    for came in &came {
        let right = came.with_canonical(|sent| sent.authorization("testid", "testsecret"));
        assert_eq!(came.header("authorization"), right);
        assert_eq!(came.method, "POST");
    }
}
