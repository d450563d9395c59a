//! Whom a connection trusts, and how it shows who it is.

use reqwest::{Certificate, ClientBuilder, Identity, tls::Version};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use secrecy::ExposeSecret;

use super::material::{Material, Unusable};
use crate::config::{CaMode, TlsSettings, TlsVersion};

const CA_BUNDLE: &str = "tls.ca_bundle";
const CERTIFICATE: &str = "tls.client_certificate";
const KEY: &str = "tls.client_key";

/// Finishes a client as the settings say. Every part is tried before, so that what is wrong is known by
/// its field.
pub(super) fn build(
    builder: impl Fn() -> ClientBuilder,
    settings: &TlsSettings,
    material: &Material,
) -> Result<reqwest::Client, Unusable> {
    let authorities = match &material.ca_bundle {
        Some(bundle) => authorities(bundle)?,
        None => Vec::new(),
    };
    let identity = identity(material)?;
    let builder = || {
        let builder = builder()
            .tls_version_min(match settings.min_version {
                TlsVersion::Tls12 => Version::TLS_1_2,
                TlsVersion::Tls13 => Version::TLS_1_3,
            })
            .tls_danger_accept_invalid_certs(settings.insecure);
        match &identity {
            Some(identity) => builder.identity(identity.clone()),
            None => builder,
        }
    };
    let built = match settings.ca_mode {
        // A machine that has none of its own still speaks http, and trusts the further ones alone.
        CaMode::Add => builder()
            .tls_certs_merge(authorities.clone())
            .build()
            .or_else(|_| builder().tls_certs_only(authorities).build()),
        CaMode::Replace => builder().tls_certs_only(authorities).build(),
    };
    let field = if identity.is_some() { KEY } else { CA_BUNDLE };
    built.map_err(|error| Unusable::new(field, error))
}

fn authorities(bundle: &str) -> Result<Vec<Certificate>, Unusable> {
    let unfit = |number: usize, source: rustls::Error| {
        Unusable::new(CA_BUNDLE, UnfitCertificate { number, source })
    };
    let mut store = RootCertStore::empty();
    let mut authorities = Vec::new();
    for (index, der) in certificates(CA_BUNDLE, bundle)?.into_iter().enumerate() {
        let certificate = Certificate::from_der(&der);
        store.add(der).map_err(|error| unfit(index + 1, error))?;
        authorities.push(certificate.map_err(|error| Unusable::new(CA_BUNDLE, error))?);
    }
    Ok(authorities)
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

fn identity(material: &Material) -> Result<Option<Identity>, Unusable> {
    let (Some(certificate), Some(key)) = (&material.certificate, &material.key) else {
        return Ok(None);
    };
    certificates(CERTIFICATE, certificate)?;
    let key = key.expose_secret();
    // What the library says may hold a piece of the key.
    PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| Unusable::new(KEY, NoKey))?;
    let identity = Identity::from_pem(format!("{key}\n{certificate}\n").as_bytes())
        .map_err(|_| Unusable::new(CERTIFICATE, NoPem))?;
    Ok(Some(identity))
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
