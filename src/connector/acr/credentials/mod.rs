//! Whose rights are used: one AccessKey, or what the default chain finds.
//!
//! The chain is this crate's own. The providers of `reqsign-aliyun-oss` were tried first and do not
//! fit: their profiles know static keys alone, and not the modes by which most are set up; there is no
//! way to switch profiles off, and no region of the STS; the token of a service account goes into a URL; failures quote the answer's body, which holds the
//! secret; time is the machine's and not that of the crate's clock; and they bring 15 crates more into
//! the default build, one of them (`tiny-keccak`, by `rust-ini`) under a licence that this crate does
//! not admit, and second copies of two. What they need instead is here: a few small answers in JSON, and
//! the HTTP layer that everything else uses, guard included.

mod chain;
mod environment;
mod metadata;
mod profile;
mod sts;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use secrecy::SecretString;

pub(super) use chain::Chain;

use crate::{
    clock::{Clock, Timestamp},
    config::{AcrCredentials, IntegrationConfig, Secret, SecretError},
    error::{BoxError, ErrorContext, IntegrationError, Step},
    image::RegistryKind,
};

/// How long before its end a temporary key is renewed, where it lives long enough.
const RENEWED_BEFORE: Duration = Duration::from_mins(15);
/// A key that has no longer to live is waited for a new one; any other is used meanwhile.
const TOO_LATE: Duration = Duration::from_secs(60);
/// After so long a key without an end is looked for again, since its file may have changed.
const LOOKED_FOR_AGAIN: Duration = Duration::from_mins(15);
/// The pause after a renewal that failed.
const TRIED_AGAIN: Duration = Duration::from_secs(30);

/// A key that is about to end is not asked for more often, whatever the place gives.
const NOT_SOONER: Duration = Duration::from_millis(250);

/// An AccessKey as it signs.
#[derive(Clone)]
pub(super) struct AccessKey {
    pub(super) id: String,
    pub(super) secret: SecretString,
    /// Of a temporary key.
    pub(super) security_token: Option<SecretString>,
    /// When it ends, where it does so by itself.
    pub(super) ends: Option<Timestamp>,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey")
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}

/// Why a source of keys gives none.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeyError {
    #[error("the secret of the AccessKey cannot be had")]
    Secret(#[source] SecretError),
    #[error("no credentials found: {0}")]
    NoneFound(String),
    #[error("{place} cannot be read")]
    Unreadable {
        place: String,
        #[source]
        source: BoxError,
    },
    #[error("{place} {flaw}")]
    Unfit { place: String, flaw: String },
    #[error("{place} cannot be asked")]
    Unreachable {
        place: String,
        #[source]
        source: Box<IntegrationError>,
    },
}

impl KeyError {
    /// The error of the integration. One of the network stays one, since another try may help.
    fn into_integration(self, registry: RegistryKind, host: &str) -> IntegrationError {
        match self {
            Self::Unreachable { source, .. } if source.is_retryable() => *source,
            other => IntegrationError::ConfigInvalid {
                context: Box::new(ErrorContext::new(registry, host, Step::Config)),
                field: "credentials",
                source: Box::new(other),
            },
        }
    }
}

/// The present key of an integration.
///
/// A temporary one is renewed before it ends, by one task at a time, while the others go on with what
/// is still good.
#[derive(Debug)]
pub(super) struct Keys {
    source: Source,
    registry: RegistryKind,
    host: String,
    clock: Arc<dyn Clock>,
    held: Mutex<Option<Held>>,
    renewing: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
enum Source {
    Given {
        id: String,
        secret: Secret,
        security_token: Option<Secret>,
    },
    Chain(Box<Chain>),
}

#[derive(Debug, Clone)]
struct Held {
    key: Arc<AccessKey>,
    /// When another is looked for.
    stale_at: Timestamp,
}

impl Keys {
    pub(super) fn new(
        credentials: &AcrCredentials,
        config: &IntegrationConfig,
        host: &str,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let registry = config.registry();
        let source = match credentials {
            AcrCredentials::AccessKey {
                id,
                secret,
                security_token,
            } => Source::Given {
                id: id.clone(),
                secret: secret.clone(),
                security_token: security_token.clone(),
            },
            AcrCredentials::DefaultChain => {
                let chain = Chain::of_this_process(registry, clock);
                Source::Chain(Box::new(chain.by_the_way_of(config)))
            }
        };
        Self::of(source, registry, host, clock)
    }

    fn of(source: Source, registry: RegistryKind, host: &str, clock: &Arc<dyn Clock>) -> Self {
        Self {
            source,
            registry,
            host: host.to_owned(),
            clock: Arc::clone(clock),
            held: Mutex::default(),
            renewing: tokio::sync::Mutex::default(),
        }
    }

    /// A key that is good now.
    pub(super) async fn current(&self) -> Result<Arc<AccessKey>, IntegrationError> {
        let held = self.held();
        let now = self.clock.now();
        match &held {
            Some(held) if now < held.stale_at => return Ok(Arc::clone(&held.key)),
            Some(held) if held.outlives(now.saturating_add(TOO_LATE)) => {
                let Ok(_alone) = self.renewing.try_lock() else {
                    return Ok(Arc::clone(&held.key));
                };
                // Whoever was before may have brought one.
                if let Some(newer) = self.held().filter(|newer| now < newer.stale_at) {
                    return Ok(newer.key);
                }
                return Ok(match self.renewed().await {
                    Ok(key) => key,
                    Err(error) => {
                        tracing::warn!(%error, "a key that is about to end was not renewed yet");
                        self.hold(&held.key, now.saturating_add(TRIED_AGAIN));
                        Arc::clone(&held.key)
                    }
                });
            }
            _ => {}
        }
        let _alone = self.renewing.lock().await;
        // Whoever was before may have brought one.
        match self.held() {
            Some(held) if self.clock.now() < held.stale_at => Ok(held.key),
            _ => self.renewed().await,
        }
    }

    /// Another key than the one that the server calls ended, if there is one.
    pub(super) async fn after(&self, refused: &AccessKey) -> Option<Arc<AccessKey>> {
        let _alone = self.renewing.lock().await;
        let held = self.held().map(|held| held.key);
        if let Some(newer) = held.filter(|held| held.id != refused.id) {
            return Some(newer);
        }
        let renewed = self.renewed().await.ok()?;
        (renewed.id != refused.id).then_some(renewed)
    }

    /// Looks again for a key that has no end, since another may stand in its place by now.
    pub(super) fn look_again(&self) {
        let mut held = self.lock();
        if held.as_ref().is_some_and(|held| held.key.ends.is_none()) {
            *held = None;
        }
    }

    async fn renewed(&self) -> Result<Arc<AccessKey>, IntegrationError> {
        let found = match &self.source {
            Source::Given {
                id,
                secret,
                security_token,
            } => given(id, secret, security_token.as_ref()).await,
            Source::Chain(chain) => chain.find().await,
        };
        let key = found.map_err(|error| error.into_integration(self.registry, &self.host))?;
        let now = self.clock.now();
        let lives = key.ends.map(|ends| ends.since(now));
        let fresh = match lives {
            Some(lives) => lives - RENEWED_BEFORE.min(lives / 4),
            None => LOOKED_FOR_AGAIN,
        };
        let key = Arc::new(key);
        self.hold(&key, now.saturating_add(fresh.max(NOT_SOONER)));
        Ok(key)
    }

    fn hold(&self, key: &Arc<AccessKey>, stale_at: Timestamp) {
        *self.lock() = Some(Held {
            key: Arc::clone(key),
            stale_at,
        });
    }

    fn held(&self) -> Option<Held> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn outlives(&self, moment: Timestamp) -> bool {
        self.key.ends.is_none_or(|ends| ends > moment)
    }
}

async fn given(
    id: &str,
    secret: &Secret,
    security_token: Option<&Secret>,
) -> Result<AccessKey, KeyError> {
    let token = match security_token {
        Some(token) => Some(token.resolve().await.map_err(KeyError::Secret)?),
        None => None,
    };
    Ok(AccessKey {
        id: id.to_owned(),
        secret: secret
            .resolve()
            .await
            .map_err(KeyError::Secret)?
            .into_inner(),
        security_token: token.map(crate::config::SecretValue::into_inner),
        ends: None,
    })
}
