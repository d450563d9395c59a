//! The role of the machine, by the cloud's metadata service.
//!
//! Its address is one that the egress guard refuses to every registry. It stays reachable here, for
//! this one client and this one address.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use url::Url;

use super::{
    AccessKey, KeyError,
    chain::{Chain, TemporaryWire, unreachable},
};
use crate::{
    connector::acr::signature::encode,
    error::{IntegrationError, NetworkPhase, Step},
    http::{Answer, HttpClient, Patience},
};

pub(super) const METADATA: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);
const PLACE: &str = "the machine's metadata service";
const ROLES: &str = "/latest/meta-data/ram/security-credentials/";
/// How long the token for the second version of the service lasts, in seconds.
const TOKEN_LASTS: &str = "21600";
/// Elsewhere than in the cloud nothing answers, and nobody wants to wait for that.
const PATIENCE: Duration = Duration::from_secs(1);

impl Chain {
    pub(super) async fn by_machine_role(
        &self,
        role: Option<String>,
    ) -> Result<AccessKey, KeyError> {
        let admitted = Some(IpAddr::V4(METADATA));
        let service = Metadata {
            client: self.client(&self.metadata, admitted, PATIENCE)?,
            origin: self.metadata.clone(),
        };
        let token = service.token().await;
        let token = match token {
            Ok(token) => Some(token),
            Err(error) if self.environment.is_on("ALIBABA_CLOUD_IMDSV1_DISABLED") => {
                return Err(error);
            }
            // Nobody is there who could speak the first version either. A container may be kept from the
            // second by the hop limit of its answers, though, which looks like silence.
            Err(error @ KeyError::Unreachable { .. }) if !is_silence(&error) => return Err(error),
            Err(_) => None,
        };
        let role = match role {
            Some(role) => role,
            None => {
                let names = service.get(ROLES, token.as_deref()).await?;
                let names = String::from_utf8_lossy(names.body()).into_owned();
                let first = names.lines().next().unwrap_or_default().trim();
                if first.is_empty() {
                    return Err(unfit("tells no role"));
                }
                first.to_owned()
            }
        };
        let path = format!("{ROLES}{}", encode(&role));
        let answer = service.get(&path, token.as_deref()).await?;
        let key: TemporaryWire = answer.json_of_any_type().map_err(unreachable(PLACE))?;
        key.into_key(PLACE)
    }
}

struct Metadata {
    client: HttpClient,
    origin: Url,
}

impl Metadata {
    async fn token(&self) -> Result<String, KeyError> {
        let asked = self
            .client
            .put(Step::Config, self.url("/latest/api/token"))
            .header("x-aliyun-ecs-metadata-token-ttl-seconds", TOKEN_LASTS)
            .patience(Patience::Probe);
        let answer = answered(asked.send().await.map_err(unreachable(PLACE))?)?;
        let token = String::from_utf8_lossy(answer.body()).trim().to_owned();
        if token.is_empty() {
            return Err(unfit("tells no token"));
        }
        Ok(token)
    }

    async fn get(&self, path: &str, token: Option<&str>) -> Result<Answer, KeyError> {
        let mut asked = self.client.get(Step::Config, self.url(path));
        if let Some(token) = token {
            asked = asked.header("x-aliyun-ecs-metadata-token", token);
        }
        let answer = asked.patience(Patience::Probe).send().await;
        answered(answer.map_err(unreachable(PLACE))?)
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.origin.clone();
        url.set_path(path);
        url
    }
}

fn answered(answer: Answer) -> Result<Answer, KeyError> {
    match answer.status() {
        200 => Ok(answer),
        status => Err(unfit(&format!("answers HTTP {status}"))),
    }
}

fn is_silence(error: &KeyError) -> bool {
    let KeyError::Unreachable { source, .. } = error else {
        return false;
    };
    matches!(
        **source,
        IntegrationError::NetworkConnectError {
            phase: NetworkPhase::ResponseTimeout,
            ..
        }
    )
}

fn unfit(flaw: &str) -> KeyError {
    KeyError::Unfit {
        place: PLACE.to_owned(),
        flaw: flaw.to_owned(),
    }
}
