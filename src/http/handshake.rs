//! What a TLS handshake tells of itself: when it begins, and which certificate was refused.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, Error, NamedGroup, SignatureScheme,
    client::{
        ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue,
        Tls13ClientSessionValue,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::{certificate, connecting};

/// Whose word is taken for a certificate.
#[derive(Debug)]
pub(super) enum Trust {
    Authorities(Arc<dyn ServerCertVerifier>),
    Nobody,
    Anybody,
}

/// Judges certificates, and tells the connection which one was refused.
#[derive(Debug)]
pub(super) struct Judge {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

impl Judge {
    pub(super) fn new(trust: Trust, provider: &Arc<CryptoProvider>) -> Self {
        Self {
            trust,
            provider: Arc::clone(provider),
        }
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = match &self.trust {
            Trust::Authorities(trust) => {
                trust.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            Trust::Nobody => Err(CertificateError::UnknownIssuer.into()),
            Trust::Anybody => Ok(ServerCertVerified::assertion()),
        };
        verdict.inspect_err(|_| {
            if let Some(certificate) = certificate::read(end_entity) {
                connecting::refused(certificate);
            }
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if let Trust::Anybody = self.trust {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if let Trust::Anybody = self.trust {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// As many sessions as rustls itself keeps.
const SESSIONS: usize = 256;

/// Kept sessions. They are asked for as the first thing of a handshake, when its connection stands.
#[derive(Debug)]
pub(super) struct Sessions(ClientSessionMemoryCache);

impl Default for Sessions {
    fn default() -> Self {
        Self(ClientSessionMemoryCache::new(SESSIONS))
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(server_name, group);
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        connecting::encrypting();
        self.0.kx_hint(server_name)
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.set_tls12_session(server_name, value);
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.tls12_session(server_name)
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        self.0.remove_tls12_session(server_name);
    }

    fn insert_tls13_ticket(
        &self,
        server_name: ServerName<'static>,
        value: Tls13ClientSessionValue,
    ) {
        self.0.insert_tls13_ticket(server_name, value);
    }

    fn take_tls13_ticket(
        &self,
        server_name: &ServerName<'static>,
    ) -> Option<Tls13ClientSessionValue> {
        connecting::encrypting();
        self.0.take_tls13_ticket(server_name)
    }
}
