//! Where temporary keys come from.

use std::{sync::Arc, time::Duration};

use registry_intake::simulator::acr::CredentialServer;
use serde_json::Value;

use super::{
    enterprise,
    signer::{Signer, json, refusal},
};
use crate::replay::wire::{Received, ask};

const ROLES: &str = "/latest/meta-data/ram/security-credentials/";

async fn get(
    server: &CredentialServer,
    method: &str,
    target: &str,
    headers: &[[&str; 2]],
) -> Received {
    let host = [("Host".to_owned(), server.address().to_string())];
    let more = headers
        .iter()
        .map(|[name, value]| (name.to_string(), value.to_string()));
    let headers: Vec<_> = host.into_iter().chain(more).collect();
    ask(server.address(), method, target, &headers, "").await
}

/// Whether the ACR takes the key that was handed out.
async fn is_good(signer: &mut Signer, key: &Value) -> bool {
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    (signer.id, signer.secret) = (text("AccessKeyId"), text("AccessKeySecret"));
    signer.token = Some(text("SecurityToken"));
    refusal(&signer.call("ListInstance", "").await).1 == "success"
}

#[tokio::test]
async fn an_instance_gets_the_keys_of_its_role_with_and_without_a_token() {
    let (acr, mut signer) = enterprise(|acr| acr).await;
    let clock = Arc::new(super::clock());
    let builder = CredentialServer::builder(acr.keys()).clock(clock);
    let server = builder.start().await.unwrap();
    let header = ["X-aliyun-ecs-metadata-token-ttl-seconds", "21600"];
    let token = get(&server, "PUT", "/latest/api/token", &[header])
        .await
        .body;
    let token = ["X-aliyun-ecs-metadata-token", token.as_str()];
    for headers in [&[token][..], &[]] {
        let role = get(&server, "GET", ROLES, headers).await.body;
        assert_eq!(role, CredentialServer::ROLE);
        let key = json(&get(&server, "GET", &format!("{ROLES}{role}"), headers).await);
        assert_eq!(
            (&key["Code"], &key["Expiration"]),
            (&"Success".into(), &"2026-01-02T04:04:05Z".into())
        );
        assert!(is_good(&mut signer, &key).await);
    }
    let wrong = ["X-aliyun-ecs-metadata-token", "wrong"];
    assert_eq!(get(&server, "GET", ROLES, &[wrong]).await.status, 403);
    assert_eq!(server.issued(), 2);

    let builder = CredentialServer::builder(acr.keys()).requires_metadata_token();
    let server = builder.start().await.unwrap();
    assert_eq!(get(&server, "GET", ROLES, &[]).await.status, 403);
    let builder = CredentialServer::builder(acr.keys()).without_metadata_tokens();
    let server = builder.start().await.unwrap();
    assert_eq!(
        get(&server, "PUT", "/latest/api/token", &[header])
            .await
            .status,
        404
    );
    assert_eq!(get(&server, "GET", ROLES, &[]).await.status, 200);
}

#[tokio::test]
async fn keys_end_and_each_is_another() {
    let clock = super::clock();
    let shown = Arc::new(clock.clone());
    let (acr, mut signer) = enterprise(|acr| acr.clock(shown)).await;
    let builder = CredentialServer::builder(acr.keys()).clock(Arc::new(clock.clone()));
    let server = builder
        .lasting(Duration::from_secs(600))
        .start()
        .await
        .unwrap();
    let path = server.uri().split_off(server.url().len());
    let first = json(&get(&server, "GET", &path, &[]).await);
    assert!(is_good(&mut signer, &first).await);
    clock.advance(Duration::from_secs(600));
    assert!(!is_good(&mut signer, &first).await);
    let second = json(&get(&server, "GET", &path, &[]).await);
    assert!(is_good(&mut signer, &second).await);
    assert_ne!(first["AccessKeyId"], second["AccessKeyId"]);
}

#[tokio::test]
async fn sts_gives_keys_for_the_right_token_only() {
    let (acr, mut signer) = enterprise(|acr| acr).await;
    let clock = Arc::new(super::clock());
    let server = CredentialServer::builder(acr.keys())
        .clock(clock)
        .start()
        .await
        .unwrap();
    let assume = async |token: &str, seconds: u64| {
        let target = format!(
            "/?Action=AssumeRoleWithOIDC&Format=JSON&Version=2015-04-01&RoleSessionName=s\
             &RoleArn={}&OIDCProviderArn={}&OIDCToken={token}&DurationSeconds={seconds}",
            CredentialServer::ROLE_ARN,
            CredentialServer::OIDC_PROVIDER_ARN
        );
        get(&server, "GET", &target, &[]).await
    };
    let right = assume(CredentialServer::OIDC_TOKEN, 900).await;
    let key = json(&right)["Credentials"].clone();
    assert_eq!(key["Expiration"], "2026-01-02T03:19:05Z");
    assert!(is_good(&mut signer, &key).await);
    assert_eq!(assume("wrong", 900).await.status, 400);
    assert_eq!(assume(CredentialServer::OIDC_TOKEN, 60).await.status, 400);
    assert_eq!(server.issued(), 1);
}
