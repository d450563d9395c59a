use sqlx::{ConnectOptions, postgres::PgConnectOptions};
use url::Url;

/// Why an address cannot be used. Tells nothing of what stands in it: a password that is not
/// percent-encoded may turn up in any part.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("it is no URL; a password with special characters must be percent-encoded")]
    Url(#[source] url::ParseError),
    #[error("it does not begin with postgres:// or postgresql://")]
    Scheme,
    #[error("it has a parameter other than {}", PARAMETERS.join(", "))]
    Parameter,
    #[error("it has a part behind a #; a password with special characters must be percent-encoded")]
    Fragment,
    #[error("one of its parts cannot be read")]
    Part(#[source] sqlx::Error),
    #[error(
        "a schema's name has 1 to 63 small letters, digits and underscores, the first no digit"
    )]
    Schema,
}

/// What is known is not passed over in silence, nor logged with its value.
const PARAMETERS: [&str; 11] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

pub(super) fn parse(address: &str) -> Result<PgConnectOptions, Fault> {
    let url = Url::parse(address).map_err(Fault::Url)?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(Fault::Scheme);
    }
    if url.fragment().is_some() {
        return Err(Fault::Fragment);
    }
    if url
        .query_pairs()
        .any(|(name, _)| !PARAMETERS.contains(&&*name))
    {
        return Err(Fault::Parameter);
    }
    PgConnectOptions::from_url(&url).map_err(Fault::Part)
}
