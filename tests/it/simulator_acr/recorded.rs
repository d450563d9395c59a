//! The requests and signatures of the vendor's own SDK, and the bodies made from its models.

use std::{collections::BTreeMap, sync::Arc};

use registry_intake::{
    clock::ManualClock,
    simulator::{
        AcrEnterprise, AcrPersonal,
        acr::{AccessKey, Contents, Instance, InstanceStatus, Push, Repository},
    },
};
use serde_json::Value;

use super::signer::{Headers, json, refusal};
use crate::replay::wire::{Received, ask};

const VECTORS: &str = include_str!("../../recordings/acr/acs3-vectors.json");
const REQUESTS: &str = include_str!("../../recordings/acr/acr-sdk-requests.json");
const RESPONSES: &str = include_str!("../../recordings/acr/acr-constructed-responses.json");

const TOKENS: [&str; 2] = [
    "CAISfakeSecurityToken/with+plus=and/slash==",
    "CAISfakeSecurityToken/with+plus=and/slash+0123456789==",
];

fn contents(image: &str) -> Contents {
    let mut contents = Contents::empty();
    contents.create_repository(Repository::public("base/alpine"));
    contents.create_repository(Repository::private("apps/web").id("crr-fakerepo0000001"));
    let push = Push::image().digest(image).tag("v0.1").tag("latest");
    for path in ["apps/web", "team-a/web"] {
        contents.push(path, push.clone());
    }
    contents.push("team-b/api", Push::image().tag("1"));
    contents
}

fn image() -> String {
    format!(
        "sha256:{}",
        "67bfbcc12b67936ec7f867927817cbb071832b873dbcaed312a1930ba5f1d529"
    )
}

/// Those by which the recorded requests and the vectors are signed.
fn keys_of_the_sdk(secret: &str) -> [AccessKey; 2] {
    let far = "2100-01-01T00:00:00Z".parse().unwrap();
    [
        AccessKey::new("testid", secret),
        AccessKey::temporary("STS.testid", secret, TOKENS[0], far),
    ]
}

async fn enterprise(clock: ManualClock, secret: &str) -> AcrEnterprise {
    let [key, temporary] = keys_of_the_sdk(secret);
    let main = Instance::new("cri-fakeinstance01", "team-a").lets_in(&["203.0.113.0/24"]);
    let main = main.user_domain("registry.example.com");
    let other = Instance::new("cri-fakeinstance02", "team-b").status(InstanceStatus::Stopped);
    let acr = AcrEnterprise::builder()
        .clock(Arc::new(clock))
        .main(main.contents(contents(&image())))
        .instance(other)
        .key(key)
        .key(temporary);
    acr.start().await.unwrap()
}

async fn personal(clock: ManualClock) -> AcrPersonal {
    let [key, temporary] = keys_of_the_sdk("testsecret");
    let acr = AcrPersonal::builder()
        .clock(Arc::new(clock))
        .contents(contents(&image()))
        .key(key)
        .key(temporary);
    acr.start().await.unwrap()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {value}"))
}

/// A case of the vectors by one of its two sets of signed headers.
struct Case {
    name: String,
    method: String,
    target: String,
    headers: Headers,
    body: String,
    string_to_sign: String,
    date: String,
}

fn cases() -> Vec<Case> {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let mut cases = Vec::new();
    for vector in vectors["cases"].as_array().unwrap() {
        for signed in [vector, &vector["minimal"]] {
            let request = &vector["request"];
            let set = if signed.get("request").is_some() {
                request
            } else {
                signed
            };
            let set = set["headers_signed"].as_object().unwrap();
            let mut headers: Headers = set
                .iter()
                .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
                .collect();
            let body = text(request, "body");
            headers.push((
                "Authorization".to_owned(),
                text(signed, "authorization").to_owned(),
            ));
            headers.push(("Content-Length".to_owned(), body.len().to_string()));
            cases.push(Case {
                name: text(vector, "name").to_owned(),
                method: text(request, "method").to_owned(),
                target: text(&vector["wire"], "target").to_owned(),
                headers,
                body: body.to_owned(),
                string_to_sign: text(signed, "string_to_sign").to_owned(),
                date: set["x-acs-date"].as_str().unwrap().to_owned(),
            });
        }
    }
    cases
}

#[tokio::test]
async fn every_signature_of_the_sdk_is_accepted_and_none_by_another_secret() {
    let far = "2100-01-01T00:00:00Z".parse().unwrap();
    let cases = cases();
    assert_eq!(cases.len(), 24);
    for case in cases {
        let ask = async |secret: &str| {
            let acr = enterprise(ManualClock::at(case.date.parse().unwrap()), secret).await;
            acr.keys()
                .add(AccessKey::temporary("STS.testid", secret, TOKENS[1], far));
            ask(
                acr.address(),
                &case.method,
                &case.target,
                &case.headers,
                &case.body,
            )
            .await
        };
        // A call may be none of ACR's; that is told after the signature was looked at.
        let (_, code) = refusal(&ask("testsecret").await);
        let is_refused = ["Signature", "TimeStamp", "SecurityToken", "AccessKey"];
        assert!(
            !is_refused.iter().any(|part| code.contains(part)),
            "{}: {code}",
            case.name
        );

        let other = ask("another").await;
        assert_eq!(
            refusal(&other),
            (400, "SignatureDoesNotMatch".to_owned()),
            "{}",
            case.name
        );
        let body = json(&other);
        let (_, own) = text(&body, "Message")
            .split_once("server string to sign is:")
            .unwrap();
        assert_eq!(own, case.string_to_sign, "{}", case.name);
    }
}

/// The names of an object's fields and the kinds of their values, all the way down; of a list its
/// first row.
fn shape(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> = fields
                .iter()
                .map(|(name, value)| (name, shape(value)))
                .collect();
            format!("{fields:?}")
        }
        Value::Array(rows) => format!("[{}]", rows.first().map(shape).unwrap_or_default()),
        Value::String(_) => "text".to_owned(),
        Value::Number(_) => "number".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Null => "null".to_owned(),
    }
}

/// Lists that are empty here or there say nothing of their rows.
fn without_rows(value: &mut Value, names: &[&str]) {
    if let Value::Object(fields) = value {
        for (name, value) in fields {
            if names.contains(&name.as_str()) {
                *value = Value::Array(Vec::new());
            } else {
                without_rows(value, names);
            }
        }
    } else if let Value::Array(rows) = value {
        for row in rows {
            without_rows(row, names);
        }
    }
}

async fn replay(address: std::net::SocketAddr, request: &Value) -> Received {
    let headers = request["headers"].as_array().unwrap().iter();
    let headers: Headers = headers
        .map(|pair| {
            let part = |index: usize| pair[index].as_str().unwrap().to_owned();
            (part(0), part(1))
        })
        .collect();
    let body = text(request, "body");
    ask(
        address,
        text(request, "method"),
        text(request, "target"),
        &headers,
        body,
    )
    .await
}

#[tokio::test]
async fn every_request_of_the_sdk_is_answered_in_the_shape_of_its_models() {
    let requests: Value = serde_json::from_str(REQUESTS).unwrap();
    let responses: Value = serde_json::from_str(RESPONSES).unwrap();
    let enterprise = enterprise(super::clock(), "testsecret").await;
    let personal = personal(super::clock()).await;
    let mut answered = 0;
    for recorded in requests["requests"].as_array().unwrap() {
        let call = text(recorded, "call");
        let Some((edition, call)) = call.split_once('/') else {
            continue;
        };
        let (address, bodies) = match (edition, text(recorded, "signature_kind")) {
            ("EE", "ACS3") => (enterprise.address(), &responses["enterprise_2018_12_01"]),
            ("Personal", "ACS3") => (personal.address(), &responses["personal_2016_06_07"]),
            _ => continue,
        };
        // All were signed with one nonce.
        for keys in [enterprise.keys(), personal.keys()] {
            for key in keys_of_the_sdk("testsecret") {
                keys.add(key);
            }
        }
        let received = replay(address, &recorded["request"]).await;
        let (name, variant) = call.split_once('(').unwrap_or((call, ""));
        if call == "ListRepository(NextToken)" {
            // Signed well, but the token is not one of this server.
            assert_eq!(refusal(&received), (200, "PARAMETER_ERROR".to_owned()));
            answered += 1;
            continue;
        }
        assert_eq!(received.status, 200, "{call}: {received:?}");
        let (mut served, mut modelled) = (json(&received), bodies[name]["body"].clone());
        assert!(modelled.is_object(), "{call}");
        if variant == "NextToken)" {
            let fields = modelled.as_object_mut().unwrap();
            fields.remove("PageNo");
            fields.remove("PageSize");
            fields.insert("MaxResults".to_owned(), Value::from(100));
        }
        for body in [&mut served, &mut modelled] {
            without_rows(body, &["Tags", "Vulnerabilities"]);
        }
        assert_eq!(shape(&served), shape(&modelled), "{call}: {served}");
        answered += 1;
    }
    assert_eq!(answered, 41);
}
