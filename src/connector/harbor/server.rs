use serde::Deserialize;

use super::session::Harbor;
use crate::{
    config::Protocol,
    error::{IntegrationError, Step, Violation},
    http::{Answer, Patience, RequestBuilder, RequestCount},
};

/// What answers at the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Server {
    /// A Harbor 1.x, with the version that it states.
    V1(String),
    /// A Harbor 2.x or later, with the version of its API.
    V2(String),
}

impl Server {
    /// What the server states of itself.
    pub(super) fn version(&self) -> &str {
        match self {
            Self::V1(version) | Self::V2(version) => version,
        }
    }
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
            && is_api_version(&version)
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

    /// What an answer says that has no such path as the configured version must have.
    pub(super) async fn other_registry(
        &self,
        answer: &Answer,
        configured: &'static str,
    ) -> IntegrationError {
        let context = Box::new(answer.context());
        match (configured, self.recognise().await) {
            ("V1", Ok(Server::V2(found))) | ("V2", Ok(Server::V1(found))) => {
                IntegrationError::RegistryVersionError {
                    context,
                    configured,
                    found,
                }
            }
            _ => IntegrationError::RegistryTypeError { context },
        }
    }

    /// The version that a 1.x states, for a run that counts its requests.
    pub(super) async fn stated_version(
        &self,
        requests: &RequestCount,
        patience: Patience,
    ) -> Result<Option<String>, IntegrationError> {
        let answer = self.ask("/api/systeminfo", Step::Listing, patience);
        let info = read(&answer.counted(requests).send().await?);
        Ok(info.map(|SystemInfo { harbor_version }| harbor_version))
    }

    fn ask(&self, path: &str, step: Step, patience: Patience) -> RequestBuilder<'_> {
        self.client
            .get(step, self.url(path, &[]))
            .patience(patience)
    }

    async fn probe(&self, path: &str) -> Result<Answer, IntegrationError> {
        let answer = self.ask(path, Step::Registry, Patience::Probe).send().await;
        match answer {
            Ok(answer) if answer.status() >= 500 => Err(IntegrationError::RegistryUnavailable {
                context: Box::new(answer.context()),
                retry_after: None,
            }),
            Err(IntegrationError::ProtocolViolation {
                context,
                violation: violation @ Violation::ForeignRedirect,
                ..
            }) => Err(IntegrationError::ConfigInvalid {
                context,
                field: match self.config.endpoint().protocol() {
                    Protocol::Http => "protocol",
                    Protocol::Https => "domain",
                },
                source: Box::new(violation),
            }),
            other => other,
        }
    }
}

/// Reads a body whatever its content type: `/api/version` is JSON sent as plain text.
fn read<T: for<'de> Deserialize<'de>>(answer: &Answer) -> Option<T> {
    (answer.status() == 200)
        .then(|| serde_json::from_slice(answer.body()).ok())
        .flatten()
}

/// Whether this is how a Harbor writes the version of its API: `v2.0`, or a later one.
fn is_api_version(version: &str) -> bool {
    let number = |part: &str| part.parse::<u32>().ok();
    version
        .strip_prefix('v')
        .and_then(|rest| rest.split_once('.'))
        .is_some_and(|(major, minor)| {
            number(major).is_some_and(|major| major >= 2) && number(minor).is_some()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harbors_own_form_of_a_version_is_taken() {
        for (version, taken) in [
            ("v2.0", true),
            ("v3.1", true),
            ("v1.0", false),
            ("2.3.1", false),
            ("v2.0.1", false),
            ("latest", false),
        ] {
            assert_eq!(is_api_version(version), taken, "{version}");
        }
    }
}
