use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Mutex;

use super::{
    api::{Api, Call},
    wire::{self, milliseconds, unreadable},
};
use crate::{
    clock::Timestamp,
    config::{IntegrationConfig, Protocol, SecretValue},
    connector::{PullAccess, PullCredential},
    error::IntegrationError,
    image::Location,
};

/// A log-in that ends sooner is not handed out where a newer one can be had: pulling takes its time. Of a
/// short one, as under a temporary key, so much is a quarter.
const LEFT_AT_LEAST: Duration = Duration::from_mins(15);
/// How long one counts that does not say when it ends: an hour is what the API gives unless asked.
const LASTS: Duration = Duration::from_hours(1);

/// The temporary log-in of the registry, kept until it is about to end.
#[derive(Debug, Default)]
pub(super) struct PullLogin {
    held: Mutex<Option<Login>>,
}

#[derive(Debug, Clone)]
pub(super) struct Login {
    username: String,
    password: SecretValue,
    pub(super) ends: Timestamp,
    stale_at: Timestamp,
}

/// Both editions' spellings.
#[derive(Deserialize)]
struct LoginWire {
    #[serde(alias = "TempUsername", alias = "tempUserName")]
    username: String,
    #[serde(alias = "AuthorizationToken", alias = "authorizationToken")]
    password: String,
    #[serde(
        alias = "ExpireTime",
        alias = "expireDate",
        default,
        deserialize_with = "wire::number"
    )]
    ends: Option<i64>,
}

impl PullLogin {
    /// A log-in that has time left, by this call where the one that is held has not. One task at a
    /// time asks for it.
    pub(super) async fn get(&self, api: &Api, call: &Call<'_>) -> Result<Login, IntegrationError> {
        let clock = api.connection.client.clock();
        let mut held = self.held.lock().await;
        if let Some(login) = held.as_ref().filter(|login| clock.now() < login.stale_at) {
            return Ok(login.clone());
        }
        let asked_at = clock.now();
        let answer = api.ask(call).await?;
        let told: LoginWire = wire::one(&answer)?;
        if told.username.is_empty() || told.password.is_empty() {
            return Err(unreadable(&answer, None));
        }
        let ends = told.ends.and_then(milliseconds);
        let ends = ends.unwrap_or_else(|| asked_at.saturating_add(LASTS));
        let lives = ends.since(asked_at);
        let login = Login {
            username: told.username,
            password: SecretValue::new(told.password),
            ends,
            stale_at: ends.saturating_sub(LEFT_AT_LEAST.min(lives / 4)),
        };
        *held = Some(login.clone());
        Ok(login)
    }
}

impl Login {
    /// Access to what lies at this domain. The registry itself speaks TLS alone.
    pub(super) fn access(
        self,
        domain: &str,
        config: &IntegrationConfig,
        location: &Location,
    ) -> PullAccess {
        let credential = PullCredential::Basic {
            username: self.username,
            password: self.password,
        };
        let protocol = Protocol::Https;
        PullAccess::new(
            protocol,
            domain,
            protocol.default_port(),
            location.clone(),
            credential,
        )
        .with_expiry(self.ends)
        .with_realm_hosts(realm_hosts(config.region_id().unwrap_or_default()))
        .by_the_way_of(config)
    }
}

/// Where the registries of a region let their tokens be fetched: the fixed pairs of region and realm,
/// of both editions and networks.
fn realm_hosts(region: &str) -> Vec<String> {
    let mut hosts: Vec<_> = ["", "-ee", "-vpc", "-ee-vpc"]
        .iter()
        .map(|kind| format!("dockerauth{kind}.{region}.aliyuncs.com"))
        .collect();
    match region {
        "cn-zhangjiakou" => hosts.push("dockerauth-cn-zhangjiakou.aliyuncs.com".to_owned()),
        // A registry there was seen to name the realm of its neighbour.
        "cn-shanghai" => hosts.push("dockerauth.cn-hangzhou.aliyuncs.com".to_owned()),
        _ => {}
    }
    hosts
}
