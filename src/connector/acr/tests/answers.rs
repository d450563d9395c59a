use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::StreamExt;
use serde_json::{Value, json};

use super::{
    super::{api::Api, connection::Connection},
    Came, Loopback, call, clock, clock_at, config, constructed,
};
use crate::{
    clock::{Clock, Timestamp},
    config::{AcrCredentials, AcrInstance, RegistryType, Secret},
    connector::{
        ConnectContext, ListingEvent, Outcome, RegistryConnector, Verification, Warning,
        connect_within, list,
    },
    error::{IntegrationError, Step},
    http::{Patience, RequestCount},
    image::{Location, Reference},
};

#[tokio::test]
async fn integrations_of_one_account_share_its_budget_and_others_do_not() {
    let server = Loopback::start(constructed).await;
    let clock = clock();
    let context = ConnectContext::with_clock(Arc::new(clock.clone()));
    let config = config(&server, RegistryType::AcrEnterprise);
    let apis = [0, 1].map(|_| {
        let connection = Arc::new(Connection::new(&config, &context).unwrap());
        Api::new(&connection, &RequestCount::new(), Patience::Run)
    });
    for _ in 0..15 {
        for api in &apis {
            api.ask(&call()).await.unwrap();
        }
    }
    // 30 requests at 15 a second: the last one begins 29 periods after the first.
    assert_eq!(clock.monotonic(), Duration::from_nanos(29 * 66_666_667));
    let alone = ConnectContext::with_clock(Arc::new(clock.clone()));
    let connection = Arc::new(Connection::new(&config, &alone).unwrap());
    let before = clock.monotonic();
    let alone = Api::new(&connection, &RequestCount::new(), Patience::Run);
    alone.ask(&call()).await.unwrap();
    assert_eq!(clock.monotonic(), before);
}

async fn verified(registry_type: RegistryType) -> (Verification, Vec<Came>) {
    let server = Loopback::start(constructed).await;
    let clock: Arc<dyn Clock> = Arc::new(clock());
    let context = ConnectContext::with_clock(clock);
    let connector = connect_within(&config(&server, registry_type), &context).unwrap();
    (connector.verify().await, server.came())
}

#[tokio::test]
async fn the_constructed_answers_verify_both_editions() {
    let (report, came) = verified(RegistryType::AcrEnterprise).await;
    assert!(report.is_ok(), "{report:#?}");
    assert_eq!(report.version.as_deref(), Some("2018-12-01"));
    assert_eq!(report.seen.repositories, Some(2));
    let passed = |step| {
        report
            .probes
            .iter()
            .any(|probe| probe.step == step && matches!(probe.outcome, Outcome::Passed))
    };
    for step in [
        Step::Config,
        Step::Registry,
        Step::Credentials,
        Step::Role,
        Step::Listing,
        Step::Pull,
        Step::Vpc,
    ] {
        assert!(passed(step), "{step}: {report:#?}");
    }
    assert!(came.iter().all(|came| came.path == "/"));
    let (report, came) = verified(RegistryType::AcrPersonal).await;
    assert!(report.is_ok(), "{report:#?}");
    assert_eq!(report.version.as_deref(), Some("2016-06-07"));
    assert_eq!(report.seen.repositories, Some(2));
    assert!(
        came.iter()
            .all(|came| came.method == "GET" && came.body.is_empty())
    );
}

#[tokio::test]
async fn the_constructed_answers_resolve_and_give_access_in_both_editions() {
    for (registry_type, host, repository) in [
        (
            RegistryType::AcrEnterprise,
            "registry.example.com",
            "apps/web",
        ),
        (
            RegistryType::AcrPersonal,
            "registry.cn-hangzhou.aliyuncs.com",
            "team-a/web",
        ),
    ] {
        let server = Loopback::start(constructed).await;
        // Before the made-up log-ins end.
        let clock: Arc<dyn Clock> = Arc::new(clock_at("2018-01-01T00:00:00Z"));
        let context = ConnectContext::with_clock(clock);
        let connector = connect_within(&config(&server, registry_type), &context).unwrap();
        let repository = repository.parse().unwrap();
        let tag: Reference = "v0.1".parse().unwrap();
        let image = connector.resolve(&repository, &tag).await.unwrap();
        assert!(image.digest.as_str().starts_with("sha256:67bfbcc1"));
        let digest = Reference::Digest(image.digest.clone());
        let again = connector.resolve(&repository, &digest).await.unwrap();
        assert_eq!((again.digest, again.tags.len()), (image.digest.clone(), 0));
        let location = Location {
            repository,
            digest: image.digest,
            tags: Vec::new(),
        };
        let access = connector.pull_access(&location).await.unwrap();
        assert_eq!((access.host.as_str(), access.port), (host, 443));
        assert!(access.expires_at.is_some());
        let realm = "dockerauth-ee.cn-hangzhou.aliyuncs.com".to_owned();
        assert!(access.realm_hosts.contains(&realm));
        assert!(!format!("{access:?}").contains("fakefake"));
        let before = server.came().len();
        connector.pull_access(&location).await.unwrap();
        assert_eq!(
            server.came().len(),
            before,
            "a log-in that has time left is kept"
        );
    }
}

#[tokio::test]
async fn a_log_in_is_renewed_before_it_ends() {
    let asked = Arc::new(Mutex::new(0_i64));
    let start: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    let server = Loopback::start(move |came| {
        if came.header("x-acs-action") != "GetAuthorizationToken" {
            return constructed(came);
        }
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        let ends = start.as_unix_nanos() / 1_000_000 + *asked * 3_600_000;
        let body = json!({"IsSuccess": true, "Code": "success", "RequestId": "1",
            "TempUsername": "u", "AuthorizationToken": format!("token-{asked}"), "ExpireTime": ends});
        (200, body.to_string())
    })
    .await;
    let clock = clock();
    let context = ConnectContext::with_clock(Arc::new(clock.clone()));
    let config = config(&server, RegistryType::AcrEnterprise);
    let connector = connect_within(&config, &context).unwrap();
    let location = Location {
        repository: "apps/web".parse().unwrap(),
        digest: format!("sha256:{}", "0f".repeat(32)).parse().unwrap(),
        tags: Vec::new(),
    };
    let first = connector.pull_access(&location).await.unwrap();
    clock.advance(Duration::from_mins(44));
    let kept = connector.pull_access(&location).await.unwrap();
    assert_eq!(first.expires_at, kept.expires_at);
    clock.advance(Duration::from_mins(2));
    let renewed = connector.pull_access(&location).await.unwrap();
    assert!(renewed.expires_at > first.expires_at);
}

#[tokio::test]
async fn a_list_goes_on_by_the_token_that_the_server_has_told() {
    let server = Loopback::start(|came| {
        let page = |rows: std::ops::Range<u32>, token: &str| {
            let rows = rows.map(|row| json!({"Tag": format!("v{row}"), "Digest": "0f".repeat(32)}));
            json!({"IsSuccess": true, "Code": "success", "RequestId": "1", "TotalCount": "250",
                "Images": rows.collect::<Vec<_>>(), "NextToken": token})
        };
        let body = match (came.header("x-acs-action"), came.query.as_str()) {
            ("ListRepoTag", query) if query.contains("NextToken=a%2B%3D") => {
                assert!(
                    query.contains("MaxResults=100") && !query.contains("PageNo"),
                    "{query}"
                );
                page(100..200, "b")
            }
            ("ListRepoTag", query) if query.contains("NextToken=b") => page(200..250, ""),
            ("ListRepoTag", query) => {
                assert!(query.contains("PageNo=1&PageSize=100"), "{query}");
                page(0..100, "a+=")
            }
            ("ListRepository", _) => json!({"IsSuccess": true, "Code": "success", "RequestId": "1",
                "TotalCount": 1, "Repositories": [{"RepoId": "crr-1", "RepoName": "web",
                "RepoNamespaceName": "apps"}]}),
            _ => json!({"IsSuccess": true, "Code": "success", "RequestId": "1", "RepoUsage": "1"}),
        };
        (200, body.to_string())
    })
    .await;
    let context = ConnectContext::with_clock(Arc::new(clock()));
    let config = config(&server, RegistryType::AcrEnterprise);
    let connector = connect_within(&config, &context).unwrap();
    let requests = RequestCount::new();
    let mut events = crate::connector::list(connector, requests.clone());
    let mut tags = 0;
    while let Some(event) = futures_util::StreamExt::next(&mut events).await {
        if let crate::connector::ListingEvent::Page { images, .. } = event.unwrap() {
            tags += images.iter().map(|image| image.tags.len()).sum::<usize>();
        }
    }
    assert_eq!(tags, 250);
    // The repositories and their count, three pages of tags, and the first of them again.
    assert_eq!(requests.get(), 2 + 3 + 1);
}

#[tokio::test]
async fn the_right_region_is_named_where_the_endpoint_tells_it() {
    let server = Loopback::start(|came| match came.header("x-acs-action") {
        "GetInstance" => (
            200,
            json!({"IsSuccess": false, "Code": "INSTANCE_NOT_EXIST", "RequestId": "1"}).to_string(),
        ),
        _ => constructed(came),
    })
    .await;
    for instance in [
        AcrInstance::Id("cri-fakeinstance01".to_owned()),
        AcrInstance::Name("team-a".to_owned()),
    ] {
        let config = config(&server, RegistryType::AcrEnterprise).to_builder();
        let config = config
            .region_id("cn-shanghai")
            .instance(instance)
            .build()
            .unwrap();
        let context = ConnectContext::with_clock(Arc::new(clock()));
        let report = connect_within(&config, &context).unwrap().verify().await;
        let Some(IntegrationError::WrongRegionOrEdition { right, .. }) = report.failure() else {
            panic!("{report:#?}");
        };
        assert_eq!(right.as_deref(), Some("cn-hangzhou"));
    }
}

/// The tags of all images that a listing shows, which must be complete.
async fn listed(registry: Arc<dyn RegistryConnector>) -> Vec<String> {
    let mut events = list(registry, RequestCount::new());
    let (mut tags, mut is_complete) = (Vec::new(), false);
    while let Some(event) = events.next().await {
        match event.unwrap() {
            ListingEvent::Page { images, .. } => {
                let names = images.iter().flat_map(|image| &image.tags);
                tags.extend(names.map(|tag| tag.name.to_string()));
            }
            ListingEvent::Finished(proof) => is_complete = proof.is_complete(),
            _ => {}
        }
    }
    assert!(is_complete);
    tags
}

#[tokio::test]
async fn null_stands_for_nothing_in_lists_and_in_what_an_instance_lacks() {
    let server = Loopback::start(|came| {
        let mut body: Value = serde_json::from_str(&constructed(came).1).unwrap();
        match came.header("x-acs-action") {
            "GetInstance" => body["InstanceStatus"] = Value::Null,
            "GetInstanceVpcEndpoint" => {
                body["Enable"] = json!(false);
                body["Domains"] = Value::Null;
                body["LinkedVpcs"] = Value::Null;
            }
            "ListRepository" => {
                body["Repositories"] = Value::Null;
                body.as_object_mut().unwrap().remove("TotalCount");
            }
            _ => {}
        }
        (200, body.to_string())
    })
    .await;
    let context = ConnectContext::with_clock(Arc::new(clock()));
    let config = config(&server, RegistryType::AcrEnterprise);
    let registry = connect_within(&config, &context).unwrap();
    let report = registry.verify().await;
    assert!(report.is_ok(), "{report:#?}");
    let codes: Vec<_> = report.warnings.iter().map(Warning::code).collect();
    assert!(codes.contains(&"vpc_access_not_configured"), "{codes:?}");
    assert_eq!(listed(registry).await, [""; 0]);
}

#[tokio::test]
async fn a_tag_that_is_being_deleted_costs_its_repository_nothing() {
    let server = Loopback::start(|came| {
        let mut body: Value = serde_json::from_str(&constructed(came).1).unwrap();
        if came.header("x-acs-action") == "ListRepoTag" {
            body["Images"][0]["Status"] = json!("DELETING");
            body["Images"][0]["Digest"] = json!("");
        }
        (200, body.to_string())
    })
    .await;
    let context = ConnectContext::with_clock(Arc::new(clock()));
    let config = config(&server, RegistryType::AcrEnterprise);
    let tags = listed(connect_within(&config, &context).unwrap()).await;
    assert!(!tags.is_empty());
    assert!(tags.iter().all(|tag| tag == "latest"), "{tags:?}");
}

#[tokio::test]
async fn an_instance_that_its_regions_list_knows_is_found_by_that() {
    let server = Loopback::start(|came| match came.header("x-acs-action") {
        "GetInstance" => (
            404,
            json!({"Code": "InvalidApi.NotFound", "RequestId": "1"}).to_string(),
        ),
        _ => constructed(came),
    })
    .await;
    let context = ConnectContext::with_clock(Arc::new(clock()));
    let config = config(&server, RegistryType::AcrEnterprise);
    let report = connect_within(&config, &context).unwrap().verify().await;
    assert!(report.is_ok(), "{report:#?}");
}

#[tokio::test]
async fn accounts_are_known_by_the_configured_id_whosever_key_is_used() {
    let server = Loopback::start(constructed).await;
    let clock = clock();
    let context = ConnectContext::with_clock(Arc::new(clock.clone()));
    for id in ["one", "two"] {
        let config = config(&server, RegistryType::AcrEnterprise).to_builder();
        let config = config
            .account_id("1234567890123456")
            .requests_per_second(1)
            .credentials(AcrCredentials::AccessKey {
                id: id.to_owned(),
                secret: Secret::new("secret"),
                security_token: None,
            });
        let registry = connect_within(&config.build().unwrap(), &context).unwrap();
        listed(registry).await;
    }
    let sent = u32::try_from(server.came().len()).unwrap();
    assert!(clock.monotonic() >= Duration::from_secs(1) * (sent - 1));
}
