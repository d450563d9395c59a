//! Who is refused, and how.

use std::time::Duration;

use registry_intake::simulator::{
    AcrEnterprise, Action, Fault,
    acr::{AccessKey, Denial, ErrorFields, Refusals},
};

use super::{
    enterprise, of_instance, personal,
    signer::{Headers, Signer, json, refusal},
};
use crate::replay::wire::{Received, ask};

fn outcome(received: &Received) -> String {
    let (status, code) = refusal(received);
    format!("{status} {code}")
}

async fn sent(signer: &Signer, change: impl FnOnce(&mut Headers)) -> String {
    let mut headers = signer.headers("POST", "/", "", "ListInstance");
    change(&mut headers);
    outcome(&ask(signer.address, "POST", "/?", &headers, "").await)
}

fn without(headers: &mut Headers, name: &str) {
    headers.retain(|(present, _)| present != name);
}

#[tokio::test]
async fn a_key_that_is_wrong_gone_or_switched_off_is_told_apart() {
    let (acr, mut signer) =
        enterprise(|acr| acr.key(AccessKey::new("LTAIasleep", "s").inactive())).await;
    assert_eq!(sent(&signer, |_| {}).await, "200 success");
    signer.secret = "wrong".to_owned();
    assert_eq!(sent(&signer, |_| {}).await, "400 SignatureDoesNotMatch");
    signer.id = "LTAIasleep".to_owned();
    assert_eq!(
        sent(&signer, |_| {}).await,
        "400 InvalidAccessKeyId.Inactive"
    );
    signer.id = "LTAIunknown".to_owned();
    assert_eq!(
        sent(&signer, |_| {}).await,
        "404 InvalidAccessKeyId.NotFound"
    );
    let refused = |id: &str| acr.keys().refused(id);
    assert_eq!(refused(AcrEnterprise::ACCESS_KEY_ID), 1);
    assert_eq!((refused("LTAIasleep"), refused("LTAIunknown")), (1, 1));
    let log = acr.log().recent();
    assert_eq!(log[3].account.as_deref(), Some("LTAIunknown"));
    assert_eq!(log[3].call.as_deref(), Some("ListInstance"));
}

#[tokio::test]
async fn a_signature_must_cover_what_counts_and_every_byte_of_it() {
    let (_acr, signer) = enterprise(|acr| acr).await;
    for name in [
        "Authorization",
        "x-acs-date",
        "x-acs-signature-nonce",
        "x-acs-content-sha256",
    ] {
        let told = sent(&signer, |headers| without(headers, name)).await;
        assert_eq!(told, "400 IncompleteSignature", "{name}");
    }
    let more = |name: &str, value: &str| {
        let header = (name.to_owned(), value.to_owned());
        move |headers: &mut Headers| headers.insert(0, header)
    };
    let told = sent(&signer, more("x-acs-retry-attempts", "1")).await;
    assert_eq!(told, "400 IncompleteSignature");
    let told = sent(&signer, more("content-type", "text/plain")).await;
    assert_eq!(told, "400 IncompleteSignature");
    assert_eq!(sent(&signer, more("accept", "*/*")).await, "200 success");

    let headers = signer.headers("POST", "/", "PageNo=1", "ListInstance");
    let told = outcome(&ask(signer.address, "POST", "/?PageNo=2", &headers, "").await);
    assert_eq!(told, "400 SignatureDoesNotMatch");
    let mut headers = signer.headers("POST", "/", "", "ListInstance");
    headers.push(("Content-Length".to_owned(), "1".to_owned()));
    let received = ask(signer.address, "POST", "/?", &headers, "x").await;
    assert_eq!(refusal(&received).1, "SignatureDoesNotMatch");
}

#[tokio::test]
async fn a_clock_more_than_a_quarter_of_an_hour_off_and_a_nonce_used_twice_are_refused() {
    let (_acr, mut signer) = enterprise(|acr| acr).await;
    let now = signer.date;
    let quarter = Duration::from_secs(15 * 60);
    for date in [now.saturating_add(quarter), now.saturating_sub(quarter)] {
        signer.date = date;
        assert_eq!(sent(&signer, |_| {}).await, "200 success");
    }
    let beyond = quarter + Duration::from_secs(1);
    for date in [now.saturating_add(beyond), now.saturating_sub(beyond)] {
        signer.date = date;
        let headers = signer.headers("POST", "/", "", "ListInstance");
        let received = ask(signer.address, "POST", "/?", &headers, "").await;
        assert_eq!(outcome(&received), "400 InvalidTimeStamp.Expired");
        // By which a client tells how far it is off.
        assert_eq!(
            received.header("Date"),
            Some("Fri, 02 Jan 2026 03:04:05 GMT")
        );
    }
    signer.date = now;
    let told = sent(&signer, |headers| {
        without(headers, "x-acs-date");
        headers.push(("x-acs-date".to_owned(), "2 January 2026".to_owned()));
    });
    assert_eq!(told.await, "400 InvalidTimeStamp.Format");

    let headers = signer.headers("POST", "/", "", "ListInstance");
    let again = async || refusal(&ask(signer.address, "POST", "/?", &headers, "").await);
    assert_eq!(again().await.1, "success");
    assert_eq!(again().await, (400, "SignatureNonceUsed".to_owned()));
}

#[tokio::test]
async fn a_temporary_key_counts_with_its_token_until_it_ends() {
    let (acr, mut signer) = enterprise(|acr| acr).await;
    let end = signer.date.saturating_add(Duration::from_secs(600));
    acr.keys()
        .add(AccessKey::temporary("STS.one", "s", "right", end));
    (signer.id, signer.secret) = ("STS.one".to_owned(), "s".to_owned());
    assert_eq!(sent(&signer, |_| {}).await, "400 MissingSecurityToken");
    signer.token = Some("wrong".to_owned());
    assert_eq!(
        sent(&signer, |_| {}).await,
        "400 InvalidSecurityToken.Malformed"
    );
    signer.token = Some("right".to_owned());
    assert_eq!(sent(&signer, |_| {}).await, "200 success");
    let login = signer.done("GetAuthorizationToken", &of_instance("")).await;
    let milliseconds = end.as_unix_nanos() / 1_000_000;
    assert_eq!(
        login["ExpireTime"], milliseconds,
        "not beyond the key itself"
    );
    acr.keys()
        .add(AccessKey::temporary("STS.one", "s", "right", signer.date));
    assert_eq!(
        sent(&signer, |_| {}).await,
        "400 InvalidSecurityToken.Expired"
    );
}

#[tokio::test]
async fn what_ram_does_not_allow_is_named() {
    for (denial, code, names) in [
        (Denial::NoPermission, "NoPermission", true),
        (Denial::ForbiddenRam, "Forbidden.RAM", false),
    ] {
        let reader = AccessKey::new("LTAIreader", "s").allows(&["cr:Get*", "cr:List*"]);
        let reader = reader.denies(&["cr:ListRepositoryTag"]);
        let (_acr, mut signer) = enterprise(|acr| acr.key(reader).denial(denial)).await;
        (signer.id, signer.secret) = ("LTAIreader".to_owned(), "s".to_owned());
        signer.done("ListRepository", &of_instance("")).await;
        let query = of_instance("RepoId=crr-0000000000000001");
        let received = signer.call("ListRepoTag", &query).await;
        assert_eq!(refusal(&received), (403, code.to_owned()));
        let action = json(&received)["AccessDeniedDetail"]["AuthAction"].clone();
        assert_eq!(action == "cr:ListRepositoryTag", names, "{action}");
        let received = signer.call("CreateRepoTagScanTask", &query).await;
        assert_eq!(refusal(&received).0, 403);
    }
}

#[tokio::test]
async fn what_is_missing_is_told_in_the_manner_of_the_edition() {
    for (refusals, status) in [
        (Refusals::UnderStatus200, 200),
        (Refusals::UnderHttpError, 404),
    ] {
        let (_acr, signer) = enterprise(|acr| acr.refusals(refusals)).await;
        let received = signer.call("GetInstance", "InstanceId=cri-other").await;
        assert_eq!(
            refusal(&received),
            (status, "INSTANCE_NOT_EXIST".to_owned())
        );
        let received = signer
            .call("ListRepoTag", &of_instance("RepoId=crr-1"))
            .await;
        assert_eq!(refusal(&received), (status, "REPO_NOT_EXIST".to_owned()));
        let received = signer
            .call("ListRepository", &of_instance("RepoNamespaceName=x"))
            .await;
        assert_eq!(
            refusal(&received),
            (status, "NAMESPACE_NOT_EXIST".to_owned())
        );
        let received = signer.call("Reboot", "").await;
        assert_eq!(refusal(&received), (404, "InvalidApi.NotFound".to_owned()));
        let received = signer.call("ListRepository", "").await;
        assert_eq!(refusal(&received), (400, "MissingInstanceId".to_owned()));
    }
    for (fields, name) in [
        (ErrorFields::LowerCase, "code"),
        (ErrorFields::UpperCase, "Code"),
    ] {
        let (_acr, signer) = personal(|acr| acr.error_fields(fields)).await;
        let received = signer.get("/repos/apps/none/tags", "").await;
        assert_eq!(
            (received.status, &json(&received)[name]),
            (404, &"REPO_NOT_EXIST".into())
        );
        let received = signer.get("/namespace/none", "").await;
        assert_eq!(json(&received)[name], "NAMESPACE_NOT_EXIST");
    }
}

#[tokio::test]
async fn an_endpoint_knows_both_editions_and_the_account_has_one() {
    let (_acr, mut signer) = personal(|acr| acr).await;
    signer.version = "2018-12-01";
    assert_eq!(signer.done("ListInstance", "").await["TotalCount"], 0);
    let received = signer.call("GetInstance", "InstanceId=cri-1").await;
    assert_eq!(refusal(&received).1, "INSTANCE_NOT_EXIST");
    let (_acr, mut signer) = enterprise(|acr| acr).await;
    signer.version = "2016-06-07";
    let received = signer.get("/repos", "").await;
    assert_eq!(refusal(&received), (404, "USER_NOT_EXIST".to_owned()));
    signer.version = "2020-01-01";
    assert_eq!(sent(&signer, |_| {}).await, "400 InvalidVersion");
}

#[tokio::test]
async fn a_user_without_a_registry_password_gets_no_login_from_personal() {
    let user = AccessKey::new("LTAInew", "s").without_registry_password();
    let (_acr, mut signer) = personal(|acr| acr.key(user)).await;
    assert_eq!(signer.get("/tokens", "").await.status, 200);
    (signer.id, signer.secret) = ("LTAInew".to_owned(), "s".to_owned());
    let received = signer.get("/tokens", "").await;
    assert_eq!(refusal(&received), (404, "USER_NOT_EXIST".to_owned()));
    assert_eq!(signer.get("/repos", "").await.status, 200);
}

#[tokio::test]
async fn a_key_that_calls_too_often_is_throttled_by_status_400_once_that_is_switched_on() {
    let other = AccessKey::new("LTAIother", "s");
    let clock = super::clock();
    let shown = std::sync::Arc::new(clock.clone());
    let (acr, mut signer) = enterprise(|acr| acr.key(other).clock(shown)).await;
    for _ in 0..40 {
        assert_eq!(sent(&signer, |_| {}).await, "200 success");
    }
    acr.throttle(Some(2));
    let told = async |signer: &Signer| sent(signer, |_| {}).await;
    assert_eq!(told(&signer).await, "200 success");
    clock.advance(Duration::from_millis(900));
    assert_eq!(told(&signer).await, "200 success");
    assert_eq!(told(&signer).await, "400 Throttling.User");
    clock.advance(Duration::from_millis(100));
    assert_eq!(told(&signer).await, "200 success");
    assert_eq!(
        told(&signer).await,
        "400 Throttling.User",
        "in any second, not in each"
    );
    assert_eq!(acr.throttled(), 2);
    (signer.id, signer.secret) = ("LTAIother".to_owned(), "s".to_owned());
    assert_eq!(told(&signer).await, "200 success");
}

#[tokio::test]
async fn a_fault_strikes_calls_by_name_and_key_and_leaves_the_signature_good() {
    let (acr, signer) = enterprise(|acr| acr).await;
    acr.faults()
        .arm(Fault::new(Action::StripParameter("PageNo")).of_call("ListRepository"));
    let page = of_instance("PageNo=2&PageSize=2");
    assert_eq!(signer.done("ListRepository", &page).await["PageNo"], 1);
    assert_eq!(signer.done("ListNamespace", &page).await["PageNo"], 2);
    acr.faults().clear();
    acr.faults()
        .arm(Fault::new(Action::status(503)).of_account(AcrEnterprise::ACCESS_KEY_ID));
    assert_eq!(signer.call("ListInstance", "").await.status, 503);
    acr.faults().clear();
    acr.faults().arm(Fault::new(Action::StripCredentials));
    assert_eq!(sent(&signer, |_| {}).await, "400 IncompleteSignature");
    assert_eq!(acr.log().of_call("ListRepository"), 1);
}
