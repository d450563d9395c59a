use std::{error::Error, net::IpAddr, time::Duration};

use super::{
    AccountKind, ErrorCode, ErrorContext, Incompleteness, Language, NetworkPhase,
    PresentedCertificate, RefusedAddress, SourceAddresses, TlsFault, Unsupported, Violation,
};
use crate::image::{Reference, RepositoryName};

/// A cause of any type, kept as an error's source.
pub type BoxError = Box<dyn Error + Send + Sync + 'static>;

/// What a registry integration can do wrong.
///
/// Codes and meanings of the first four variants are those of the product documents. No variant
/// holds a secret, and none repeats its source in its own text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IntegrationError {
    /// The registry refused the user name and password.
    #[error("user name or password refused ({context})")]
    FailedToVerifyUsernameOrPwd {
        /// Where it happened.
        context: Box<ErrorContext>,
        /// What the registry said of it, in its own words.
        source: Option<BoxError>,
    },
    /// The registry's version is not the configured one.
    #[error("version {configured} is configured, but the registry is {} ({context})", .found.escape_debug())]
    RegistryVersionError {
        /// Where it happened.
        context: Box<ErrorContext>,
        /// The configured version: `V1` or `V2`.
        configured: &'static str,
        /// What the registry says of itself.
        found: String,
    },
    /// The account is valid, but is no administrator.
    #[error("the account is valid but is {account} without administrator rights ({context})")]
    UserDoesNotHaveAdminRole {
        /// Where it happened.
        context: Box<ErrorContext>,
        /// A user, or a robot.
        account: AccountKind,
    },
    /// The registry was not reached, or the connection broke.
    #[error("{phase} ({context})")]
    NetworkConnectError {
        /// Where it happened.
        context: Box<ErrorContext>,
        /// How far the connection came.
        phase: NetworkPhase,
        /// What must be let in, where nobody answered the attempt to connect.
        sources: Option<Box<SourceAddresses>>,
        /// What the system said.
        source: Option<BoxError>,
    },
    /// The configuration does not allow a connection.
    #[error("the configuration's field {field} cannot be used ({context})")]
    ConfigInvalid {
        /// Where it happened.
        context: Box<ErrorContext>,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        source: BoxError,
    },
    /// Another product, or none, answers.
    #[error("what answers is not the configured registry ({context})")]
    RegistryTypeError {
        /// Where it happened.
        context: Box<ErrorContext>,
    },
    /// The server's certificate cannot be trusted.
    #[error("{fault}{} ({context})", told(.certificate))]
    TlsVerificationFailed {
        /// Where it happened.
        context: Box<ErrorContext>,
        /// What is wrong with the certificate.
        fault: TlsFault,
        /// The certificate, where one was shown.
        certificate: Option<Box<PresentedCertificate>>,
        /// What the TLS library said.
        source: Option<BoxError>,
    },
    /// The namespace or organisation does not exist.
    #[error("there is no namespace {namespace:?} ({context})")]
    NamespaceNotFound {
        /// Where it happened.
        context: Box<ErrorContext>,
        /// The name that was asked for.
        namespace: String,
    },
    /// The token lacks a scope.
    #[error("the token lacks the scope {scope} ({context})")]
    TokenScopeMissing {
        /// Where it happened.
        context: Box<ErrorContext>,
        /// The scope.
        scope: &'static str,
    },
    /// The cloud account lacks a permission.
    #[error("the account lacks the permission {action:?} ({context})")]
    RamPermissionDenied {
        /// Where it happened.
        context: Box<ErrorContext>,
        /// The action that must be allowed.
        action: String,
    },
    /// The instance has no VPC access configured.
    #[error("the instance has no access over the VPC configured ({context})")]
    VpcAccessNotConfigured {
        /// Where it happened.
        context: Box<ErrorContext>,
    },
    /// The clocks are too far apart for a signature to hold.
    #[error("this clock and the server's are {skew:?} apart ({context})")]
    ClockSkew {
        /// Where it happened.
        context: Box<ErrorContext>,
        /// How far apart they are.
        skew: Duration,
    },
    /// The region or the edition is not the instance's.
    #[error("the region or edition is not that of the instance ({context})")]
    WrongRegionOrEdition {
        /// Where it happened.
        context: Box<ErrorContext>,
        /// The right one, where it can be known.
        right: Option<String>,
    },
    /// The registry asks for fewer requests, and patience has ended.
    #[error("the registry limits the rate of requests ({context})")]
    RateLimited {
        /// Where it happened.
        context: Box<ErrorContext>,
        /// How long the registry asks to wait.
        retry_after: Option<Duration>,
    },
    /// The registry cannot serve now.
    #[error("the registry is not available ({context})")]
    RegistryUnavailable {
        /// Where it happened.
        context: Box<ErrorContext>,
        /// How long the registry asks to wait.
        retry_after: Option<Duration>,
    },
    /// The address is not dialled, whatever the configuration says.
    #[error("{address} is not dialled: {rule} ({context})")]
    AddressRefused {
        /// Where it happened.
        context: Box<ErrorContext>,
        /// The address.
        address: IpAddr,
        /// The rule that forbids it.
        rule: RefusedAddress,
    },
    /// The registry's answer breaks its own protocol.
    #[error("{violation} ({context})")]
    ProtocolViolation {
        /// Where it happened.
        context: Box<ErrorContext>,
        /// In which way.
        violation: Violation,
        /// What the decoder said.
        source: Option<BoxError>,
    },
    /// The registry's images may be listed, but not scanned.
    #[error("images of this registry are listed but never scanned ({context})")]
    ScanNotSupported {
        /// Where it happened.
        context: Box<ErrorContext>,
    },
    /// The listing cannot be proved complete, so nothing may be concluded from what is absent.
    #[error("the listing is incomplete: {reason} ({context})")]
    IncompleteListing {
        /// Where it happened.
        context: Box<ErrorContext>,
        /// Why.
        reason: Incompleteness,
    },
    /// The repository does not exist, or holds nothing by that tag or digest.
    #[error("there is no {reference} in {repository} ({context})")]
    ImageNotFound {
        /// Where it happened.
        context: Box<ErrorContext>,
        /// The repository.
        repository: RepositoryName,
        /// The tag or digest.
        reference: Reference,
    },
    /// The crate does not do this.
    #[error("not supported: {what} ({context})")]
    NotSupported {
        /// Where it happened.
        context: Box<ErrorContext>,
        /// What is not supported.
        what: Unsupported,
    },
}

fn told(certificate: &Option<Box<PresentedCertificate>>) -> String {
    certificate
        .as_ref()
        .map_or_else(String::new, |certificate| {
            format!(": {}", certificate.told(Language::English))
        })
}

/// Reads the same field of every variant.
macro_rules! context_of {
    ($error:expr, $($variant:ident),+ $(,)?) => {
        match $error {
            $(IntegrationError::$variant { context, .. } => context,)+
        }
    };
}

/// The code of a variant is its name.
macro_rules! code_of {
    ($error:expr, $($variant:ident),+ $(,)?) => {
        match $error {
            $(IntegrationError::$variant { .. } => ErrorCode::$variant,)+
        }
    };
}

macro_rules! with_variants {
    ($callback:ident, $error:expr) => {
        $callback!(
            $error,
            FailedToVerifyUsernameOrPwd,
            RegistryVersionError,
            UserDoesNotHaveAdminRole,
            NetworkConnectError,
            ConfigInvalid,
            RegistryTypeError,
            TlsVerificationFailed,
            NamespaceNotFound,
            TokenScopeMissing,
            RamPermissionDenied,
            VpcAccessNotConfigured,
            ClockSkew,
            WrongRegionOrEdition,
            RateLimited,
            RegistryUnavailable,
            AddressRefused,
            ProtocolViolation,
            ScanNotSupported,
            IncompleteListing,
            ImageNotFound,
            NotSupported,
        )
    };
}

impl IntegrationError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        with_variants!(code_of, self)
    }

    /// Where it happened.
    #[must_use]
    pub fn context(&self) -> &ErrorContext {
        with_variants!(context_of, self)
    }

    /// Whether the same request may succeed later without anybody changing anything.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::NetworkConnectError { .. }
                | Self::RateLimited { .. }
                | Self::RegistryUnavailable { .. }
                | Self::IncompleteListing { .. }
        )
    }

    /// How long the registry asked to wait before the next try.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. }
            | Self::RegistryUnavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
