//! What is dialled in place of what names resolve to, while `Host`, SNI and certificate stay the name.

use std::net::Ipv6Addr;

use registry_intake::{
    config::{CaMode, Protocol},
    connector::ConnectContext,
    error::ErrorCode,
};

use super::{
    DOMAIN, authority::Authority, config, everything, failure, front::Front, fronted, fronted_at,
    harbor, harbor_at, puller,
};

const REALM: &str = "auth.example.com";

#[tokio::test]
async fn the_ip_covers_api_token_realm_and_manifests_of_the_domain() {
    let authority = Authority::new();
    let (harbor, front) = fronted(authority.server(DOMAIN)).await;
    let config = config(front.address.port())
        .ip(front.address.ip())
        .ca_bundle(authority.bundle(), CaMode::Replace);
    everything(config).await;
    assert!(!front.names().is_empty());
    assert!(front.names().iter().all(|name| name == DOMAIN));
    let host = format!("{DOMAIN}:{}", front.address.port());
    assert!(!harbor.log().authorizations(&host).is_empty());
    for other in [front.address, harbor.address()] {
        assert!(harbor.log().authorizations(&other.to_string()).is_empty());
    }
}

#[tokio::test]
async fn a_realm_on_another_host_is_dialled_where_hosts_says_on_any_port() {
    let authority = Authority::new();
    // The token service has a name, an address and a port of its own.
    let service = harbor().await;
    let realm = Front::start(authority.server(REALM), service.address()).await;
    let external = format!("https://{REALM}:{}", realm.address.port());
    let harbor = harbor_at(&external).await;
    let front = Front::start(authority.server(DOMAIN), harbor.address()).await;
    let config = config(front.address.port())
        .ip(front.address.ip())
        .host(REALM, realm.address.ip())
        .ca_bundle(authority.bundle(), CaMode::Replace);
    let trusted = config.clone().realm_hosts([REALM]);
    for access in everything(trusted).await {
        assert_eq!(access.hosts[REALM], realm.address.ip());
        assert_eq!(access.realm_hosts, [REALM]);
        assert_eq!(puller::pull(&access).await.unwrap().status(), 200);
    }
    assert_eq!(realm.names(), [REALM]);
    // Without being listed it may be dialled, and gets no credential.
    let access = everything(config).await.remove(0);
    assert_eq!(
        puller::pull(&access).await.unwrap_err(),
        format!("no credential for {REALM}")
    );
    assert_eq!(realm.names().len(), 1);
}

#[tokio::test]
async fn an_ipv6_address_is_dialled_like_any_other() {
    let authority = Authority::new();
    let at = Ipv6Addr::LOCALHOST.into();
    let (_harbor, front) = fronted_at(at, authority.server(DOMAIN)).await;
    let config = config(front.address.port())
        .ip(front.address.ip())
        .ca_bundle(authority.bundle(), CaMode::Replace);
    for access in everything(config).await {
        assert_eq!(access.dial, Some(at));
        assert_eq!(puller::pull(&access).await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn an_override_changes_no_port_and_no_protocol() {
    let harbor = harbor().await;
    let plain = config(harbor.address().port())
        .protocol(Protocol::Http)
        .ip(harbor.address().ip());
    let by_token = everything(plain.clone()).await.remove(1);
    assert_eq!(by_token.port, harbor.address().port());
    assert_eq!(puller::pull(&by_token).await.unwrap().status(), 200);
    // Nothing listens on the protocol's own port of another loopback address.
    let elsewhere = plain.ip([127, 0, 0, 77].into());
    let error = failure(elsewhere, &ConnectContext::new()).await;
    assert_eq!(error.code(), ErrorCode::NetworkConnectError);
}
