//! A company's own authority, and what it certifies.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use registry_intake::config::{Pem, Secret};
use tokio_rustls::rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};

pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pub(super) pem: String,
}

/// A certificate and its key, as PEM.
pub(super) struct Identity {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Identity {
    pub(super) fn certificate(&self) -> Pem {
        Pem::new(&self.certificate)
    }

    pub(super) fn key(&self) -> Secret {
        Secret::new(&self.key)
    }
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = "A company's own authority";
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            der: certificate.der().clone(),
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    pub(super) fn bundle(&self) -> Pem {
        Pem::new(&self.pem)
    }

    fn issue(
        &self,
        name: &str,
        usage: ExtendedKeyUsagePurpose,
    ) -> (CertificateDer<'static>, String, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.extended_key_usages.push(usage);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.der().clone(), certificate.pem(), key)
    }

    /// A server of this name.
    pub(super) fn server(&self, name: &str) -> ServerConfig {
        self.server_speaking(
            name,
            &[
                &tokio_rustls::rustls::version::TLS12,
                &tokio_rustls::rustls::version::TLS13,
            ],
        )
    }

    pub(super) fn server_speaking(
        &self,
        name: &str,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ServerConfig {
        let (certificate, _, key) = self.issue(name, ExtendedKeyUsagePurpose::ServerAuth);
        ServerConfig::builder_with_protocol_versions(versions)
            .with_no_client_auth()
            .with_single_cert(vec![certificate], der(&key))
            .unwrap()
    }

    /// A server of this name that lets in only who shows a certificate of this authority.
    pub(super) fn closed_server(&self, name: &str) -> ServerConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots))
            .build()
            .unwrap();
        let (certificate, _, key) = self.issue(name, ExtendedKeyUsagePurpose::ServerAuth);
        ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate], der(&key))
            .unwrap()
    }

    pub(super) fn client(&self) -> Identity {
        let (_, certificate, key) = self.issue("scanner", ExtendedKeyUsagePurpose::ClientAuth);
        Identity {
            certificate,
            key: key.serialize_pem(),
        }
    }
}

fn der(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::try_from(key.serialize_der()).unwrap()
}
