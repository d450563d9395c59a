//! What a puller is given, and single images.

use registry_intake::{
    config::NetworkType,
    conformance::observe,
    connector::PullCredential,
    error::{BoxError, ErrorCode, Language},
    image::{Location, Reference},
    ingest::{Delivery, ImageIngester, ImageSink, SinkError},
    inventory::{Change, SqliteInventory},
    simulator::acr::{AccessKey, Instance},
};

use super::*;

fn location(listed: Listed) -> Location {
    Location {
        repository: listed.repository.parse().unwrap(),
        digest: listed.digest.parse().unwrap(),
        tags: Vec::new(),
    }
}

#[tokio::test]
async fn access_is_by_a_temporary_log_in_at_the_domain_of_the_network() {
    let own =
        || Instance::new(AcrEnterprise::INSTANCE_ID, "simulated").user_domain("r.example.com");
    let known = AccessKey::new("LTAI", "secret")
        .denies(&["cr:GetInstanceEndpoint", "cr:GetInstanceVpcEndpoint"]);
    let system = "simulated-registry.cn-hangzhou.cr.aliyuncs.com";
    let over_vpc = "simulated-registry-vpc.cn-hangzhou.cr.aliyuncs.com";
    for (has_own, may_ask, network, domain, host) in [
        (false, true, NetworkType::Public, None, system),
        (true, true, NetworkType::Public, None, "r.example.com"),
        (true, true, NetworkType::Vpc, None, over_vpc),
        (true, false, NetworkType::Public, None, system),
        (false, false, NetworkType::Vpc, None, over_vpc),
        (
            true,
            true,
            NetworkType::Vpc,
            Some("mine.example.com"),
            "mine.example.com",
        ),
    ] {
        let mut builder = AcrEnterprise::builder().key(known.clone());
        if has_own {
            builder = builder.main(own());
        }
        let (acr, clock) = enterprise(builder).await;
        let mut config = of_enterprise(&acr).network(network);
        if !may_ask {
            config = config.credentials(key("LTAI", "secret"));
        }
        if let Some(domain) = domain {
            config = config.domain(domain);
        }
        let registry = connector(config, &clock);
        let place = Location {
            repository: "apps/web".parse().unwrap(),
            digest: format!("sha256:{}", "0f".repeat(32)).parse().unwrap(),
            tags: Vec::new(),
        };
        let access = registry.pull_access(&place).await.unwrap();
        assert_eq!((access.host.as_str(), access.port), (host, 443));
        assert!(access.expires_at.is_some_and(|ends| ends > clock.now()));
        let PullCredential::Basic { username, password } = &access.credential else {
            panic!("{access:?}");
        };
        assert!(!username.is_empty() && !format!("{access:?}").contains(password.expose()));
        registry.pull_access(&place).await.unwrap();
        assert_eq!(
            acr.logins(),
            1,
            "one log-in serves until it is about to end"
        );
    }
}

#[tokio::test]
async fn an_account_without_a_registry_user_lists_and_is_told_why_it_cannot_pull() {
    let known = AccessKey::new("LTAI", "secret").without_registry_password();
    let (acr, clock) = personal(AcrPersonal::builder().key(known)).await;
    let registry = connector(of_personal(&acr).credentials(key("LTAI", "secret")), &clock);
    assert!(registry.verify().await.is_ok());
    assert!(observe(Arc::clone(&registry)).await.is_complete());
    let place = location(acr.listed().remove(0));
    let error = registry.pull_access(&place).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::FailedToVerifyUsernameOrPwd);
    let remedy = error.guidance(Language::English).remedy;
    assert!(remedy.contains("registry password"), "{remedy}");
}

#[tokio::test]
async fn images_are_looked_up_by_tag_and_by_digest_in_both_editions() {
    let (enterprise, clock) = enterprise(AcrEnterprise::builder()).await;
    let (personal, _) = personal(AcrPersonal::builder()).await;
    let subjects = [
        (
            connector(of_enterprise(&enterprise), &clock),
            enterprise.listed(),
        ),
        (connector(of_personal(&personal), &clock), personal.listed()),
    ];
    for (registry, listed) in subjects {
        for row in listed {
            let place = location(row.clone());
            let by_digest = Reference::Digest(place.digest.clone());
            for reference in [row.tags[0].parse().unwrap(), by_digest] {
                let image = registry
                    .resolve(&place.repository, &reference)
                    .await
                    .unwrap();
                assert_eq!(
                    image.digest, place.digest,
                    "{reference} of {}",
                    row.repository
                );
            }
        }
        let nobody = Reference::Digest(format!("sha256:{}", "0f".repeat(32)).parse().unwrap());
        for (repository, reference) in [
            ("apps/web", "nothing".parse().unwrap()),
            ("apps/web", nobody),
            ("apps/none", "latest".parse().unwrap()),
            ("none/none", "latest".parse().unwrap()),
        ] {
            let missing = registry
                .resolve(&repository.parse().unwrap(), &reference)
                .await;
            let error = missing.unwrap_err();
            assert_eq!(
                error.code(),
                ErrorCode::ImageNotFound,
                "{repository} {reference}"
            );
        }
    }
}

#[derive(Debug)]
struct Nobody;

#[async_trait::async_trait]
impl ImageSink for Nobody {
    async fn ingest(&self, _: Delivery) -> Result<(), SinkError> {
        panic!("nothing is handed over")
    }

    async fn changed(&self, _: Change) -> Result<(), BoxError> {
        panic!("nothing is told")
    }
}

#[tokio::test]
async fn the_personal_edition_is_not_ingested_and_nothing_is_asked_for_that() {
    let (acr, clock) = personal(AcrPersonal::builder()).await;
    let registry = connector(of_personal(&acr), &clock);
    assert!(registry.capabilities().sync && !registry.capabilities().scan);
    let inventory = Arc::new(
        SqliteInventory::in_memory(Arc::clone(&clock))
            .await
            .unwrap(),
    );
    let ingester = ImageIngester::builder("acr", registry, inventory, Arc::new(Nobody));
    let error = ingester.build().unwrap_err();
    assert_eq!(error.code(), ErrorCode::ScanNotSupported);
    assert_eq!(acr.log().total(), 0);
}
