use super::{AccountKind, ErrorCode, IntegrationError, RegistryUserMissing, Step, Violation};
use crate::image::RegistryKind;

/// The languages in which the crate explains an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Language {
    /// English.
    #[default]
    English,
}

/// An error explained to an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guidance {
    /// What is the matter, without the particulars of the case.
    pub message: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

impl ErrorCode {
    /// What the code means and what to do, for the registry of this kind.
    #[must_use]
    pub const fn guidance(self, registry: RegistryKind, language: Language) -> Guidance {
        match language {
            Language::English => english(self, registry),
        }
    }
}

impl IntegrationError {
    /// What the error means and what to do about it.
    #[must_use]
    pub fn guidance(&self, language: Language) -> Guidance {
        match (self, language) {
            (Self::UserDoesNotHaveAdminRole { context, .. }, Language::English)
                if context.step == Step::Listing =>
            {
                Guidance {
                    message: "The account may see names, but not the artifacts behind them.",
                    remedy: "Give it the right to list repositories and artifacts in every project. Up to Harbor 2.9 a robot with any system permission loses those of its projects: give such a robot project permissions alone.",
                }
            }
            (
                Self::UserDoesNotHaveAdminRole {
                    account: AccountKind::Robot,
                    context,
                },
                Language::English,
            ) if context.registry == RegistryKind::HarborV1 => Guidance {
                message: "The account is a valid robot, and a robot of Harbor 1.x may pull, but list nothing.",
                remedy: "Configure a user who is a system administrator.",
            },
            (
                Self::UserDoesNotHaveAdminRole {
                    account: AccountKind::Robot,
                    ..
                },
                Language::English,
            ) => Guidance {
                message: "The account is a valid robot, and a robot never has administrator rights.",
                remedy: "Configure a user who is a system administrator, or set required_role = \"list\" to work with what the robot may see.",
            },
            (
                Self::FailedToVerifyUsernameOrPwd {
                    source: Some(source),
                    ..
                },
                Language::English,
            ) if source.is::<RegistryUserMissing>() => Guidance {
                message: "The AccessKey is good, but the registry has no user for this account yet.",
                remedy: "Set a registry password for this RAM user once, in the console of the Personal edition; then verify again.",
            },
            (
                Self::ProtocolViolation {
                    violation: Violation::Signature,
                    ..
                },
                Language::English,
            ) => Guidance {
                message: "The server received another request than the one that was signed.",
                remedy: "Look for a proxy that changes requests on their way, paths and headers among them; the AccessKey's secret need not be wrong.",
            },
            (Self::TokenScopeMissing { context, .. }, Language::English)
                if context.step == Step::Pull =>
            {
                Guidance {
                    message: "The account is valid, but may not pull from this repository, or there is none of that name.",
                    remedy: "Give the account the right to read the repository; a Quay OAuth token also needs the scope repo:read.",
                }
            }
            _ => self.code().guidance(self.context().registry, language),
        }
    }
}

const fn english(code: ErrorCode, registry: RegistryKind) -> Guidance {
    let (message, remedy) = match code {
        ErrorCode::FailedToVerifyUsernameOrPwd => (
            "The registry refuses the user name or password.",
            match registry {
                RegistryKind::AcrEnterprise | RegistryKind::AcrPersonal => {
                    "Check the AccessKey id and secret, and that the key is enabled."
                }
                RegistryKind::Quay => {
                    "Check user name, password and token; the token may have expired, been revoked, or belong to a disabled user."
                }
                _ => {
                    "Check both. A disabled or expired account and a robot's regenerated secret look the same."
                }
            },
        ),
        ErrorCode::RegistryVersionError => (
            "The registry's version is not the configured one.",
            "Choose V1 for a registry of version 1.x and V2 for 2.x or later.",
        ),
        ErrorCode::UserDoesNotHaveAdminRole => (
            "The account is valid but has no administrator rights.",
            match registry {
                RegistryKind::Quay => {
                    "Use a token made by an administrator of the organisation, with the scope org:admin."
                }
                _ => {
                    "Give the user the system administrator role on the registry's server, or set required_role = \"list\" to work with what the user may see."
                }
            },
        ),
        ErrorCode::NetworkConnectError => (
            "The registry cannot be reached over the network.",
            "Check the domain, the IP and the port (80 or 443 unless configured), that the server runs, and that every firewall in between lets this machine in.",
        ),
        ErrorCode::ConfigInvalid => (
            "The configuration does not allow a connection.",
            "Correct the named field.",
        ),
        ErrorCode::RegistryTypeError => (
            "Something answers at the address, but it is not the configured kind of registry.",
            "Check type, domain and port; a proxy or a log-in page in front of the registry can also answer in its place.",
        ),
        ErrorCode::TlsVerificationFailed => (
            "The server's certificate cannot be trusted.",
            "Check that the domain is the name in the certificate, that its issuer is trusted on this machine or named by tls.ca_bundle, that the server takes tls.client_certificate where it asks for one, and that protocol and port fit each other.",
        ),
        ErrorCode::NamespaceNotFound => (
            "The namespace or organisation does not exist.",
            "Check its spelling; a user's own namespace is no organisation.",
        ),
        ErrorCode::TokenScopeMissing => (
            "The token is valid but may not do this.",
            "Make a token with the named scope.",
        ),
        ErrorCode::RamPermissionDenied => (
            "The cloud account lacks a permission.",
            "Allow the named action in a policy of this account.",
        ),
        ErrorCode::VpcAccessNotConfigured => (
            "The instance cannot be reached over the VPC.",
            "In the console of the instance, under access control, switch access over VPCs on and add the VPC from which the scanner pulls; then verify again. With vpc_access = \"warn\" it is a warning.",
        ),
        ErrorCode::ClockSkew => (
            "The clocks of this machine and of the server are too far apart.",
            "Set this machine's clock by a time server.",
        ),
        ErrorCode::WrongRegionOrEdition => (
            "The instance is in another region or of another edition.",
            "Correct region_id and type.",
        ),
        ErrorCode::RateLimited => (
            "The registry asks for fewer requests.",
            "Wait, allow fewer requests in flight, or raise the registry's limit for this account.",
        ),
        ErrorCode::RegistryUnavailable => (
            "The registry is there but cannot serve now.",
            "Wait until it is up again; its own log, by the request id, tells more.",
        ),
        ErrorCode::AddressRefused => (
            "The address belongs to a range that is not dialled.",
            "Correct domain, ip and hosts, or the name's DNS record: metadata services and link-local addresses are no registries. Where it is an egress policy that refuses the address, set network = \"vpc\" for a registry inside the VPC, or have the network allowed by the policy.",
        ),
        ErrorCode::ProtocolViolation => (
            "The registry's answer is not what its interface promises.",
            "Check that no proxy changes or cuts the answers; if not, report the registry's version and the request.",
        ),
        ErrorCode::ScanNotSupported => (
            "Images of this registry are listed but never scanned.",
            "Move the images to a registry that may be scanned, such as the Enterprise edition.",
        ),
        ErrorCode::IncompleteListing => (
            "The listing cannot be proved complete, so nothing was marked as gone.",
            "Run again. If it stays, use an administrator's account, and look for another client that logs in with a wrong password as the same user.",
        ),
        ErrorCode::ImageNotFound => (
            "The registry has no such repository, tag or digest.",
            "Check the spelling; the image may have been deleted, or the tag moved, since it was listed.",
        ),
        ErrorCode::NotSupported => (
            "This crate does not do this.",
            "Use a registry and version that the documentation lists, or a build with the named feature.",
        ),
        ErrorCode::SinkFailed => (
            "The sink did not take what it was handed.",
            "Read what the sink itself says; an image that keeps failing is parked until it is asked for by hand.",
        ),
        ErrorCode::InventoryUnavailable => (
            "The inventory's store failed.",
            "Check that the file or server can be reached and written, and that the disk is not full.",
        ),
        ErrorCode::InventorySchemaTooNew => (
            "The inventory was written by a newer version.",
            "Use that version, or a fresh inventory.",
        ),
        ErrorCode::IntegrationRebound => (
            "The integration's name belongs to another registry in this inventory.",
            "Choose another name; or, where the registry has moved on purpose, re-home the integration with its next sync.",
        ),
    };
    Guidance { message, remedy }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ErrorContext, ErrorRecord};

    #[test]
    fn every_code_is_explained_for_every_registry() {
        for code in ErrorCode::ALL {
            for registry in RegistryKind::ALL {
                let guidance = code.guidance(*registry, Language::English);
                assert!(guidance.message.ends_with('.'), "{code}");
                assert!(guidance.remedy.ends_with('.'), "{code}");
            }
        }
    }

    #[test]
    fn a_robot_is_told_that_it_is_one() {
        let robot = IntegrationError::UserDoesNotHaveAdminRole {
            context: Box::new(ErrorContext::new(
                RegistryKind::HarborV2,
                "harbor.example.com:443",
                Step::Role,
            )),
            account: AccountKind::Robot,
        };
        let record = ErrorRecord::from(&robot);
        assert_eq!(record.code, ErrorCode::UserDoesNotHaveAdminRole);
        assert!(record.message.contains("a robot"), "{}", record.message);
        assert!(record.remedy.contains("robot"), "{}", record.remedy);
        assert!(!record.retryable);
    }
}
