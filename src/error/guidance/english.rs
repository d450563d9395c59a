use super::{Case, Guidance};
use crate::{error::ErrorCode, image::RegistryKind};

pub(super) const fn of_code(code: ErrorCode, registry: RegistryKind) -> Guidance {
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
                RegistryKind::HarborV1 | RegistryKind::HarborV2 | RegistryKind::Other => {
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
                RegistryKind::HarborV1
                | RegistryKind::HarborV2
                | RegistryKind::AcrEnterprise
                | RegistryKind::AcrPersonal
                | RegistryKind::Other => {
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
    Guidance::new(message, remedy)
}

pub(super) const fn of_case(case: Case) -> Guidance {
    let (message, remedy) = match case {
        Case::SeesNamesAlone => (
            "The account may see names, but not the artifacts behind them.",
            "Give it the right to list repositories and artifacts in every project. Up to Harbor 2.9 a robot with any system permission loses those of its projects: give such a robot project permissions alone.",
        ),
        Case::RobotOfHarborV1 => (
            "The account is a valid robot, and a robot of Harbor 1.x may pull, but list nothing.",
            "Configure a user who is a system administrator.",
        ),
        Case::Robot => (
            "The account is a valid robot, and a robot never has administrator rights.",
            "Configure a user who is a system administrator, or set required_role = \"list\" to work with what the robot may see.",
        ),
        Case::RegistryUserMissing => (
            "The AccessKey is good, but the registry has no user for this account yet.",
            "Set a registry password for this RAM user once, in the console of the Personal edition; then verify again.",
        ),
        Case::ChangedOnItsWay => (
            "The server received another request than the one that was signed.",
            "Look for a proxy that changes requests on their way, paths and headers among them; the AccessKey's secret need not be wrong.",
        ),
        Case::MayNotPull => (
            "The account is valid, but may not pull from this repository, or there is none of that name.",
            "Give the account the right to read the repository; a Quay OAuth token also needs the scope repo:read.",
        ),
        Case::ForeignRealm => (
            "The registry sends its clients for a token to a host that may not receive the credentials.",
            "If the named host is this registry's token service, list it in realm_hosts; if not, the registry or a proxy in front of it is set up wrongly, or not to be trusted.",
        ),
        Case::Downgrade => (
            "The registry sends its clients on over http, where anybody on the way can read the credentials.",
            "Have the registry name its token service by https; behind a proxy that ends TLS it must be told its external address.",
        ),
        Case::NameUnresolved => (
            "The registry's name does not resolve.",
            "Check the domain's spelling and this machine's name servers, or set ip to the address at which the registry is to be dialled.",
        ),
        Case::ConnectionRefused => (
            "The address is there, but nothing listens on the port.",
            "Check that the registry runs, and that protocol and port (80 or 443 unless configured) are the ones it listens on; of a forwarded port, that the forwarding is in place.",
        ),
        Case::Unreachable => (
            "No way leads from this machine to the registry's address.",
            "Check the address, this machine's routes, and that the network type fits: private addresses are reached by network = \"vpc\" alone.",
        ),
        Case::ConnectTimeout => (
            "Nobody answers at the registry's address and port: as a rule, a firewall or security group drops the packets.",
            "Let the scanner's source addresses in to this port, on every firewall and security group on the way, and check that the port is the right one. Where the way is merely slow, raise timeouts.connect.",
        ),
        Case::HandshakeTimeout => (
            "The connection stands, but the server does not answer to TLS.",
            "Check that the port speaks https and the server is not overloaded; a proxy or firewall that inspects TLS may also hold the handshake up.",
        ),
        Case::ResponseTimeout => (
            "The connection stands, but no answer comes in time.",
            "Look at the load of the registry and of the proxies in front of it; where it is merely slow, raise timeouts.read.",
        ),
        Case::Interrupted => (
            "The connection was cut before the answer was whole.",
            "Run again. If it stays, look for what cuts it: a proxy's time-out or size limit, a firewall, a port that speaks another protocol, or the registry's own restart.",
        ),
        Case::UntrustedIssuer => (
            "No authority that this machine trusts vouches for the server's certificate.",
            "Add the named issuer's certificate to those that are trusted. If it is not yours, something between this machine and the registry breaks the encryption open.",
        ),
        Case::WrongName => (
            "The server's certificate is for other names than the configured domain.",
            "Set domain to one of the names in the certificate, and ip to the address to dial, or give the server a certificate for the domain.",
        ),
        Case::Expired => (
            "The server's certificate is outside its validity.",
            "Renew it on the server; if it is not past its end, set this machine's clock.",
        ),
        Case::Handshake => (
            "The server and this machine do not agree on TLS.",
            "Check that the port speaks https, and that the server offers TLS 1.2 or 1.3; for a port that speaks http set protocol = \"http\".",
        ),
        Case::UnknownIntegration => (
            "The inventory does not know the integration.",
            "Sync the integration first, and check its name and which inventory is used.",
        ),
        Case::RunInProgress => (
            "Another sync of this integration is at work.",
            "Nothing has to be done: it makes the inventory true. If its process is dead, a new one goes on when its lease has ended.",
        ),
        Case::RunSuperseded => (
            "Another sync of this integration has begun and took over.",
            "Nothing has to be done: the later run makes the inventory true.",
        ),
        Case::LeaseLost => (
            "The image has passed to another hand, or its hand-over was settled already.",
            "Nothing has to be done. If it happens often, lengthen the lease or speed up the sink.",
        ),
        Case::InvalidInventoryAddress => (
            "The inventory's address cannot be used.",
            "Give the path of an SQLite file, :memory:, or postgres://USER:PASSWORD@HOST/DATABASE.",
        ),
    };
    Guidance::new(message, remedy)
}
