//! From a login to a manifest.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use registry_intake::simulator::AcrEnterprise;
use serde_json::Value;

use super::{
    enterprise, of_instance, personal,
    signer::{Signer, json},
};
use crate::replay::wire::{Received, ask};

async fn get(signer: &Signer, target: &str, authorization: &str) -> Received {
    let mut headers = vec![("Host".to_owned(), signer.address.to_string())];
    if !authorization.is_empty() {
        headers.push(("Authorization".to_owned(), authorization.to_owned()));
    }
    ask(signer.address, "GET", target, &headers, "").await
}

/// Pulls the manifest of `apps/web:stable`, and says where its status was not 200.
async fn pull(signer: &Signer, user: &Value, password: &Value) -> Result<Received, String> {
    let target = "/v2/apps/web/manifests/stable";
    let challenged = get(signer, target, "").await;
    let challenge = challenged.header("WWW-Authenticate").unwrap().to_owned();
    let part = |name: &str| {
        challenge
            .split(&format!("{name}=\""))
            .nth(1)
            .unwrap()
            .split('"')
            .next()
    };
    let realm = part("realm").unwrap();
    let path = realm
        .strip_prefix(&format!("http://{}", signer.address))
        .unwrap();
    let (service, scope) = (part("service").unwrap(), part("scope").unwrap());
    let credentials = format!("{}:{}", user.as_str().unwrap(), password.as_str().unwrap());
    let credentials = format!("Basic {}", BASE64_STANDARD.encode(credentials));
    let target_of_token = format!("{path}?service={service}&scope={scope}");
    let token = get(signer, &target_of_token, &credentials).await;
    if token.status != 200 {
        return Err(format!("token: {}", token.status));
    }
    let token = json(&token)["token"].as_str().unwrap().to_owned();
    let pulled = get(signer, target, &format!("Bearer {token}")).await;
    if pulled.status == 200 {
        Ok(pulled)
    } else {
        Err(format!("manifest: {}", pulled.status))
    }
}

#[tokio::test]
async fn a_login_of_enterprise_pulls_from_its_instance_until_it_ends() {
    let clock = super::clock();
    let shown = std::sync::Arc::new(clock.clone());
    let (acr, signer) = enterprise(|acr| acr.clock(shown)).await;
    let login = signer
        .done("GetAuthorizationToken", &of_instance("ExpiresInHours=2"))
        .await;
    let ends = login["ExpireTime"].as_i64().unwrap();
    assert_eq!(
        ends,
        signer.date.as_unix_nanos() / 1_000_000 + 2 * 3_600_000
    );
    let (user, password) = (&login["TempUsername"], &login["AuthorizationToken"]);
    let pulled = pull(&signer, user, password).await.unwrap();
    let held = acr.listed();
    let digest = pulled.header("Docker-Content-Digest").unwrap();
    assert!(
        held.iter()
            .any(|row| row.digest == digest && row.tags.contains(&"stable".to_owned()))
    );

    let wrong = Value::from("wrong");
    assert_eq!(pull(&signer, user, &wrong).await.unwrap_err(), "token: 401");
    clock.advance(std::time::Duration::from_secs(2 * 3600));
    assert_eq!(
        pull(&signer, user, password).await.unwrap_err(),
        "token: 401"
    );
    assert_eq!(acr.logins(), 1);
}

#[tokio::test]
async fn a_login_of_personal_pulls() {
    let (_acr, signer) = personal(|acr| acr).await;
    let login = json(&signer.get("/tokens", "").await)["data"].clone();
    let ends = login["expireDate"].as_i64().unwrap();
    assert_eq!(ends, signer.date.as_unix_nanos() / 1_000_000 + 3_600_000);
    assert!(
        pull(
            &signer,
            &login["tempUserName"],
            &login["authorizationToken"]
        )
        .await
        .is_ok()
    );
}

#[tokio::test]
async fn the_challenge_tells_edition_and_instance_and_there_is_no_catalog() {
    let (_acr, signer) = enterprise(|acr| acr).await;
    let challenged = get(&signer, "/v2/", "").await;
    assert_eq!(challenged.status, 401);
    let service = format!(
        "registry.aliyuncs.com:cn-hangzhou:china:{}",
        AcrEnterprise::INSTANCE_ID
    );
    let challenge = format!(
        "Bearer realm=\"http://{}/auth\",service=\"{service}\"",
        signer.address
    );
    assert_eq!(
        challenged.header("WWW-Authenticate"),
        Some(challenge.as_str())
    );
    assert_eq!(get(&signer, "/v2/_catalog", "").await.status, 404);
    // Strangers may pull what is public, and nothing else.
    let token = async |path: &str| {
        let target = format!("/auth?service={service}&scope=repository:{path}:pull");
        json(&get(&signer, &target, "").await)["token"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    for (path, status) in [("base/alpine", 200), ("apps/web", 401)] {
        let bearer = format!("Bearer {}", token(path).await);
        let tags = get(&signer, &format!("/v2/{path}/tags/list"), &bearer).await;
        assert_eq!(tags.status, status, "{path}");
    }
}
