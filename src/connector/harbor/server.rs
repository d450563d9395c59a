use serde::Deserialize;

use super::session::Harbor;
use crate::{
    error::{IntegrationError, Step},
    http::{Answer, Patience},
};

/// What answers at the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Server {
    /// A Harbor 1.x, with the version that it states.
    V1(String),
    /// A Harbor 2.x or later, with the version of its API.
    V2(String),
}

#[derive(Deserialize)]
struct ApiVersion {
    version: String,
}

#[derive(Deserialize)]
struct SystemInfo {
    harbor_version: String,
}

impl Harbor {
    /// Recognises the server by what only a Harbor says, without credentials: 2.x has
    /// `/api/version`, 1.x has `/api/systeminfo`, and each answers 404 to the other's path. A
    /// status alone proves nothing: many servers answer any path with a page.
    pub(super) async fn recognise(&self) -> Result<Server, IntegrationError> {
        let answer = self.probe("/api/version").await?;
        if let Some(ApiVersion { version }) = read(&answer)
            && major(&version).is_some_and(|major| major >= 2)
        {
            return Ok(Server::V2(version));
        }
        let answer = self.probe("/api/systeminfo").await?;
        match read(&answer) {
            Some(SystemInfo { harbor_version }) => Ok(Server::V1(harbor_version)),
            None => Err(IntegrationError::RegistryTypeError {
                context: Box::new(answer.context()),
            }),
        }
    }

    async fn probe(&self, path: &str) -> Result<Answer, IntegrationError> {
        self.client
            .get(Step::Registry, self.url(path, &[]))
            .patience(Patience::Probe)
            .send()
            .await
    }
}

/// Reads a body whatever its content type: `/api/version` is JSON sent as plain text.
fn read<T: for<'de> Deserialize<'de>>(answer: &Answer) -> Option<T> {
    (answer.status() == 200)
        .then(|| serde_json::from_slice(answer.body()).ok())
        .flatten()
}

fn major(version: &str) -> Option<u64> {
    version
        .trim_start_matches('v')
        .split('.')
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_every_form_seen() {
        assert_eq!(major("v2.0"), Some(2));
        assert_eq!(major("v1.10.19-aaaa"), Some(1));
        assert_eq!(major("3"), Some(3));
        assert_eq!(major("latest"), None);
    }
}
