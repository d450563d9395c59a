use crate::{
    error::{
        AccountKind, IntegrationError, NetworkPhase, RegistryUserMissing, Step, TlsFault, Violation,
    },
    image::RegistryKind,
};

macro_rules! cases {
    ($($(#[$doc:meta])* $case:ident),+ $(,)?) => {
        /// What deserves better advice than its code has.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Case {
            $($(#[$doc])* $case,)+
        }

        impl Case {
            pub(super) const ALL: &[Self] = &[$(Self::$case,)+];
        }
    };
}

cases! {
    /// The account sees names, but not what is behind them.
    SeesNamesAlone,
    /// A robot of Harbor 1.x, which may list nothing.
    RobotOfHarborV1,
    /// A robot where an administrator is asked for.
    Robot,
    /// The AccessKey is good, but the registry has no user for it.
    RegistryUserMissing,
    /// A signed request was changed on its way.
    ChangedOnItsWay,
    /// The token may not pull.
    MayNotPull,
    /// A realm that may not get the credentials.
    ForeignRealm,
    /// An address over http where https is configured.
    Downgrade,
    /// The name does not resolve.
    NameUnresolved,
    /// The port is closed.
    ConnectionRefused,
    /// No route.
    Unreachable,
    /// Nobody answers the attempt to connect.
    ConnectTimeout,
    /// No end of the TLS handshake.
    HandshakeTimeout,
    /// No answer after the connection.
    ResponseTimeout,
    /// Cut in the middle.
    Interrupted,
    /// A certificate of an unknown issuer.
    UntrustedIssuer,
    /// A certificate for another name.
    WrongName,
    /// A certificate out of its time.
    Expired,
    /// No common ground for TLS.
    Handshake,
    /// An inventory that does not know the integration.
    UnknownIntegration,
    /// Another process is at work on a run.
    RunInProgress,
    /// A later run took over.
    RunSuperseded,
    /// A lease that has ended.
    LeaseLost,
    /// An inventory's address that makes no sense.
    InvalidInventoryAddress,
}

impl Case {
    pub(super) fn of(error: &IntegrationError) -> Option<Self> {
        Some(match error {
            IntegrationError::UserDoesNotHaveAdminRole { context, .. }
                if context.step == Step::Listing =>
            {
                Self::SeesNamesAlone
            }
            IntegrationError::UserDoesNotHaveAdminRole {
                account: AccountKind::Robot,
                context,
            } if context.registry == RegistryKind::HarborV1 => Self::RobotOfHarborV1,
            IntegrationError::UserDoesNotHaveAdminRole {
                account: AccountKind::Robot,
                ..
            } => Self::Robot,
            IntegrationError::FailedToVerifyUsernameOrPwd {
                source: Some(source),
                ..
            } if source.is::<RegistryUserMissing>() => Self::RegistryUserMissing,
            IntegrationError::ProtocolViolation {
                violation: Violation::Signature,
                ..
            } => Self::ChangedOnItsWay,
            IntegrationError::ProtocolViolation {
                violation: Violation::ForeignHost,
                ..
            } => Self::ForeignRealm,
            IntegrationError::ProtocolViolation {
                violation: Violation::Downgrade,
                ..
            } => Self::Downgrade,
            IntegrationError::TokenScopeMissing { context, .. } if context.step == Step::Pull => {
                Self::MayNotPull
            }
            IntegrationError::NetworkConnectError { phase, .. } => match phase {
                NetworkPhase::Dns => Self::NameUnresolved,
                NetworkPhase::Refused => Self::ConnectionRefused,
                NetworkPhase::Unreachable => Self::Unreachable,
                NetworkPhase::ConnectTimeout => Self::ConnectTimeout,
                NetworkPhase::HandshakeTimeout => Self::HandshakeTimeout,
                NetworkPhase::ResponseTimeout => Self::ResponseTimeout,
                NetworkPhase::Interrupted => Self::Interrupted,
            },
            IntegrationError::TlsVerificationFailed { fault, .. } => match fault {
                TlsFault::UntrustedIssuer => Self::UntrustedIssuer,
                TlsFault::WrongName => Self::WrongName,
                TlsFault::Expired => Self::Expired,
                TlsFault::Handshake => Self::Handshake,
            },
            _ => return None,
        })
    }
}
