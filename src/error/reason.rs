/// How far a connection came before it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkPhase {
    /// The domain name did not resolve.
    #[error("the name does not resolve")]
    Dns,
    /// Nothing listens on the port.
    #[error("the connection was refused")]
    Refused,
    /// No route leads to the address.
    #[error("the address is unreachable")]
    Unreachable,
    /// Nobody answered the connection attempt.
    #[error("the connection attempt timed out")]
    ConnectTimeout,
    /// The connection stood, but the TLS handshake on it came to no end.
    #[error("the TLS handshake timed out")]
    HandshakeTimeout,
    /// The connection stood, but no answer came, or not the whole of it.
    #[error("the answer timed out")]
    ResponseTimeout,
    /// The connection was cut before the answer was whole.
    #[error("the connection was cut")]
    Interrupted,
}

/// What is wrong with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFault {
    /// No trusted authority vouches for it.
    #[error("the issuer is not trusted")]
    UntrustedIssuer,
    /// It is for another name.
    #[error("the certificate is for another name")]
    WrongName,
    /// It is past its end, or before its beginning.
    #[error("the certificate is outside its validity")]
    Expired,
    /// The handshake failed otherwise: no common version or cipher, no TLS at all.
    #[error("the handshake failed")]
    Handshake,
}

/// What kind of account lacks the role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AccountKind {
    /// A person's or service's user account.
    #[error("a user")]
    User,
    /// A robot account, which never has the administrator role.
    #[error("a robot")]
    Robot,
}

/// Why an address is not dialled. The first four hold whatever the embedder's egress policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RefusedAddress {
    /// A cloud's metadata service, which hands out the machine's own credentials.
    #[error("cloud metadata")]
    Metadata,
    /// Link-local.
    #[error("link-local")]
    LinkLocal,
    /// The unspecified address.
    #[error("unspecified")]
    Unspecified,
    /// Multicast or broadcast.
    #[error("multicast or broadcast")]
    Multicast,
    /// This machine, under a strict egress policy.
    #[error("loopback, under a strict egress policy")]
    Loopback,
    /// A range that the Internet does not route, under a strict egress policy.
    #[error("a private range, under a strict egress policy")]
    Private,
    /// In a network that the egress policy denies.
    #[error("in a network that the egress policy denies")]
    Denied,
}

/// How an answer breaks the protocol that its server speaks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A status that the API does not give here.
    #[error("unexpected status")]
    Status,
    /// Another content type than JSON.
    #[error("the body is not JSON")]
    ContentType,
    /// JSON that is cut or of another shape.
    #[error("the body cannot be read")]
    Body,
    /// A body over the size limit.
    #[error("the body is over {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// A header that the API promises is missing or malformed.
    #[error("header {0} is missing or malformed")]
    Header(&'static str),
    /// A cursor that this listing did not make.
    #[error("the cursor belongs to another listing")]
    Cursor,
    /// A page that was answered before, or a paging that would not end.
    #[error("the paging repeats itself")]
    PagingLoop,
    /// A redirect that leads away from the configured origin.
    #[error("a redirect leaves the configured origin")]
    ForeignRedirect,
    /// The server has signed another request than the one that was sent: something between the two
    /// changes it, or the signature is made wrongly. The secret is not what is wrong.
    #[error("the signature covers another request than the server received")]
    Signature,
    /// The server names an address over http, though https is configured.
    #[error("what was to go over https would go over http")]
    Downgrade,
    /// The server names a host, of a token realm or a next page, that may not have credentials.
    #[error("the host is not in realm_hosts, so it may not receive credentials")]
    ForeignHost,
}

/// Why a listing does not count as complete.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Incompleteness {
    /// The server's own total differs from what its list showed, twice.
    #[error("the server counts {total} {what} but shows {seen}")]
    TotalDiffers {
        /// What is counted: projects, repositories.
        what: &'static str,
        /// The server's total.
        total: u64,
        /// What was listed.
        seen: u64,
    },
    /// Two readings of the same list differ, twice.
    #[error("two readings of the list of {what} differ")]
    ReadingsDiffer {
        /// What is listed: projects, repositories.
        what: &'static str,
    },
    /// A page-numbered list kept changing while it was read.
    #[error("the list changed at each of {attempts} readings")]
    KeptChanging {
        /// How often it was read.
        attempts: u32,
    },
    /// Rows lie where the listing has already been and were not shown there.
    #[error("{missed} rows were not shown")]
    RowsMissing {
        /// How many.
        missed: u64,
    },
    /// The run ended without having read every scope.
    #[error("{skipped} scopes could not be read")]
    ScopesSkipped {
        /// How many.
        skipped: u64,
    },
}

/// The account is known to the cloud, and its key is good, but the registry has no user for it yet: a
/// user of ACR's Personal edition comes up when its password is first set. The source of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the registry has no user for this account yet (USER_NOT_EXIST)")]
pub struct RegistryUserMissing;

/// What the crate does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// There is no connector for this registry in this version.
    #[error("no connector for this registry in this version")]
    Connector,
    /// The registry gives out no tokens for pulling, or the connector asks for none.
    #[error("no tokens for pulling from this registry")]
    PullToken,
    /// The connector does not look up single images.
    #[error("this connector looks up no single image")]
    Resolving,
    /// The crate was built without TLS.
    #[error("built without the feature `rustls`")]
    Tls,
}
