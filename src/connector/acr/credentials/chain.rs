use std::{
    net::IpAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::{
    AccessKey, KeyError,
    environment::Environment,
    metadata::METADATA,
    profile::{self, Mode, Profile},
    sts,
};
use crate::{
    clock::{Clock, Timestamp},
    config::IntegrationConfig,
    error::{IntegrationError, Step},
    http::{ConnectionSettings, HttpClient, Patience},
    image::RegistryKind,
};

/// The longest file that is read for a key.
const LONGEST_FILE: u64 = 1 << 20;
/// How many profiles may stand behind one another.
pub(super) const MOST_SOURCES: usize = 8;

/// The places where a key may lie, in the order of the vendor's SDK. The one that gave the first key
/// is kept to: a failure of it later is no reason to become somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Environment,
    Oidc,
    CliProfile,
    IniProfile,
    EcsRole,
    Uri,
}

const PLACES: [Place; 6] = [
    Place::Environment,
    Place::Oidc,
    Place::CliProfile,
    Place::IniProfile,
    Place::EcsRole,
    Place::Uri,
];

impl Place {
    const fn name(self) -> &'static str {
        match self {
            Self::Environment => "the environment",
            Self::Oidc => "the token of the service account",
            Self::CliProfile => "the profile of the command line",
            Self::IniProfile => "the profile in credentials.ini",
            Self::EcsRole => "the role of the machine",
            Self::Uri => "the credentials URI",
        }
    }
}

/// The default chain.
#[derive(Debug)]
pub(in super::super) struct Chain {
    pub(super) environment: Environment,
    /// Where the machine's metadata are; another place in tests.
    pub(super) metadata: Url,
    /// The token service, where a test has one of its own.
    pub(super) sts: Option<Url>,
    registry: RegistryKind,
    /// How the token service is reached: as the API is.
    way: Option<IntegrationConfig>,
    pub(super) clock: Arc<dyn Clock>,
    kept: Mutex<Option<Place>>,
}

impl Chain {
    pub(super) fn of_this_process(registry: RegistryKind, clock: &Arc<dyn Clock>) -> Self {
        // The literal is a URL.
        #[allow(clippy::expect_used)]
        let metadata = format!("http://{METADATA}").parse().expect("a URL");
        Self::new(Environment::Process, metadata, registry, clock)
    }

    pub(super) fn new(
        environment: Environment,
        metadata: Url,
        registry: RegistryKind,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        Self {
            environment,
            metadata,
            sts: None,
            registry,
            way: None,
            clock: Arc::clone(clock),
            kept: Mutex::default(),
        }
    }

    /// The same, reaching the token service by the proxy of this integration and trusting whom it trusts.
    pub(super) fn by_the_way_of(mut self, config: &IntegrationConfig) -> Self {
        self.way = Some(config.clone());
        self
    }

    /// The key of the place that is kept to, else of the first that has one.
    pub(super) async fn find(&self) -> Result<AccessKey, KeyError> {
        let kept = *self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = kept {
            let found = self.look_in(place).await?;
            return found.ok_or_else(|| KeyError::NoneFound(format!("{} no more", place.name())));
        }
        let mut reasons = Vec::new();
        for place in PLACES {
            match self.look_in(place).await {
                Ok(Some(key)) => {
                    tracing::debug!(place = place.name(), "credentials found");
                    *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
                    return Ok(key);
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(place = place.name(), %error, "no credentials");
                    reasons.push(match std::error::Error::source(&error) {
                        Some(source) => format!("{error}: {source}"),
                        None => error.to_string(),
                    });
                }
            }
        }
        if reasons.is_empty() {
            reasons.push("no place of the default chain is set up".to_owned());
        }
        Err(KeyError::NoneFound(reasons.join("; ")))
    }

    /// None where the place is not set up.
    async fn look_in(&self, place: Place) -> Result<Option<AccessKey>, KeyError> {
        match place {
            Place::Environment => Ok(self.in_environment()),
            Place::Oidc => self.by_service_account().await,
            Place::CliProfile if self.environment.is_on("ALIBABA_CLOUD_CLI_PROFILE_DISABLED") => {
                Ok(None)
            }
            Place::CliProfile => {
                let file = ("ALIBABA_CLOUD_CONFIG_FILE", ".aliyun/config.json");
                self.by_profile(file, profile::read_cli).await
            }
            Place::IniProfile => {
                let file = (
                    "ALIBABA_CLOUD_CREDENTIALS_FILE",
                    ".alibabacloud/credentials.ini",
                );
                self.by_profile(file, profile::read_ini).await
            }
            Place::EcsRole
                if self
                    .environment
                    .is_on("ALIBABA_CLOUD_ECS_METADATA_DISABLED") =>
            {
                Ok(None)
            }
            Place::EcsRole => {
                let role = self.environment.get("ALIBABA_CLOUD_ECS_METADATA");
                self.by_machine_role(role).await.map(Some)
            }
            Place::Uri => match self.environment.get("ALIBABA_CLOUD_CREDENTIALS_URI") {
                Some(uri) => self.by_uri(&uri).await.map(Some),
                None => Ok(None),
            },
        }
    }

    fn in_environment(&self) -> Option<AccessKey> {
        let get = |name: &str| self.environment.get(name);
        Some(AccessKey {
            id: get("ALIBABA_CLOUD_ACCESS_KEY_ID")?,
            secret: get("ALIBABA_CLOUD_ACCESS_KEY_SECRET")?.into(),
            security_token: get("ALIBABA_CLOUD_SECURITY_TOKEN").map(SecretString::from),
            ends: None,
        })
    }

    async fn by_service_account(&self) -> Result<Option<AccessKey>, KeyError> {
        let get = |name: &str| self.environment.get(name);
        let (Some(role), Some(provider), Some(token_file)) = (
            get("ALIBABA_CLOUD_ROLE_ARN"),
            get("ALIBABA_CLOUD_OIDC_PROVIDER_ARN"),
            get("ALIBABA_CLOUD_OIDC_TOKEN_FILE"),
        ) else {
            return Ok(None);
        };
        let session = get("ALIBABA_CLOUD_ROLE_SESSION_NAME");
        let wish = sts::RoleWish::new(role, session, None);
        self.by_oidc(&wish, &provider, &token_file, None)
            .await
            .map(Some)
    }

    pub(super) async fn by_oidc(
        &self,
        wish: &sts::RoleWish,
        provider: &str,
        token_file: &str,
        region: Option<&str>,
    ) -> Result<AccessKey, KeyError> {
        let token = read(Path::new(token_file)).await?;
        let token = SecretString::from(token.trim().to_owned());
        let client = self.sts_client(region)?;
        sts::assume_with_oidc(&client, wish, provider, &token).await
    }

    async fn by_profile(
        &self,
        (variable, within_home): (&str, &str),
        parse: profile::Read,
    ) -> Result<Option<AccessKey>, KeyError> {
        let Some(path) = self.environment.file(variable, within_home) else {
            return Ok(None);
        };
        let is_named = self.environment.get(variable).is_some();
        let text = match read(&path).await {
            Ok(text) => text,
            // A file that nobody named needs not be there.
            Err(_) if !is_named && !path.exists() => return Ok(None),
            Err(error) => return Err(error),
        };
        let place = path.display().to_string();
        let wanted = self.environment.get("ALIBABA_CLOUD_PROFILE");
        match parse(&text, wanted.as_deref(), &place)? {
            Some(profiles) => self.by_profiles(&place, profiles).await.map(Some),
            None => Ok(None),
        }
    }

    /// By the first profile, which the ones behind it serve.
    async fn by_profiles(
        &self,
        place: &str,
        mut profiles: Vec<Profile>,
    ) -> Result<AccessKey, KeyError> {
        let unfit = |flaw: &str| KeyError::Unfit {
            place: place.to_owned(),
            flaw: flaw.to_owned(),
        };
        if profiles.len() > MOST_SOURCES {
            return Err(unfit("has profiles that lead to one another"));
        }
        let mut key = None;
        while let Some(profile) = profiles.pop() {
            let region = profile.sts_region.as_deref();
            key = Some(match (profile.mode, key) {
                (Mode::Key { id, secret, token }, _) => AccessKey {
                    id,
                    secret: secret.into(),
                    security_token: token.map(SecretString::from),
                    ends: None,
                },
                (Mode::MachineRole { role }, _) => self.by_machine_role(role).await?,
                (
                    Mode::Oidc {
                        wish,
                        provider,
                        token_file,
                    },
                    _,
                ) => self.by_oidc(&wish, &provider, &token_file, region).await?,
                (Mode::Role { wish, source }, behind) => {
                    let own = source.map(|(id, secret)| AccessKey {
                        id,
                        secret: secret.into(),
                        security_token: None,
                        ends: None,
                    });
                    let by = behind
                        .or(own)
                        .ok_or_else(|| unfit("names a role and no key to assume it with"))?;
                    let client = self.sts_client(region)?;
                    sts::assume(&client, &wish, Arc::new(by), &self.clock).await?
                }
                (Mode::Unknown(mode), _) => {
                    return Err(unfit(&format!(
                        "has a profile of the mode {mode:?}, which is not supported"
                    )));
                }
            });
        }
        key.ok_or_else(|| unfit("has no such profile"))
    }

    async fn by_uri(&self, uri: &str) -> Result<AccessKey, KeyError> {
        let place = "ALIBABA_CLOUD_CREDENTIALS_URI".to_owned();
        let url = Url::parse(uri).map_err(|source| KeyError::Unreadable {
            place: place.clone(),
            source: source.into(),
        })?;
        let client = self.client(&url, None, Duration::from_secs(5))?;
        let asked = client.get(Step::Config, url).patience(Patience::Probe);
        let answer = asked.send().await.map_err(unreachable(&place))?;
        if answer.status() != 200 {
            let flaw = format!("answers HTTP {}", answer.status());
            return Err(KeyError::Unfit { place, flaw });
        }
        let key: TemporaryWire = answer.json_of_any_type().map_err(unreachable(&place))?;
        key.into_key(&place)
    }

    /// The token service: that of the region and network that the environment or the profile names.
    fn sts_client(&self, region: Option<&str>) -> Result<HttpClient, KeyError> {
        let regional = self.environment.get("ALIBABA_CLOUD_STS_REGION");
        let region = region.map(str::to_owned).or(regional);
        let over_vpc = self.environment.is_on("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED");
        let host = match region {
            Some(region) if over_vpc => format!("https://sts-vpc.{region}.aliyuncs.com"),
            Some(region) => format!("https://sts.{region}.aliyuncs.com"),
            None => "https://sts.aliyuncs.com".to_owned(),
        };
        let url = match &self.sts {
            Some(url) => url.clone(),
            None => Url::parse(&host).map_err(|source| KeyError::Unreadable {
                place: "the region of the token service".to_owned(),
                source: source.into(),
            })?,
        };
        let settings = self.settings(&url, None, Duration::from_secs(10));
        self.connected(match &self.way {
            Some(config) => ConnectionSettings {
                tls: config.tls().clone(),
                proxy: config.proxy().cloned(),
                hosts: config.hosts().clone().into_iter().collect(),
                ..settings
            },
            None => settings,
        })
    }

    /// A client that asks this origin, by the address that is admitted where the guard would not.
    pub(super) fn client(
        &self,
        url: &Url,
        admitted: Option<IpAddr>,
        patience: Duration,
    ) -> Result<HttpClient, KeyError> {
        self.connected(self.settings(url, admitted, patience))
    }

    fn settings(
        &self,
        url: &Url,
        admitted: Option<IpAddr>,
        patience: Duration,
    ) -> ConnectionSettings {
        let mut origin = url.clone();
        origin.set_path("/");
        origin.set_query(None);
        origin.set_fragment(None);
        ConnectionSettings {
            connect_timeout: patience,
            read_timeout: patience,
            admitted,
            ..ConnectionSettings::to(self.registry, origin)
        }
    }

    fn connected(&self, settings: ConnectionSettings) -> Result<HttpClient, KeyError> {
        HttpClient::new(settings, Arc::clone(&self.clock))
            .map_err(unreachable("the source of credentials"))
    }
}

pub(super) fn unreachable(place: &str) -> impl FnOnce(IntegrationError) -> KeyError {
    let place = place.to_owned();
    move |error| KeyError::Unreachable {
        place,
        source: Box::new(error),
    }
}

/// A file's text, off the runtime's own threads.
async fn read(path: &Path) -> Result<String, KeyError> {
    use std::io::Read;

    let place = path.display().to_string();
    let path = path.to_owned();
    let reading = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        std::fs::File::open(path)?
            .take(LONGEST_FILE)
            .read_to_string(&mut text)?;
        std::io::Result::Ok(text)
    });
    match reading.await {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(source)) => Err(KeyError::Unreadable {
            place,
            source: source.into(),
        }),
        Err(stopped) => Err(KeyError::Unreadable {
            place,
            source: stopped.into(),
        }),
    }
}

/// A temporary key as metadata, a credentials URI and the token service tell it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TemporaryWire {
    #[serde(default)]
    code: Option<String>,
    access_key_id: Option<String>,
    access_key_secret: Option<String>,
    security_token: Option<String>,
    expiration: Option<String>,
}

impl TemporaryWire {
    pub(super) fn into_key(self, place: &str) -> Result<AccessKey, KeyError> {
        let unfit = |flaw: String| KeyError::Unfit {
            place: place.to_owned(),
            flaw,
        };
        if let Some(code) = self.code.filter(|code| code != "Success") {
            let code: String = code.escape_debug().take(64).collect();
            return Err(unfit(format!("answers {code}")));
        }
        let is_there = |secret: &String| !secret.is_empty();
        let ends: Option<Timestamp> = match self.expiration {
            Some(text) => Some(
                text.parse()
                    .map_err(|_| unfit("tells a time that cannot be read".to_owned()))?,
            ),
            None => None,
        };
        match (self.access_key_id, self.access_key_secret) {
            (Some(id), Some(secret)) if !id.is_empty() && is_there(&secret) => Ok(AccessKey {
                id,
                secret: secret.into(),
                security_token: self.security_token.filter(is_there).map(SecretString::from),
                ends,
            }),
            _ => Err(unfit("tells no key".to_owned())),
        }
    }
}
