//! What hands out temporary access keys in Alibaba Cloud, in one server.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::json;

use super::{
    keys::{AccessKey, AccessKeys},
    moments::whole_seconds,
};
use crate::{
    clock::{Clock, SystemClock, Timestamp},
    simulator::{
        exchange::{Answer, Request},
        fault::Faults,
        log::RequestLog,
        made_up::digest_of,
        server::{Handler, Server},
    },
};

const METADATA_TOKEN: &str = "/latest/api/token";
const ROLES: &str = "/latest/meta-data/ram/security-credentials/";
const CREDENTIALS: &str = "/credentials";
/// How many seconds a token of the metadata service may last.
const LONGEST_TOKEN: u64 = 21_600;
/// How long the keys of a role last at least, by `AssumeRoleWithOIDC`.
const SHORTEST: u64 = 900;
const JSON: &str = "application/json";

/// Hands out temporary access keys, each of them new, to a simulated ACR that shares its keys. It is
/// what Alibaba Cloud offers to programs that run in it, on one loopback port: the metadata service
/// of an ECS instance (with and without a token of its own), the URI of a sidecar that has
/// credentials, and the one unsigned call of STS, `AssumeRoleWithOIDC`. Stops when dropped.
///
/// ```
/// use registry_intake::simulator::{AcrEnterprise, acr::CredentialServer};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// let acr = AcrEnterprise::builder().start().await?;
/// let credentials = CredentialServer::builder(acr.keys()).start().await?;
/// println!("ALIBABA_CLOUD_CREDENTIALS_URI={}", credentials.uri());
/// assert_eq!(credentials.issued(), 0);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct CredentialServer {
    server: Server,
    issuer: Arc<Issuer>,
}

impl CredentialServer {
    /// The role that the instance has.
    pub const ROLE: &str = "simulated-role";
    /// The role that STS lets assume.
    pub const ROLE_ARN: &str = "acs:ram::1234567890123456:role/simulated-role";
    /// Whom STS trusts.
    pub const OIDC_PROVIDER_ARN: &str = "acs:ram::1234567890123456:oidc-provider/simulated";
    /// The one token that counts.
    pub const OIDC_TOKEN: &str = "simulated.oidc.token";

    /// Issues keys to the simulated ACR to which these belong.
    pub fn builder(keys: &AccessKeys) -> CredentialServerBuilder {
        CredentialServerBuilder {
            keys: keys.clone(),
            clock: None,
            lasting: Duration::from_secs(3600),
            has_tokens: true,
            requires_token: false,
        }
    }

    /// Where it listens, on 127.0.0.1.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// `http://127.0.0.1:PORT`: of the metadata service and of STS.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// For `ALIBABA_CLOUD_CREDENTIALS_URI`.
    #[must_use]
    pub fn uri(&self) -> String {
        self.url() + CREDENTIALS
    }

    /// How many keys were issued.
    #[must_use]
    pub fn issued(&self) -> u64 {
        self.issuer.state().issued
    }

    /// What was asked.
    #[must_use]
    pub fn log(&self) -> &RequestLog {
        self.server.log()
    }

    /// What goes wrong.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        self.server.faults()
    }
}

/// Sets up a [`CredentialServer`].
#[derive(Debug)]
#[must_use]
pub struct CredentialServerBuilder {
    keys: AccessKeys,
    clock: Option<Arc<dyn Clock>>,
    lasting: Duration,
    has_tokens: bool,
    requires_token: bool,
}

impl CredentialServerBuilder {
    /// The clock of the keys' ends; the machine's unless given.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// How long a key lasts, unless STS is asked for another time; an hour unless given.
    pub fn lasting(mut self, lasting: Duration) -> Self {
        self.lasting = lasting;
        self
    }

    /// The metadata service gives no token, as it did before there were any.
    pub fn without_metadata_tokens(mut self) -> Self {
        self.has_tokens = false;
        self
    }

    /// The metadata service answers nobody without its token.
    pub fn requires_metadata_token(mut self) -> Self {
        self.requires_token = true;
        self
    }

    /// Starts it on a free port, within a tokio runtime.
    ///
    /// # Errors
    ///
    /// Where no port can be listened on.
    pub async fn start(self) -> io::Result<CredentialServer> {
        let clock = self.clock.unwrap_or_else(SystemClock::shared);
        let issuer = Arc::new(Issuer {
            keys: self.keys,
            clock: Arc::clone(&clock),
            lasting: self.lasting,
            has_tokens: self.has_tokens,
            requires_token: self.requires_token,
            state: Mutex::default(),
        });
        let handler = Arc::clone(&issuer) as Arc<dyn Handler>;
        let server = Server::start(0, clock, handler).await?;
        Ok(CredentialServer { server, issuer })
    }
}

#[derive(Debug)]
struct Issuer {
    keys: AccessKeys,
    clock: Arc<dyn Clock>,
    lasting: Duration,
    has_tokens: bool,
    requires_token: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    issued: u64,
    /// The tokens of the metadata service, with their ends.
    tokens: BTreeMap<String, Timestamp>,
}

#[async_trait]
impl Handler for Issuer {
    async fn answer(&self, request: &Request) -> Answer {
        match (request.method.as_str(), request.path.as_str()) {
            ("PUT", METADATA_TOKEN) if self.has_tokens => self.metadata_token(request),
            ("GET", CREDENTIALS) => self.credentials(),
            ("GET" | "POST", "/") => self.assume_role(request),
            ("GET", path) => match path.strip_prefix(ROLES) {
                Some(role) => self.metadata(request, role),
                None => missing(),
            },
            _ => missing(),
        }
    }
}

impl Issuer {
    fn metadata_token(&self, request: &Request) -> Answer {
        let seconds = request.header("X-aliyun-ecs-metadata-token-ttl-seconds");
        let seconds = seconds.and_then(|text| text.parse::<u64>().ok());
        let Some(seconds) = seconds.filter(|seconds| (1..=LONGEST_TOKEN).contains(seconds)) else {
            return Answer::new(400, "text/plain", "Bad Request");
        };
        let end = self
            .clock
            .now()
            .saturating_add(Duration::from_secs(seconds));
        let mut state = self.state();
        let token = format!("metadata-token-{}", state.tokens.len() + 1);
        state.tokens.insert(token.clone(), end);
        Answer::new(200, "text/plain", token)
    }

    /// Roles, or the credentials of one. (The status of a refusal is from memory.)
    fn metadata(&self, request: &Request, role: &str) -> Answer {
        let is_admitted = match request.header("X-aliyun-ecs-metadata-token") {
            Some(token) => {
                let end = self.state().tokens.get(token).copied();
                end.is_some_and(|end| self.clock.now() < end)
            }
            None => !self.requires_token,
        };
        match role {
            _ if !is_admitted => Answer::new(403, "text/plain", "Forbidden"),
            "" => Answer::new(200, "text/plain", CredentialServer::ROLE),
            CredentialServer::ROLE => self.credentials(),
            _ => missing(),
        }
    }

    fn credentials(&self) -> Answer {
        let key = self.issue(self.lasting);
        let body = json!({
            "Code": "Success",
            "AccessKeyId": key.id,
            "AccessKeySecret": key.secret,
            "SecurityToken": key.token,
            "Expiration": key.expires.map(|end| end.to_string()),
            "LastUpdated": whole_seconds(self.clock.now()).to_string(),
        });
        Answer::json(200, JSON, &body)
    }

    /// The codes of refusals are made up, save that of a call that is not there.
    fn assume_role(&self, request: &Request) -> Answer {
        let mut parameters = request.parameters();
        parameters.extend(request.form());
        let parameter = |name: &str| {
            let mut pairs = parameters.iter();
            let pair = pairs.find(|(present, _)| present == name);
            pair.map_or("", |(_, value)| value)
        };
        let refused = |status, code: &str, message: &str| {
            let id = format!("0A1B2C3D-0000-4000-8000-{:012}", request.number);
            let body = json!({ "RequestId": id, "Code": code, "Message": message });
            Answer::json(status, JSON, &body)
        };
        if parameter("Action") != "AssumeRoleWithOIDC" || parameter("Version") != "2015-04-01" {
            return refused(404, "InvalidApi.NotFound", "Specified api is not found.");
        }
        if parameter("OIDCToken") != CredentialServer::OIDC_TOKEN
            || parameter("OIDCProviderArn") != CredentialServer::OIDC_PROVIDER_ARN
        {
            let message = "This OIDC Token is invalid.";
            return refused(400, "AuthenticationFail.OIDCToken.Invalid", message);
        }
        if parameter("RoleArn") != CredentialServer::ROLE_ARN {
            return refused(404, "EntityNotExist.Role", "The role not exists.");
        }
        let lasting = match parameter("DurationSeconds") {
            "" => self.lasting,
            seconds => match seconds.parse() {
                Ok(seconds) if seconds >= SHORTEST => {
                    Duration::from_secs(seconds).min(self.lasting)
                }
                _ => {
                    let message = "DurationSeconds is invalid.";
                    return refused(400, "InvalidParameter.DurationSeconds", message);
                }
            },
        };
        let key = self.issue(lasting);
        let body = json!({
            "RequestId": format!("0A1B2C3D-0000-4000-8000-{:012}", request.number),
            "AssumedRoleUser": {
                "Arn": CredentialServer::ROLE_ARN,
                "AssumedRoleId": format!("1:{}", parameter("RoleSessionName")),
            },
            "Credentials": {
                "AccessKeyId": key.id,
                "AccessKeySecret": key.secret,
                "SecurityToken": key.token,
                "Expiration": key.expires.map(|end| end.to_string()),
            },
        });
        Answer::json(200, JSON, &body)
    }

    /// A new key, which the simulated ACR knows from now on.
    fn issue(&self, lasting: Duration) -> AccessKey {
        let number = {
            let mut state = self.state();
            state.issued += 1;
            state.issued
        };
        let made_up = digest_of(number);
        let id = format!("STS.simulated{number}");
        let (secret, token) = (&made_up[7..37], &made_up[37..]);
        let end = whole_seconds(self.clock.now().saturating_add(lasting));
        let key = AccessKey::temporary(&id, secret, &format!("CAIS{token}/+=="), end);
        self.keys.add(key.clone());
        key
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn missing() -> Answer {
    Answer::new(404, "text/plain", "Not Found")
}
