//! Whom an integration trusts, and how it shows who it is.

use registry_intake::{
    config::{CaMode, ConfigWarning, IntegrationConfigBuilder, Pem, Secret, TlsVersion},
    connector::{ConnectContext, Warning, connect_within},
    error::{IntegrationError, TlsFault},
};
use tokio_rustls::rustls::version::TLS12;

use super::{
    DOMAIN,
    authority::{Authority, Identity},
    config, everything, failure,
    front::Front,
    fronted, listed, puller,
};

fn reaching(front: &Front) -> IntegrationConfigBuilder {
    config(front.address.port()).ip(front.address.ip())
}

async fn fault(config: IntegrationConfigBuilder) -> TlsFault {
    match failure(config, &ConnectContext::new()).await {
        IntegrationError::TlsVerificationFailed { fault, .. } => fault,
        other => panic!("{other:?}"),
    }
}

async fn field(config: IntegrationConfigBuilder) -> &'static str {
    match failure(config, &ConnectContext::new()).await {
        IntegrationError::ConfigInvalid { field, .. } => field,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_own_authority_is_trusted_by_verify_listing_and_the_scanner_alike() {
    let authority = Authority::new();
    let (_harbor, front) = fronted(authority.server(DOMAIN)).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &authority.pem).unwrap();
    for bundle in [authority.bundle(), Pem::file(file.path())] {
        for mode in [CaMode::Add, CaMode::Replace] {
            for access in everything(reaching(&front).ca_bundle(bundle.clone(), mode)).await {
                assert_eq!(puller::pull(&access).await.unwrap().status(), 200);
            }
        }
    }
    assert!(front.names().iter().all(|name| name == DOMAIN));
    assert_eq!(fault(reaching(&front)).await, TlsFault::UntrustedIssuer);
    let stranger = Authority::new().bundle();
    for mode in [CaMode::Add, CaMode::Replace] {
        let config = reaching(&front).ca_bundle(stranger.clone(), mode);
        assert_eq!(fault(config).await, TlsFault::UntrustedIssuer);
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_whatever_is_dialled() {
    let authority = Authority::new();
    let (_harbor, front) = fronted(authority.server("other.example.com")).await;
    let config = reaching(&front).ca_bundle(authority.bundle(), CaMode::Add);
    assert_eq!(fault(config).await, TlsFault::WrongName);
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_the_server_asks_for_one() {
    let authority = Authority::new();
    let (_harbor, front) = fronted(authority.closed_server(DOMAIN)).await;
    let trusting = || reaching(&front).ca_bundle(authority.bundle(), CaMode::Replace);
    let own = authority.client();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    std::fs::write(&certificate, &own.certificate).unwrap();
    std::fs::write(&key, &own.key).unwrap();
    for identified in [
        trusting().client_identity(own.certificate(), own.key()),
        trusting().client_identity(Pem::file(&certificate), Secret::file(&key)),
    ] {
        for access in everything(identified).await {
            assert_eq!(puller::pull(&access).await.unwrap().status(), 200);
            assert!(!format!("{access:?}").contains("PRIVATE"));
        }
    }
    let seen = front.names().len();
    assert!(seen > 0);
    let stranger = Authority::new().client();
    for refused in [
        trusting(),
        trusting().client_identity(stranger.certificate(), stranger.key()),
    ] {
        let error = failure(refused, &ConnectContext::new()).await;
        let is_told = matches!(
            error,
            IntegrationError::TlsVerificationFailed {
                fault: TlsFault::Handshake,
                ..
            } | IntegrationError::NetworkConnectError { .. }
        );
        assert!(is_told, "{error:?}");
    }
    assert_eq!(front.names().len(), seen);
}

#[tokio::test]
async fn a_server_that_speaks_too_old_a_version_is_refused() {
    let authority = Authority::new();
    let (_harbor, front) = fronted(authority.server_speaking(DOMAIN, &[&TLS12])).await;
    let trusting = || reaching(&front).ca_bundle(authority.bundle(), CaMode::Replace);
    everything(trusting()).await;
    let strict = trusting().min_tls_version(TlsVersion::Tls13);
    assert_eq!(fault(strict).await, TlsFault::Handshake);
}

#[tokio::test]
async fn the_insecure_mode_takes_any_certificate_and_says_so_in_every_report() {
    let authority = Authority::new();
    let (_harbor, front) = fronted(authority.server("other.example.com")).await;
    let insecure = || reaching(&front).insecure(true);
    for access in everything(insecure()).await {
        assert!(access.tls.insecure);
        assert_eq!(puller::pull(&access).await.unwrap().status(), 200);
    }
    let config = insecure().build().unwrap();
    assert!(config.warnings().contains(&ConfigWarning::TlsInsecure));
    let connector = connect_within(&config, &ConnectContext::new()).unwrap();
    let report = connector.verify().await;
    let warning = Warning::Config(ConfigWarning::TlsInsecure);
    assert!(report.warnings.contains(&warning));
    assert_eq!(warning.code(), "tls_insecure");
}

#[tokio::test]
async fn what_cannot_be_used_is_told_by_its_field_before_anything_is_dialled() {
    let (authority, own) = (Authority::new(), Authority::new().client());
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let broken = "-----BEGIN CERTIFICATE-----\n????\n";
    let bundle = |pem: Pem| config(443).ca_bundle(pem, CaMode::Add);
    for pem in [
        Pem::file("/nowhere/ca.pem"),
        Pem::env("REGISTRY_INTAKE_NOT_SET"),
        Pem::new(garbage),
        Pem::new(broken),
    ] {
        assert_eq!(field(bundle(pem)).await, "tls.ca_bundle");
    }
    let identified = |certificate, key| {
        config(443)
            .ca_bundle(authority.bundle(), CaMode::Add)
            .client_identity(certificate, key)
    };
    let nowhere = identified(Pem::file("/nowhere/tls.crt"), own.key());
    assert_eq!(field(nowhere).await, "tls.client_certificate");
    let broken_key = Secret::new("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    for key in [
        Secret::file("/nowhere/tls.key"),
        Secret::new("-----BEGIN "),
        broken_key,
        // Another one's key.
        Authority::new().client().key(),
    ] {
        assert_eq!(
            field(identified(own.certificate(), key)).await,
            "tls.client_key"
        );
    }
}

#[tokio::test]
async fn a_bundle_that_is_written_anew_is_read_again() {
    use std::{sync::Arc, time::Duration};

    use registry_intake::clock::{ManualClock, Timestamp};

    let (old, new) = (Authority::new(), Authority::new());
    let (_harbor, front) = fronted(new.server(DOMAIN)).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &old.pem).unwrap();
    let clock = ManualClock::jumping_at(Timestamp::UNIX_EPOCH);
    let config = reaching(&front).ca_bundle(Pem::file(file.path()), CaMode::Replace);
    let context = ConnectContext::with_clock(Arc::new(clock.clone()));
    let connector = connect_within(&config.build().unwrap(), &context).unwrap();
    assert!(listed(&connector).await.is_err());
    std::fs::write(file.path(), &new.pem).unwrap();
    clock.advance(Duration::from_secs(61));
    assert!(!listed(&connector).await.unwrap().is_empty());
    // In the middle of being written: what was valid serves on.
    std::fs::write(file.path(), "-----BEGIN CERT").unwrap();
    clock.advance(Duration::from_secs(61));
    assert!(!listed(&connector).await.unwrap().is_empty());
}

#[test]
fn no_debug_shows_a_key() {
    let Identity { certificate, key } = Authority::new().client();
    let config = config(443)
        .client_identity(Pem::new(&certificate), Secret::new(&key))
        .proxy("http://proxy.example.com:3128")
        .proxy_account("scanner", Secret::new("hunter2hunter2"))
        .build()
        .unwrap();
    let shown = format!("{config:?} {config:#?} {:?}", config.to_builder());
    let secret_line = key.lines().nth(1).unwrap();
    assert!(
        !shown.contains(secret_line) && !shown.contains("hunter2"),
        "{shown}"
    );
}
