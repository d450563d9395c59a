use std::num::NonZeroU32;

use url::{Host, Url};

use super::{
    ConfigProblem, Endpoint, NetworkType, Protocol, RegistryType, Secret, VpcAccess,
    endpoint::{host_text, parse_host},
    fault::{Faults, shown},
    read::TableReader,
    tree::Value,
};

const INSTANCE: &str = "instance_id = \"cri-...\", or instance = \"NAME\"";
const REGION: &str = "a region id such as \"cn-hangzhou\"";
const CREDENTIALS: &str = "\"default\", or { access_key_id = \"..\", access_key_secret = SECRET, security_token = SECRET }";
const ENDPOINT: &str = "https://HOST[:PORT], or http://HOST[:PORT] on this machine";
const KEY_ID: &str = "an AccessKey id without white space";
const ACCOUNT_ID: &str = "the id of the Alibaba Cloud account";
const NOTHING: &str = "nothing for this type";

/// What an integration of Alibaba Cloud Container Registry has of its own.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AcrSettings {
    /// The instance of the Enterprise edition; none for the Personal edition, which has none.
    pub instance: Option<AcrInstance>,
    /// Whose rights are used.
    pub credentials: AcrCredentials,
    /// What it means that access over a VPC is not configured on the instance.
    pub vpc_access: VpcAccess,
    /// How many requests the account may send in any second, to all of its regions together. By
    /// default 15, the rate that Harbor keeps to.
    pub requests_per_second: NonZeroU32,
    /// The account by its own id, where one is configured: integrations of one account that have
    /// AccessKeys of several users share its rate by this. Unless given, an AccessKey stands for itself.
    pub account_id: Option<String>,
    /// The registry's domain where the configuration names one; else the API is asked for it.
    pub domain: Option<String>,
    /// The API's endpoint where the configuration names one.
    pub(super) endpoint: Option<String>,
}

impl AcrSettings {
    /// The default of [`requests_per_second`](Self::requests_per_second).
    pub const REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(14);

    /// The most requests in any second that may be configured.
    pub const MAX_REQUESTS_PER_SECOND: u32 = 1000;

    /// Whether the host is one of the registry's, by the rules of its domains.
    pub(super) fn is_pulled_from(&self, host: &str, region: &str) -> bool {
        if let Some(domain) = &self.domain {
            return domain == host;
        }
        let within = |suffix: &str| host.strip_suffix(&format!(".{region}.{suffix}"));
        match &self.instance {
            Some(instance) => within("cr.aliyuncs.com").is_some_and(|label| {
                let name = label.strip_suffix("-registry-vpc");
                let name = name.or_else(|| label.strip_suffix("-registry"));
                match instance {
                    AcrInstance::Id(_) => name.is_some_and(|name| !name.contains('.')),
                    AcrInstance::Name(own) => name == Some(own),
                }
            }),
            None => {
                let is_old = |label: &str| matches!(label, "registry" | "registry-vpc");
                within("aliyuncs.com").is_some_and(is_old)
                    || within("personal.cr.aliyuncs.com")
                        .is_some_and(|label| label.starts_with("crpi-"))
            }
        }
    }
}

/// By what an instance of the Enterprise edition is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AcrInstance {
    /// Its id, `cri-...`.
    Id(String),
    /// Its exact name.
    Name(String),
}

impl AcrInstance {
    /// The id or the name, as configured.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Id(text) | Self::Name(text) => text,
        }
    }
}

/// Where the AccessKey of Alibaba Cloud comes from.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum AcrCredentials {
    /// The chain that Alibaba Cloud's own tools go through: environment, OIDC token of a service
    /// account (RRSA), profiles, the role of the machine, and a credentials URI.
    #[default]
    DefaultChain,
    /// This AccessKey.
    AccessKey {
        /// Its id.
        id: String,
        /// Its secret.
        secret: Secret,
        /// The token that goes with a temporary one.
        security_token: Option<Secret>,
    },
}

/// What stands in the configuration for [`AcrSettings`], before it is judged.
#[derive(Debug, Clone, Default)]
pub(super) struct AcrDraft {
    pub(super) instance_id: Option<String>,
    pub(super) instance: Option<String>,
    pub(super) credentials: Option<CredentialsDraft>,
    pub(super) endpoint: Option<String>,
    pub(super) vpc_access: Option<VpcAccess>,
    pub(super) requests_per_second: Option<i128>,
    pub(super) account_id: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) enum CredentialsDraft {
    Default,
    AccessKey {
        id: Option<String>,
        secret: Option<Secret>,
        security_token: Option<Secret>,
        is_plain: bool,
    },
}

impl AcrDraft {
    pub(super) fn read(reader: &mut TableReader<'_>) -> Self {
        Self {
            instance_id: reader.string("instance_id"),
            instance: reader.string("instance"),
            credentials: CredentialsDraft::read(reader),
            endpoint: reader.string("endpoint"),
            vpc_access: reader.choice("vpc_access"),
            requests_per_second: reader.integer("requests_per_second"),
            account_id: reader.string("account_id"),
        }
    }

    pub(super) fn of(settings: &AcrSettings, is_plain: bool) -> Self {
        let (mut instance_id, mut instance) = (None, None);
        match settings.instance.clone() {
            Some(AcrInstance::Id(id)) => instance_id = Some(id),
            Some(AcrInstance::Name(name)) => instance = Some(name),
            None => {}
        }
        Self {
            vpc_access: instance_id
                .as_ref()
                .or(instance.as_ref())
                .map(|_| settings.vpc_access),
            instance_id,
            instance,
            credentials: Some(match settings.credentials.clone() {
                AcrCredentials::DefaultChain => CredentialsDraft::Default,
                AcrCredentials::AccessKey {
                    id,
                    secret,
                    security_token,
                } => CredentialsDraft::AccessKey {
                    id: Some(id),
                    secret: Some(secret),
                    security_token,
                    is_plain,
                },
            }),
            endpoint: settings.endpoint.clone(),
            requests_per_second: Some(settings.requests_per_second.get().into()),
            account_id: settings.account_id.clone(),
        }
    }

    /// Whether the AccessKey's secret stands in the configuration itself.
    pub(super) const fn is_plain(&self) -> bool {
        matches!(
            self.credentials,
            Some(CredentialsDraft::AccessKey { is_plain: true, .. })
        )
    }

    /// Nothing of it may stand in another registry's configuration.
    pub(super) fn refuse(&self, faults: &mut Faults, registry_type: RegistryType) {
        let given = [
            ("instance_id", self.instance_id.is_some()),
            ("instance", self.instance.is_some()),
            ("credentials", self.credentials.is_some()),
            ("endpoint", self.endpoint.is_some()),
            ("vpc_access", self.vpc_access.is_some()),
            ("requests_per_second", self.requests_per_second.is_some()),
            ("account_id", self.account_id.is_some()),
        ];
        refuse(faults, registry_type, given);
    }

    /// The settings, where they are sound.
    pub(super) fn settings(
        self,
        faults: &mut Faults,
        registry_type: RegistryType,
        network: NetworkType,
        domain: Option<&str>,
    ) -> Option<AcrSettings> {
        let domain = domain.map(|domain| {
            let host = parse_host(domain);
            faults.judge(
                "domain",
                host.as_ref().err().copied(),
                super::validate::HOST,
            );
            host.ok().map(|host| host_text(&host))
        });
        let is_enterprise = registry_type == RegistryType::AcrEnterprise;
        let instance = if is_enterprise {
            instance(faults, self.instance_id, self.instance)
        } else {
            let given = [
                ("instance_id", self.instance_id.is_some()),
                ("instance", self.instance.is_some()),
                ("vpc_access", self.vpc_access.is_some()),
            ];
            refuse(faults, registry_type, given);
            None
        };
        let credentials = match self.credentials {
            None | Some(CredentialsDraft::Default) => Some(AcrCredentials::DefaultChain),
            Some(CredentialsDraft::AccessKey {
                id,
                secret,
                security_token,
                ..
            }) => access_key(faults, id, secret, security_token),
        };
        let requests_per_second = match self.requests_per_second {
            None => Some(AcrSettings::REQUESTS_PER_SECOND),
            Some(requests) => {
                let range = 1..=AcrSettings::MAX_REQUESTS_PER_SECOND;
                super::validate::in_range(faults, "requests_per_second", requests, range)
                    .and_then(NonZeroU32::new)
            }
        };
        if let Some(id) = &self.account_id {
            faults.judge("account_id", word_flaw(id), ACCOUNT_ID);
        }
        Some(AcrSettings {
            account_id: self.account_id,
            endpoint: self.endpoint,
            instance: if is_enterprise { Some(instance?) } else { None },
            credentials: credentials?,
            vpc_access: self.vpc_access.unwrap_or(match network {
                NetworkType::Vpc => VpcAccess::Require,
                NetworkType::Public => VpcAccess::Warn,
            }),
            requests_per_second: requests_per_second?,
            domain: match domain {
                Some(domain) => Some(domain?),
                None => None,
            },
        })
    }
}

fn refuse<const N: usize>(
    faults: &mut Faults,
    registry_type: RegistryType,
    given: [(&'static str, bool); N],
) {
    for (field, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
        faults.push(
            field,
            ConfigProblem::NotApplicable { registry_type },
            NOTHING,
        );
    }
}

/// What an ACR is not told by: it has one endpoint of its own, always over TLS, and no password.
pub(super) fn refuse_addresses<const N: usize>(
    faults: &mut Faults,
    registry_type: RegistryType,
    given: [(&'static str, bool); N],
) {
    refuse(faults, registry_type, given);
}

fn instance(faults: &mut Faults, id: Option<String>, name: Option<String>) -> Option<AcrInstance> {
    let (field, text, known) = match (id, name) {
        (Some(_), Some(_)) => {
            let flaw = "stands beside instance_id";
            faults.judge("instance", Some(flaw), INSTANCE);
            return None;
        }
        (Some(id), None) => ("instance_id", id.clone(), AcrInstance::Id(id)),
        (None, Some(name)) => ("instance", name.clone(), AcrInstance::Name(name)),
        (None, None) => {
            faults.required::<()>("instance_id", None, INSTANCE);
            return None;
        }
    };
    faults
        .judge(field, word_flaw(&text), INSTANCE)
        .then_some(known)
}

fn access_key(
    faults: &mut Faults,
    id: Option<String>,
    secret: Option<Secret>,
    security_token: Option<Secret>,
) -> Option<AcrCredentials> {
    let id = faults
        .required("credentials.access_key_id", id, KEY_ID)
        .filter(|id| faults.judge("credentials.access_key_id", word_flaw(id), KEY_ID));
    let secret = faults.required("credentials.access_key_secret", secret, Secret::FORMS);
    for (field, secret) in [
        ("credentials.access_key_secret", &secret),
        ("credentials.security_token", &security_token),
    ] {
        if let Some(secret) = secret {
            faults.judge(field, secret.flaw(), Secret::FORMS);
        }
    }
    Some(AcrCredentials::AccessKey {
        id: id?,
        secret: secret?,
        security_token,
    })
}

/// The API's endpoint: the configured one, else that of region and network. The rule is that of the
/// vendor's SDKs; the endpoint without a region is never used.
pub(super) fn endpoint(
    faults: &mut Faults,
    draft: &AcrDraft,
    region: Option<&str>,
    network: NetworkType,
) -> Option<Endpoint> {
    let region = faults.required("region_id", region, REGION);
    let regional = region.and_then(|region| regional(faults, region, network));
    match &draft.endpoint {
        None => regional,
        Some(text) => match override_of(text) {
            Ok(endpoint) => Some(endpoint),
            Err(flaw) => {
                faults.judge("endpoint", Some(flaw), ENDPOINT);
                None
            }
        },
    }
}

fn regional(faults: &mut Faults, region: &str, network: NetworkType) -> Option<Endpoint> {
    let is_label = !region.is_empty()
        && region.len() <= 40
        && region
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_label {
        let found = shown(region);
        faults.push("region_id", ConfigProblem::NotAllowed { found }, REGION);
        return None;
    }
    let host = match network {
        NetworkType::Public => format!("cr.{region}.aliyuncs.com"),
        NetworkType::Vpc => format!("cr-vpc.{region}.aliyuncs.com"),
    };
    let protocol = Protocol::Https;
    Endpoint::new(protocol, Host::Domain(host), protocol.default_port(), None)
}

fn override_of(text: &str) -> Result<Endpoint, &'static str> {
    let url = Url::parse(text).map_err(|_| "is no URL")?;
    let protocol = match url.scheme() {
        "https" => Protocol::Https,
        "http" => Protocol::Http,
        _ => return Err("is neither http nor https"),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has a user name");
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err("has a path");
    }
    let host = parse_host(url.host_str().ok_or("has no host")?)?;
    let port = url.port_or_known_default().ok_or("has no port")?;
    let endpoint = Endpoint::new(protocol, host, port, None).ok_or("is no URL")?;
    if protocol == Protocol::Http && !endpoint.is_loopback() {
        return Err("is http to another machine");
    }
    Ok(endpoint)
}

fn word_flaw(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("is empty")
    } else if text.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
        Some("has white space or control characters")
    } else if text.chars().count() > 128 {
        Some("is too long")
    } else {
        None
    }
}

impl CredentialsDraft {
    fn read(reader: &mut TableReader<'_>) -> Option<Self> {
        const KEY: &str = "credentials";
        match reader.take(KEY)? {
            Value::String(word) if word == "default" => Some(Self::Default),
            // It may be a secret in the wrong place.
            Value::String(_) => {
                let flaw = "is another word than \"default\"";
                reader.fault(KEY, ConfigProblem::Malformed { flaw }, CREDENTIALS)
            }
            Value::Table(entries) => {
                let mut draft = None;
                reader.inner(entries, "credentials.", |table| {
                    let id = table.string("access_key_id");
                    let secret = table.secret("access_key_secret");
                    let token = table.secret("security_token");
                    let is_plain = |secret: &Option<(Secret, bool)>| {
                        secret.as_ref().is_some_and(|(_, is_plain)| *is_plain)
                    };
                    draft = Some(Self::AccessKey {
                        is_plain: is_plain(&secret) || is_plain(&token),
                        id,
                        secret: secret.map(|(secret, _)| secret),
                        security_token: token.map(|(token, _)| token),
                    });
                });
                draft
            }
            other => reader.wrong_type(KEY, &other, CREDENTIALS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_the_registrys_by_edition_region_and_name() {
        let settings = |instance: Option<AcrInstance>, domain: Option<&str>| AcrSettings {
            account_id: None,
            instance,
            credentials: AcrCredentials::DefaultChain,
            vpc_access: VpcAccess::Warn,
            requests_per_second: AcrSettings::REQUESTS_PER_SECOND,
            domain: domain.map(str::to_owned),
            endpoint: None,
        };
        let name = || Some(AcrInstance::Name("team-a".to_owned()));
        let id = || Some(AcrInstance::Id("cri-1".to_owned()));
        for (settings, host, is_its) in [
            (
                settings(name(), None),
                "team-a-registry.cn-hangzhou.cr.aliyuncs.com",
                true,
            ),
            (
                settings(name(), None),
                "team-a-registry-vpc.cn-hangzhou.cr.aliyuncs.com",
                true,
            ),
            (
                settings(name(), None),
                "team-b-registry.cn-hangzhou.cr.aliyuncs.com",
                false,
            ),
            (
                settings(name(), None),
                "team-a-registry.cn-shanghai.cr.aliyuncs.com",
                false,
            ),
            (
                settings(id(), None),
                "team-b-registry.cn-hangzhou.cr.aliyuncs.com",
                true,
            ),
            (
                settings(id(), None),
                "registry.cn-hangzhou.aliyuncs.com",
                false,
            ),
            (settings(id(), Some("r.example.com")), "r.example.com", true),
            (
                settings(id(), Some("r.example.com")),
                "q.example.com",
                false,
            ),
            (
                settings(None, None),
                "registry.cn-hangzhou.aliyuncs.com",
                true,
            ),
            (
                settings(None, None),
                "registry-vpc.cn-hangzhou.aliyuncs.com",
                true,
            ),
            (
                settings(None, None),
                "crpi-1.cn-hangzhou.personal.cr.aliyuncs.com",
                true,
            ),
            (settings(None, None), "cr.cn-hangzhou.aliyuncs.com", false),
        ] {
            let found = settings.is_pulled_from(host, "cn-hangzhou");
            assert_eq!(found, is_its, "{host}");
        }
    }
}
