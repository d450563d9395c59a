use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

macro_rules! error_codes {
    ($($(#[$doc:meta])* $code:ident),+ $(,)?) => {
        /// The stable name of a failure. Part of the API: codes are added, never renamed.
        ///
        /// The first four are those of the product documents.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $code,)+
        }

        impl ErrorCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$code,)+];

            /// The code as it is written in reports, in JSON and in the inventory.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => stringify!($code),)+
                }
            }
        }
    };
}

error_codes! {
    /// The user name or password is wrong.
    FailedToVerifyUsernameOrPwd,
    /// The registry's version is not the configured one.
    RegistryVersionError,
    /// The account is valid but lacks administrator rights.
    UserDoesNotHaveAdminRole,
    /// The registry could not be reached, or the connection broke.
    NetworkConnectError,
    /// The configuration does not allow a connection.
    ConfigInvalid,
    /// Another product, or none, answers at the address.
    RegistryTypeError,
    /// The server's certificate is not trusted or not for this name.
    TlsVerificationFailed,
    /// The configured namespace or organisation does not exist.
    NamespaceNotFound,
    /// The token is valid but lacks a scope.
    TokenScopeMissing,
    /// The cloud account lacks a permission.
    RamPermissionDenied,
    /// The instance has no access over the VPC configured.
    VpcAccessNotConfigured,
    /// This machine's clock and the server's are too far apart.
    ClockSkew,
    /// The region or edition is not that of the instance.
    WrongRegionOrEdition,
    /// The registry asks for fewer requests.
    RateLimited,
    /// The registry is there but cannot serve now.
    RegistryUnavailable,
    /// The address is one that is not dialled.
    AddressRefused,
    /// The registry's answer breaks its own protocol.
    ProtocolViolation,
    /// The registry's images may be listed but not scanned.
    ScanNotSupported,
    /// The listing cannot be proved complete.
    IncompleteListing,
    /// The crate does not do this for this registry.
    NotSupported,
    /// No such repository, tag or digest exists.
    ImageNotFound,
    /// The sink did not take an image or a change.
    SinkFailed,
    /// The inventory's store failed.
    InventoryUnavailable,
    /// The inventory was written by a newer version of the crate.
    InventorySchemaTooNew,
    /// The integration's name belongs to another registry in this inventory.
    IntegrationRebound,
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is no error code of this version of the crate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no error code of this version")]
pub struct UnknownErrorCode;

impl FromStr for ErrorCode {
    type Err = UnknownErrorCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.as_str() == text)
            .ok_or(UnknownErrorCode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_read_back_from_its_name_and_its_json() {
        for code in ErrorCode::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
            let json = serde_json::json!(code);
            assert_eq!(json, code.as_str());
        }
        assert_eq!("Nonsense".parse::<ErrorCode>(), Err(UnknownErrorCode));
    }
}
