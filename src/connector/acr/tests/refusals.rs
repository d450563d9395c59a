use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};

use super::{ANSWERS, Loopback, Reply, api, call, clock, config, constructed};
use crate::{
    config::RegistryType,
    connector::{ConnectContext, Verification, acr::api::Call, connect_within},
    error::{ErrorCode, IntegrationError, Step, Violation},
    http::Patience,
};

async fn told(status: u16, body: Value) -> IntegrationError {
    let server = Loopback::start(move |_| (status, body.to_string())).await;
    let api = api(&server, &clock(), Patience::Probe);
    api.ask(&call()).await.unwrap_err()
}

#[tokio::test]
async fn every_constructed_error_has_its_code_whatever_its_status() {
    let answers: Value = serde_json::from_str(ANSWERS).unwrap();
    let expected = |name: &str| match name {
        "rpc-invalid-access-key-id"
        | "rpc-access-key-inactive"
        | "rpc-incomplete-signature"
        | "rpc-missing-security-token"
        | "rpc-security-token-expired"
        | "roa-user-not-exist"
        | "roa-gateway-error" => ErrorCode::FailedToVerifyUsernameOrPwd,
        // The quoted string is made up, so that it is not ours.
        "rpc-signature-does-not-match" => ErrorCode::ProtocolViolation,
        "rpc-timestamp-expired" => ErrorCode::ClockSkew,
        "rpc-nonce-used" => ErrorCode::ProtocolViolation,
        "rpc-no-permission" | "rpc-forbidden-ram" => ErrorCode::RamPermissionDenied,
        "rpc-invalid-product" | "rpc-invalid-api" => ErrorCode::WrongRegionOrEdition,
        "ee-instance-not-exist-200" | "ee-instance-not-exist-http" => {
            ErrorCode::WrongRegionOrEdition
        }
        "rpc-throttling-api" | "rpc-throttling-user" | "rpc-throttling-retry-after" => {
            ErrorCode::RateLimited
        }
        "rpc-service-unavailable" | "rpc-internal-error" => ErrorCode::RegistryUnavailable,
        "roa-repo-not-exist" | "roa-namespace-not-exist" => ErrorCode::NamespaceNotFound,
        other => panic!("no code for {other}"),
    };
    for (name, answer) in answers["errors"].as_object().unwrap() {
        let status = answer["http_status"].as_u64().unwrap();
        let error = told(status.try_into().unwrap(), answer["body"].clone()).await;
        assert_eq!(error.code(), expected(name), "{name}: {error:?}");
        let id = answer["body"]["RequestId"]
            .as_str()
            .or_else(|| answer["body"]["requestId"].as_str());
        assert_eq!(error.context().request_id.as_deref(), id, "{name}");
    }
}

#[tokio::test]
async fn a_missing_right_is_named_by_the_answer_or_by_what_the_call_takes() {
    let denied = json!({"Code": "NoPermission", "RequestId": "1",
        "AccessDeniedDetail": {"AuthAction": "cr:ListInstance"}});
    let silent = json!({"Code": "Forbidden.RAM", "RequestId": "1"});
    for body in [denied, silent] {
        let error = told(403, body).await;
        let IntegrationError::RamPermissionDenied { action, .. } = error else {
            panic!("{error:?}");
        };
        assert_eq!(action, "cr:ListInstance");
    }
    let tags = Call::rpc("ListRepoTag", Step::Listing);
    assert_eq!(tags.permission(), "cr:ListRepositoryTag");
}

#[tokio::test]
async fn a_wrong_secret_is_told_from_a_changed_request_by_the_servers_own_string() {
    let refusal = |string: &str| {
        let message = format!(
            "Specified signature does not match our calculation. server string to sign is:{string}"
        );
        (
            400,
            json!({"Code": "SignatureDoesNotMatch", "Message": message, "RequestId": "1"})
                .to_string(),
        )
    };
    let same =
        Loopback::start(move |came| refusal(&came.with_canonical(|sent| sent.string_to_sign())))
            .await;
    let error = api(&same, &clock(), Patience::Run)
        .ask(&call())
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::FailedToVerifyUsernameOrPwd);
    assert_eq!(same.came().len(), 1);
    assert!(!format!("{error:?}").contains("testsecret"));
    let other = Loopback::start(move |_| refusal("ACS3-HMAC-SHA256\n0000")).await;
    let error = api(&other, &clock(), Patience::Run)
        .ask(&call())
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            IntegrationError::ProtocolViolation {
                violation: Violation::Signature,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_refused_key_is_not_sent_again_in_the_same_run() {
    let body = json!({"Code": "InvalidAccessKeyId.NotFound", "Message": "no", "RequestId": "1"});
    let server = Loopback::start(move |_| (404, body.to_string())).await;
    let api = api(&server, &clock(), Patience::Run);
    for _ in 0..3 {
        let error = api.ask(&call()).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::FailedToVerifyUsernameOrPwd);
    }
    assert_eq!(server.came().len(), 1);
}

#[tokio::test]
async fn the_skew_of_the_clocks_is_told() {
    let body = json!({"Code": "InvalidTimeStamp.Expired", "RequestId": "1"});
    let error = told(400, body).await;
    let IntegrationError::ClockSkew { skew, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(
        skew,
        Duration::from_mins(15),
        "no date: at least what is tolerated"
    );
}

/// Verifies where the first answer is `first`, and what follows as it is constructed.
async fn verified_after(first: Reply) -> Verification {
    let first = Mutex::new(Some(first));
    let server = Loopback::start(move |came| {
        let first = first.lock().unwrap().take();
        first.unwrap_or_else(|| constructed(came).into())
    })
    .await;
    let context = ConnectContext::with_clock(Arc::new(clock()));
    let config = config(&server, RegistryType::AcrEnterprise);
    connect_within(&config, &context).unwrap().verify().await
}

#[tokio::test]
async fn a_verification_waits_a_little_where_it_is_asked_to() {
    let code = |code: &str| json!({"Code": code, "RequestId": "1"}).to_string();
    for first in [
        Reply(400, "", code("Throttling.User")),
        Reply(503, "", code("ServiceUnavailable")),
        Reply(400, "", code("SignatureNonceUsed")),
        // What no source lists is told by the gateway's header, or by the status.
        Reply(400, "x-acs-retry-after: 200\r\n", code("FlowControl")),
        Reply(429, "", code("TooManyRequests")),
        Reply(502, "", code("BackendGone")),
    ] {
        let about = first.2.clone();
        let report = verified_after(first).await;
        assert!(report.is_ok(), "{about}: {report:#?}");
    }
    let long = Reply(400, "x-acs-retry-after: 60000\r\n", code("Throttling.User"));
    let error = verified_after(long).await.into_result().unwrap_err();
    let IntegrationError::RateLimited { retry_after, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(retry_after, Some(Duration::from_secs(60)));
}
