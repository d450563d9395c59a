//! Whom a connection trusts, and how it shows who it is.

use std::sync::Arc;

use reqwest::ClientBuilder;
use rustls::{
    ClientConfig, RootCertStore,
    client::{Resumption, WebPkiServerVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::{TLS12, TLS13},
};
use rustls_platform_verifier::Verifier;
use secrecy::ExposeSecret;

use super::{
    handshake::{Judge, Sessions, Trust},
    material::{Material, Unusable},
};
use crate::config::{CaMode, TlsSettings, TlsVersion};

const CA_BUNDLE: &str = "tls.ca_bundle";
const CERTIFICATE: &str = "tls.client_certificate";
const KEY: &str = "tls.client_key";

/// Finishes a client as the settings say. What is wrong is known by its field.
///
/// TLS is made here and not by the transport, so that a connection says when its handshake begins and
/// which certificate was refused, without a second connection to look.
pub(super) fn build(
    builder: impl Fn() -> ClientBuilder,
    settings: &TlsSettings,
    material: &Material,
) -> Result<reqwest::Client, Unusable> {
    let config = config(settings, material)?;
    builder()
        .tls_backend_preconfigured(config)
        .build()
        .map_err(|error| Unusable::new("tls", error))
}

fn config(settings: &TlsSettings, material: &Material) -> Result<ClientConfig, Unusable> {
    let provider = CryptoProvider::get_default()
        .map_or_else(|| Arc::new(aws_lc_rs::default_provider()), Arc::clone);
    let versions: &[_] = match settings.min_version {
        TlsVersion::Tls12 => &[&TLS13, &TLS12],
        TlsVersion::Tls13 => &[&TLS13],
    };
    let verifier = Judge::new(trust(settings, material, &provider)?, &provider);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| Unusable::new("tls.min_version", error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match identity(material)? {
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| Unusable::new(KEY, error))?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::store(Arc::new(Sessions::default()));
    Ok(config)
}

/// A machine that has no certificates of its own still speaks http, and trusts the further ones alone.
fn trust(
    settings: &TlsSettings,
    material: &Material,
    provider: &Arc<CryptoProvider>,
) -> Result<Trust, Unusable> {
    if settings.insecure {
        return Ok(Trust::Anybody);
    }
    let authorities = match &material.ca_bundle {
        Some(bundle) => authorities(bundle)?,
        None => RootCertStore::empty(),
    };
    if settings.ca_mode == CaMode::Add {
        let further = match &material.ca_bundle {
            Some(bundle) => certificates(CA_BUNDLE, bundle)?,
            None => Vec::new(),
        };
        if let Ok(verifier) = Verifier::new_with_extra_roots(further, Arc::clone(provider)) {
            return Ok(Trust::Authorities(Arc::new(verifier)));
        }
    }
    if authorities.is_empty() {
        return Ok(Trust::Nobody);
    }
    let provider = Arc::clone(provider);
    WebPkiServerVerifier::builder_with_provider(Arc::new(authorities), provider)
        .build()
        .map(|verifier| Trust::Authorities(verifier))
        .map_err(|error| Unusable::new(CA_BUNDLE, error))
}

fn authorities(bundle: &str) -> Result<RootCertStore, Unusable> {
    let mut store = RootCertStore::empty();
    for (index, der) in certificates(CA_BUNDLE, bundle)?.into_iter().enumerate() {
        store.add(der).map_err(|source| {
            let number = index + 1;
            Unusable::new(CA_BUNDLE, UnfitCertificate { number, source })
        })?;
    }
    Ok(store)
}

/// The certificates of a text, at least one.
fn certificates(field: &'static str, text: &str) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let certificates = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| Unusable::new(field, NoPem))?;
    if certificates.is_empty() {
        return Err(Unusable::new(field, NoPem));
    }
    Ok(certificates)
}

/// A certificate with those between it and its authority, and its key.
type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(material: &Material) -> Result<Option<Identity>, Unusable> {
    let (Some(certificate), Some(key)) = (&material.certificate, &material.key) else {
        return Ok(None);
    };
    let chain = certificates(CERTIFICATE, certificate)?;
    // What the library says may hold a piece of the key.
    let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes())
        .map_err(|_| Unusable::new(KEY, NoKey))?;
    Ok(Some((chain, key)))
}

#[derive(Debug, thiserror::Error)]
#[error("no certificate in PEM stands there")]
struct NoPem;

#[derive(Debug, thiserror::Error)]
#[error("no private key in PEM stands there")]
struct NoKey;

#[derive(Debug, thiserror::Error)]
#[error("certificate number {number} cannot be read")]
struct UnfitCertificate {
    number: usize,
    source: rustls::Error,
}
