use reqwest::Proxy;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::material::Unusable;
use crate::config::ProxySettings;

/// The proxy as the transport asks for it. Whom it is for is decided by the same rule as everywhere.
pub(super) fn proxy(
    settings: &ProxySettings,
    password: Option<&SecretString>,
) -> Result<Proxy, Unusable> {
    let text = format!("{}://{}", settings.scheme, settings.authority());
    let mut url = Url::parse(&text).map_err(|error| Unusable::new("proxy.url", error))?;
    if let Some(username) = &settings.username {
        let password = password.map(|password| password.expose_secret());
        let set = url
            .set_username(username)
            .and_then(|()| url.set_password(password));
        set.map_err(|()| Unusable::new("proxy.url", NoAccount))?;
    }
    let settings = settings.clone();
    Ok(Proxy::custom(move |target: &Url| {
        is_for(&settings, target).then(|| url.clone())
    }))
}

/// Whether the target is reached through the proxy.
pub(super) fn is_for(settings: &ProxySettings, target: &Url) -> bool {
    let host = target.host_str().unwrap_or_default();
    settings.is_for(host.trim_start_matches('[').trim_end_matches(']'))
}

#[derive(Debug, thiserror::Error)]
#[error("the address takes no user name")]
struct NoAccount;
