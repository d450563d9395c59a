use std::{error::Error, io};

use super::{
    connecting::Attempt,
    resolve::{Refused, Unresolved},
};
use crate::error::{
    ErrorContext, IntegrationError, NetworkPhase, SourceAddresses, TlsFault, Violation,
};

/// Names a failed exchange by the causes that the transport gives for it.
pub(super) fn classify(error: reqwest::Error, context: ErrorContext) -> IntegrationError {
    // The address may hold a query with a secret.
    let error = error.without_url();
    let context = Box::new(context);
    if let Some(&Refused { address, rule }) = cause(&error) {
        return IntegrationError::AddressRefused {
            context,
            address,
            rule,
        };
    }
    if let Some(fault) = tls_fault(&error) {
        return IntegrationError::TlsVerificationFailed {
            context,
            fault,
            certificate: None,
            source: Some(Box::new(error)),
        };
    }
    if cause::<hyper::Error>(&error).is_some_and(hyper::Error::is_parse) {
        return IntegrationError::RegistryTypeError { context };
    }
    match phase(&error) {
        Some(phase) => IntegrationError::NetworkConnectError {
            context,
            phase,
            sources: None,
            source: Some(Box::new(error)),
        },
        None => IntegrationError::ProtocolViolation {
            context,
            violation: Violation::Body,
            source: Some(Box::new(error)),
        },
    }
}

/// What the transport says where a proxy lets nobody in by the account that it was given: of HTTP, and
/// of SOCKS with an account and without one.
const REFUSALS_BY_PROXY: [&str; 4] = [
    "proxy authorization required",
    "credentials not accepted",
    "server does not support user/pass authentication",
    "server implements authentication incorrectly",
];

/// Whether a proxy opened no tunnel for want of an account. The transport tells it by its words alone.
pub(super) fn is_refused_by_proxy(error: &reqwest::Error) -> bool {
    let is_refusal = |words: &str| REFUSALS_BY_PROXY.iter().any(|known| words.ends_with(known));
    error.is_connect() && causes(error).any(|cause| is_refusal(&cause.to_string()))
}

/// The error with what the attempt to connect has seen: how far it came, which certificate was refused,
/// and what must be let in where nobody answered.
pub(super) fn explained(
    mut error: IntegrationError,
    attempt: &Attempt,
    known: Option<&SourceAddresses>,
) -> IntegrationError {
    match &mut error {
        IntegrationError::NetworkConnectError { phase, sources, .. }
            if *phase == NetworkPhase::ConnectTimeout =>
        {
            if attempt.is_encrypting() {
                *phase = NetworkPhase::HandshakeTimeout;
            } else {
                *sources = known.cloned().map(Box::new);
            }
        }
        IntegrationError::TlsVerificationFailed { certificate, .. } => {
            *certificate = attempt.refused_certificate().map(Box::new);
        }
        _ => {}
    }
    error
}

/// How far the connection came, or `None` where it did all it should and the body is broken in
/// itself.
fn phase(error: &reqwest::Error) -> Option<NetworkPhase> {
    if cause::<Unresolved>(error).is_some() {
        return Some(NetworkPhase::Dns);
    }
    if error.is_timeout() {
        return Some(if error.is_connect() {
            NetworkPhase::ConnectTimeout
        } else {
            NetworkPhase::ResponseTimeout
        });
    }
    if error.is_connect() {
        // The TLS layer wraps what the system said once more, as `Other`.
        let kind = causes(error)
            .filter_map(|cause| cause.downcast_ref().map(io::Error::kind))
            .find(|kind| *kind != io::ErrorKind::Other);
        return Some(kind.map_or(NetworkPhase::Unreachable, connect_phase));
    }
    let broken_in_itself = error.is_decode() && cause::<hyper::Error>(error).is_none();
    (!broken_in_itself).then_some(NetworkPhase::Interrupted)
}

const fn connect_phase(kind: io::ErrorKind) -> NetworkPhase {
    match kind {
        io::ErrorKind::ConnectionRefused => NetworkPhase::Refused,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => NetworkPhase::Interrupted,
        _ => NetworkPhase::Unreachable,
    }
}

#[cfg(feature = "rustls")]
fn tls_fault(error: &reqwest::Error) -> Option<TlsFault> {
    use rustls::{CertificateError, Error};

    Some(match cause(error)? {
        Error::InvalidCertificate(fault) => match fault {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsFault::WrongName
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => TlsFault::Expired,
            // Whatever else is wrong with a certificate, nobody trusted vouches for it.
            _ => TlsFault::UntrustedIssuer,
        },
        _ => TlsFault::Handshake,
    })
}

#[cfg(not(feature = "rustls"))]
const fn tls_fault(_: &reqwest::Error) -> Option<TlsFault> {
    None
}

/// The first cause of that type.
fn cause<T: Error + 'static>(error: &reqwest::Error) -> Option<&T> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// The error and what it came from. An `io::Error` does not count the error that it wraps among
/// its sources, only what comes after it.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    std::iter::from_fn(move || {
        let cause = next?;
        next = match cause.downcast_ref().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        };
        Some(cause)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_of_a_connection_attempt_has_a_phase() {
        for (kind, phase) in [
            (io::ErrorKind::ConnectionRefused, NetworkPhase::Refused),
            (io::ErrorKind::HostUnreachable, NetworkPhase::Unreachable),
            (io::ErrorKind::NetworkUnreachable, NetworkPhase::Unreachable),
            (io::ErrorKind::AddrNotAvailable, NetworkPhase::Unreachable),
            (io::ErrorKind::PermissionDenied, NetworkPhase::Unreachable),
            (io::ErrorKind::ConnectionReset, NetworkPhase::Interrupted),
            (io::ErrorKind::UnexpectedEof, NetworkPhase::Interrupted),
        ] {
            assert_eq!(connect_phase(kind), phase, "{kind}");
        }
    }
}
