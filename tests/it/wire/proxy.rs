//! The way by a proxy, for all that is sent, and never by one that the environment names.

use registry_intake::{
    config::{CaMode, IntegrationConfigBuilder, Protocol, Secret},
    connector::ConnectContext,
    error::{ErrorCode, IntegrationError},
    network::EgressPolicy,
};

use super::{
    DOMAIN,
    authority::Authority,
    config, everything, failure,
    front::{Front, Trap},
    fronted, harbor, harbor_at,
    proxies::{Proxy, Rules},
    puller,
};

#[tokio::test]
async fn https_and_http_go_by_an_http_proxy_that_knows_the_name_alone() {
    let authority = Authority::new();
    for protocol in [Protocol::Https, Protocol::Http] {
        let harbor = harbor_at(&format!("{protocol}://{DOMAIN}")).await;
        let front = Front::start(authority.server(DOMAIN), harbor.address()).await;
        let to = match protocol {
            Protocol::Https => front.address,
            Protocol::Http => harbor.address(),
        };
        let rules = Rules::default()
            .name(DOMAIN, to)
            .account("scanner", "swordfish");
        let proxy = Proxy::http(rules).await;
        let config = config(protocol.default_port())
            .protocol(protocol)
            .ca_bundle(authority.bundle(), CaMode::Replace)
            .proxy(format!("http://{}", proxy.address))
            .proxy_account("scanner", Secret::new("swordfish"));
        for access in everything(config).await {
            let shown = format!("{access:?}");
            assert!(!shown.contains("swordfish"), "{shown}");
            assert_eq!(puller::pull(&access).await.unwrap().status(), 200);
        }
        let targets = proxy.targets();
        assert!(targets.len() > 3, "{targets:?}");
        assert!(
            targets.iter().all(|target| target.starts_with(DOMAIN)),
            "{targets:?}"
        );
    }
}

#[tokio::test]
async fn https_goes_by_a_proxy_that_itself_speaks_tls() {
    let authority = Authority::new();
    let (_harbor, front) = fronted(authority.server(DOMAIN)).await;
    let proxy = Proxy::http(Rules::default().name(DOMAIN, front.address)).await;
    let guarded = Front::start(authority.server("127.0.0.1"), proxy.address).await;
    let config = config(443)
        .ca_bundle(authority.bundle(), CaMode::Replace)
        .proxy(format!("https://{}", guarded.address));
    everything(config).await;
    assert!(
        proxy
            .targets()
            .iter()
            .all(|target| target == "harbor.example.com:443")
    );
}

#[tokio::test]
async fn a_socks_proxy_is_told_names_by_socks5h_and_addresses_by_socks5() {
    let authority = Authority::new();
    let (harbor, front) = fronted(authority.server(DOMAIN)).await;
    let local = Front::start(authority.server("localhost"), harbor.address()).await;
    let (port, local_port) = (front.address.port(), local.address.port());
    let rules = Rules::default()
        .name(DOMAIN, front.address)
        .account("scanner", "swordfish");
    let proxy = Proxy::socks(rules).await;
    let trusting = |config: IntegrationConfigBuilder| {
        config
            .ca_bundle(authority.bundle(), CaMode::Replace)
            .proxy_account("scanner", Secret::new("swordfish"))
    };
    everything(trusting(config(port)).proxy(format!("socks5h://{}", proxy.address))).await;
    let told = proxy.targets();
    assert!(
        told.iter()
            .all(|target| *target == format!("{DOMAIN}:{port}")),
        "{told:?}"
    );

    let here = trusting(config(local_port).domain("localhost"))
        .proxy(format!("socks5://{}", proxy.address));
    everything(here.clone()).await;
    let told = proxy.targets().split_off(told.len());
    let addresses = [
        format!("127.0.0.1:{local_port}"),
        format!("::1:{local_port}"),
    ];
    assert!(
        told.iter().all(|target| addresses.contains(target)),
        "{told:?}"
    );

    // What was looked up here is judged here.
    let policy =
        EgressPolicy::new().deny(["127.0.0.1/32".parse().unwrap(), "::1/128".parse().unwrap()]);
    let reachable = EgressPolicy::strict()
        .allow([format!("{}/32", proxy.address.ip()).parse().unwrap()])
        .deny(["::1/128".parse().unwrap()]);
    let error = failure(here, &ConnectContext::new().with_egress(policy)).await;
    assert_eq!(error.code(), ErrorCode::AddressRefused);
    let by_name = trusting(config(port)).proxy(format!("socks5://{}", proxy.address));
    let error = failure(by_name, &ConnectContext::new().with_egress(reachable)).await;
    assert_eq!(error.code(), ErrorCode::NetworkConnectError, "{error:?}");
}

#[tokio::test]
async fn a_proxy_that_refuses_the_account_is_no_refusal_of_the_registry() {
    let harbor = harbor().await;
    let http = Proxy::http(
        Rules::default()
            .name(DOMAIN, harbor.address())
            .account("scanner", "swordfish"),
    )
    .await;
    let socks = Proxy::socks(
        Rules::default()
            .name(DOMAIN, harbor.address())
            .account("scanner", "swordfish"),
    )
    .await;
    for (scheme, proxy) in [("http", &http), ("socks5h", &socks)] {
        for protocol in [Protocol::Http, Protocol::Https] {
            let without = config(protocol.default_port())
                .protocol(protocol)
                .proxy(format!("{scheme}://{}", proxy.address));
            let wrong = without
                .clone()
                .proxy_account("scanner", Secret::new("hunter2hunter2"));
            for config in [without, wrong] {
                let error = failure(config, &ConnectContext::new()).await;
                let shown = format!("{error} {error:?}");
                let IntegrationError::ConfigInvalid { field, .. } = error else {
                    panic!("{scheme} {protocol}: {shown}");
                };
                assert_eq!(field, "proxy.username", "{shown}");
                assert!(!shown.contains("hunter2"), "{shown}");
            }
        }
    }
    assert_eq!(harbor.log().total(), 0);
}

#[tokio::test]
async fn who_is_exempt_is_reached_without_the_proxy() {
    let harbor = harbor().await;
    let trap = Trap::set().await;
    for (domain, exempt) in [
        (DOMAIN, "harbor.example.com"),
        (DOMAIN, ".example.com"),
        (DOMAIN, "example.com"),
    ] {
        let config = config(harbor.address().port())
            .protocol(Protocol::Http)
            .domain(domain)
            .ip(harbor.address().ip())
            .proxy(format!("http://{}", trap.address))
            .no_proxy([exempt]);
        everything(config).await;
    }
    for exempt in ["127.0.0.1", "127.0.0.0/8"] {
        let config = config(harbor.address().port())
            .protocol(Protocol::Http)
            .domain("127.0.0.1")
            .proxy(format!("http://{}", trap.address))
            .no_proxy([exempt]);
        everything(config).await;
    }
    assert_eq!(trap.caught(), 0);
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_a_network_error() {
    let harbor = harbor().await;
    let gone = Trap::set().await.address;
    let config = config(80)
        .protocol(Protocol::Http)
        .proxy(format!("http://{gone}"));
    let error = failure(config, &ConnectContext::new()).await;
    assert_eq!(error.code(), ErrorCode::NetworkConnectError);
    assert_eq!(harbor.log().total(), 0);
}
