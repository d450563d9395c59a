//! A hostile server costs bounded time, memory and requests, and is told by a typed error.
//!
//! The memory is bounded by what is read: bytes are counted as the server could send them before the
//! client hung up, and what is kept of a body is at most the limit that the error names.

mod front;

use std::{net::SocketAddr, time::Duration};

use registry_intake::{
    clock::Clock,
    config::IntegrationConfigBuilder,
    conformance::{Observation, observe},
    connector::connect_with_clock,
    error::{ErrorCode, IntegrationError, Violation},
    simulator::{AcrEnterprise, AcrPersonal, HarborV1, HarborV2, Quay},
};
use std::sync::Arc;
use tokio::net::TcpListener;

use self::front::{Front, Hostility};
use crate::{acr, harbor_v1, harbor_v2, quay};

/// Of what is read of a page.
const LIMIT: usize = 1 << 20;

/// What the two ends of a loopback connection may hold between them beyond what was read.
const IN_SOCKETS: u64 = 16 << 20;

/// Far more than any of it takes, so that what does not end fails.
const PATIENCE: Duration = Duration::from_secs(120);

const ALL: [Hostility; 13] = [
    Hostility::DrippingHead,
    Hostility::DrippingBody,
    Hostility::EndlessHeaders,
    Hostility::EndlessHeader,
    Hostility::EndlessInterim,
    Hostility::EndlessBody,
    Hostility::EndlessErrorBody,
    Hostility::EndlessChunkExtension,
    Hostility::GzipBomb,
    Hostility::RedirectToItself,
    Hostility::RedirectsOnAndOn,
    Hostility::ForeignRedirect,
    Hostility::ForeignLink,
];

/// What an answer like this is called, at the registry's first word and in the middle of a listing.
const fn codes(hostility: Hostility) -> &'static [ErrorCode] {
    match hostility {
        Hostility::DrippingHead | Hostility::DrippingBody | Hostility::EndlessInterim => {
            &[ErrorCode::NetworkConnectError]
        }
        Hostility::EndlessHeaders | Hostility::EndlessHeader => &[ErrorCode::RegistryTypeError],
        // On a machine under load the time may be over before the limit is reached.
        Hostility::EndlessBody | Hostility::GzipBomb => {
            &[ErrorCode::ProtocolViolation, ErrorCode::NetworkConnectError]
        }
        Hostility::EndlessChunkExtension => &[
            ErrorCode::NetworkConnectError,
            ErrorCode::ProtocolViolation,
            ErrorCode::RegistryTypeError,
        ],
        Hostility::EndlessErrorBody => &[
            ErrorCode::ProtocolViolation,
            ErrorCode::RegistryTypeError,
            ErrorCode::UserDoesNotHaveAdminRole,
            ErrorCode::TokenScopeMissing,
        ],
        Hostility::RedirectToItself | Hostility::RedirectsOnAndOn | Hostility::ForeignRedirect => {
            &[
                ErrorCode::ProtocolViolation,
                ErrorCode::ConfigInvalid,
                ErrorCode::RegistryTypeError,
            ]
        }
        Hostility::ForeignLink => &[],
    }
}

/// A simulated registry, how it is integrated, and the path of its pages.
struct Registry {
    behind: SocketAddr,
    config: IntegrationConfigBuilder,
    clock: Arc<dyn Clock>,
    pages: &'static str,
    images: usize,
    at: At,
    _simulator: Box<dyn std::any::Any + Send + Sync>,
}

/// How an integration is led to an address.
type At = fn(IntegrationConfigBuilder, SocketAddr) -> IntegrationConfigBuilder;

const BY_DOMAIN: At = |config, address| {
    let config = config.domain(address.ip().to_string());
    config.port(address.port())
};

const BY_ENDPOINT: At = |config, address| config.api_endpoint(format!("http://{address}"));

async fn harbor_v2() -> Registry {
    let (harbor, clock) = harbor_v2::start(HarborV2::builder()).await;
    Registry {
        behind: harbor.address(),
        config: harbor_v2::as_admin(&harbor),
        clock,
        pages: "/projects/2/artifacts",
        images: harbor_v2::shown(harbor.listed()).len(),
        at: BY_DOMAIN,
        _simulator: Box::new(harbor),
    }
}

async fn quay() -> Registry {
    let (quay, clock) = quay::start(Quay::builder()).await;
    let organizations = quay.organizations();
    Registry {
        behind: quay.address(),
        config: quay::as_owner(&quay),
        clock,
        pages: "/acme/api/tag/",
        images: quay::shown(&quay, &organizations).len(),
        at: BY_DOMAIN,
        _simulator: Box::new(quay),
    }
}

async fn harbor_v1() -> Registry {
    let (harbor, clock) = harbor_v1::start(HarborV1::builder()).await;
    Registry {
        behind: harbor.address(),
        config: harbor_v1::as_admin(&harbor),
        clock,
        pages: "/payments/api/tags",
        images: 0,
        at: BY_DOMAIN,
        _simulator: Box::new(harbor),
    }
}

async fn acr_enterprise() -> Registry {
    let (acr, clock) = acr::enterprise(AcrEnterprise::builder()).await;
    Registry {
        behind: acr.address(),
        config: acr::of_enterprise(&acr),
        clock,
        pages: "RepoId=",
        images: acr::shown(acr.listed()).len(),
        at: BY_ENDPOINT,
        _simulator: Box::new(acr),
    }
}

async fn acr_personal() -> Registry {
    let (acr, clock) = acr::personal(AcrPersonal::builder()).await;
    Registry {
        behind: acr.address(),
        config: acr::of_personal(&acr),
        clock,
        pages: "/tags?",
        images: acr::shown(acr.listed()).len(),
        at: BY_ENDPOINT,
        _simulator: Box::new(acr),
    }
}

/// Somebody else's server, which nobody may ask.
async fn elsewhere() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn was_asked(listener: &TcpListener) -> bool {
    let moment = Duration::from_millis(20);
    tokio::time::timeout(moment, listener.accept())
        .await
        .is_ok()
}

fn through(registry: &Registry, front: &Front) -> IntegrationConfigBuilder {
    (registry.at)(registry.config.clone(), front.address)
        .connect_timeout(Duration::from_millis(200))
        .read_timeout(Duration::from_millis(250))
        .page_limit(LIMIT)
}

fn bounded(front: &Front, case: &str) {
    let most = LIMIT as u64 + IN_SOCKETS;
    assert!(front.most_sent() <= most, "{case}: {}", front.most_sent());
}

fn told(hostility: Hostility, error: &IntegrationError, case: &str) {
    assert!(codes(hostility).contains(&error.code()), "{case}: {error}");
    if let (
        Hostility::GzipBomb | Hostility::EndlessBody,
        IntegrationError::ProtocolViolation { violation, .. },
    ) = (hostility, error)
    {
        let limit = LIMIT as u64;
        assert_eq!(*violation, Violation::TooLarge { limit }, "{case}");
    }
}

/// The verification meets it at the first word of the registry.
async fn verifies_within_bounds(start: impl AsyncFn() -> Registry) {
    for hostility in ALL {
        if hostility == Hostility::ForeignLink {
            continue;
        }
        let registry = start().await;
        let (listener, elsewhere) = elsewhere().await;
        let front = Front::start(registry.behind, "/", hostility, elsewhere).await;
        let case = format!("{hostility:?}");
        let config = through(&registry, &front).build().unwrap();
        let connector = connect_with_clock(&config, Arc::clone(&registry.clock)).unwrap();
        let verified = tokio::time::timeout(PATIENCE, connector.verify()).await;
        let report = verified.unwrap_or_else(|_| panic!("{case}: no end"));
        let error = report.failure().unwrap_or_else(|| panic!("{case}: passed"));
        told(hostility, error, &case);
        drop(connector);
        bounded(&front, &case);
        assert!(front.asked() <= 12, "{case}: {} requests", front.asked());
        assert!(!was_asked(&listener).await, "{case}");
    }
}

/// A listing meets it in the pages of a scope.
async fn lists_within_bounds(start: impl AsyncFn() -> Registry) {
    for hostility in ALL {
        let registry = start().await;
        let (listener, elsewhere) = elsewhere().await;
        let front = Front::start(registry.behind, registry.pages, hostility, elsewhere).await;
        let case = format!("{hostility:?}");
        let config = through(&registry, &front).build().unwrap();
        let connector = connect_with_clock(&config, Arc::clone(&registry.clock)).unwrap();
        let seen = tokio::time::timeout(PATIENCE, observe(connector)).await;
        let seen = seen.unwrap_or_else(|_| panic!("{case}: no end"));
        assert!(front.asked() > 0, "{case}: nobody came by");
        if hostility == Hostility::ForeignLink {
            // The link may say that there is more; where, is known without it.
            if seen.is_complete() && registry.images > 0 {
                assert_eq!(seen.images.len(), registry.images, "{case}");
            }
        } else {
            assert!(!seen.is_complete(), "{case}");
            let errors = errors(&seen);
            assert!(!errors.is_empty(), "{case}");
            for error in errors {
                told(hostility, error, &case);
            }
        }
        bounded(&front, &case);
        assert!(seen.requests < 400, "{case}: {} requests", seen.requests);
        assert!(!was_asked(&listener).await, "{case}");
    }
}

fn errors(seen: &Observation) -> Vec<&IntegrationError> {
    let skipped = seen.skipped.iter().map(|(_, error)| error);
    skipped.chain(seen.end.as_ref().err()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_of_a_hostile_harbor_v2_is_bounded_and_typed() {
    verifies_within_bounds(harbor_v2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_of_a_hostile_quay_is_bounded_and_typed() {
    verifies_within_bounds(quay).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_of_a_hostile_harbor_v1_is_bounded_and_typed() {
    verifies_within_bounds(harbor_v1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_of_a_hostile_harbor_v2_is_bounded_and_typed() {
    lists_within_bounds(harbor_v2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_of_a_hostile_quay_is_bounded_and_typed() {
    lists_within_bounds(quay).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_of_a_hostile_harbor_v1_is_bounded_and_typed() {
    lists_within_bounds(harbor_v1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_of_a_hostile_acr_is_bounded_and_typed() {
    verifies_within_bounds(acr_enterprise).await;
    verifies_within_bounds(acr_personal).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_of_a_hostile_acr_is_bounded_and_typed() {
    lists_within_bounds(acr_enterprise).await;
    lists_within_bounds(acr_personal).await;
}
