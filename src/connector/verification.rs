use std::{borrow::Cow, net::IpAddr, time::Duration};

use crate::{
    clock::Clock,
    config::{ConfigWarning, Endpoint, Protocol},
    error::{IntegrationError, Language, NetworkPhase, Step, realm_hosts},
    http::{Phases, observed},
    image::RegistryKind,
};

/// A verification as a report: every step in order, what was seen, and what to know.
#[derive(Debug)]
#[non_exhaustive]
pub struct Verification {
    /// The configured kind of registry.
    pub kind: RegistryKind,
    /// The version that the server states, where it states one.
    pub version: Option<String>,
    /// What the account sees.
    pub seen: Seen,
    /// What an operator should know although nothing failed.
    pub warnings: Vec<Warning>,
    /// The steps in the order in which they were taken.
    pub probes: Vec<Probe>,
}

impl Verification {
    /// A report with no probes yet.
    #[must_use]
    pub const fn new(kind: RegistryKind, warnings: Vec<Warning>) -> Self {
        Self {
            kind,
            version: None,
            seen: Seen {
                namespaces: None,
                repositories: None,
            },
            warnings,
            probes: Vec::new(),
        }
    }

    /// Whether no probe failed.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.failure().is_none()
    }

    /// The first failure.
    #[must_use]
    pub fn failure(&self) -> Option<&IntegrationError> {
        self.probes.iter().find_map(|probe| match &probe.outcome {
            Outcome::Failed(error) => Some(error),
            _ => None,
        })
    }

    /// The report as a result.
    ///
    /// # Errors
    /// The first failure of the probes.
    pub fn into_result(self) -> Result<(), IntegrationError> {
        self.probes
            .into_iter()
            .find_map(|probe| match probe.outcome {
                Outcome::Failed(error) => Some(error),
                _ => None,
            })
            .map_or(Ok(()), Err)
    }

    /// Takes a step: runs it, times it and reports it. Returns what it found, if it passed.
    pub async fn probe<T>(
        &mut self,
        clock: &dyn Clock,
        step: Step,
        subject: &str,
        attempt: impl Future<Output = Result<T, IntegrationError>> + Send,
    ) -> Option<T> {
        let began = clock.monotonic();
        let (outcome, found) = match attempt.await {
            Ok(found) => (Outcome::Passed, Some(found)),
            Err(error) => (Outcome::Failed(error), None),
        };
        self.probes.push(Probe {
            step,
            subject: subject.to_owned(),
            outcome,
            elapsed: clock.monotonic().saturating_sub(began),
        });
        found
    }

    /// Takes the steps up to the registry by one attempt to recognise it, whose own connection is
    /// measured: a failure tells how far it came.
    pub async fn reach<T>(
        &mut self,
        clock: &dyn Clock,
        endpoint: &Endpoint,
        attempt: impl Future<Output = Result<T, IntegrationError>> + Send,
    ) -> Option<T> {
        let subject = endpoint.authority();
        let attempt = self.probe(clock, Step::Registry, &subject, attempt);
        let (found, phases) = observed(attempt).await;
        let last = self.probes.pop()?;
        let reached = match &last.outcome {
            Outcome::Failed(error) => step_of(error),
            _ => Step::Registry,
        };
        // Behind a proxy that looks names up itself nobody here did.
        let is_looked_up = phases.as_ref().is_none_or(|phases| phases.dns.is_some());
        let resolves =
            is_looked_up && endpoint.ip().is_none() && endpoint.domain().parse::<IpAddr>().is_err();
        let encrypts = endpoint.protocol() == Protocol::Https;
        let of = |phase: fn(&Phases) -> Option<Duration>| phases.as_ref().and_then(phase);
        for (step, applies, elapsed) in [
            (Step::Dns, resolves, of(|phases| phases.dns)),
            (Step::Connect, true, of(|phases| phases.connect)),
            (Step::Tls, encrypts, of(|phases| phases.tls)),
        ] {
            let elapsed = elapsed.unwrap_or_default();
            if step == reached {
                self.probes.push(Probe {
                    step,
                    elapsed,
                    ..last
                });
                return found;
            }
            self.probes.push(Probe {
                step,
                subject: subject.clone(),
                outcome: if applies {
                    Outcome::Passed
                } else {
                    Outcome::Skipped
                },
                elapsed,
            });
        }
        let connecting = phases.map_or(Duration::ZERO, |phases| phases.total());
        self.probes.push(Probe {
            step: reached,
            elapsed: last.elapsed.saturating_sub(connecting),
            ..last
        });
        found
    }

    /// Reports every step that was not taken, since an earlier one failed or it is not one of
    /// this registry's.
    pub fn skip_the_rest(&mut self, subject: &str) {
        for step in Step::ALL {
            if !self.probes.iter().any(|probe| probe.step == *step) {
                self.probes.push(Probe {
                    step: *step,
                    subject: subject.to_owned(),
                    outcome: Outcome::Skipped,
                    elapsed: Duration::ZERO,
                });
            }
        }
    }
}

/// The step at which an attempt to recognise the registry failed.
fn step_of(error: &IntegrationError) -> Step {
    match error {
        IntegrationError::NetworkConnectError { phase, .. } => match phase {
            NetworkPhase::Dns => Step::Dns,
            NetworkPhase::HandshakeTimeout => Step::Tls,
            NetworkPhase::ResponseTimeout | NetworkPhase::Interrupted => Step::Registry,
            _ => Step::Connect,
        },
        IntegrationError::AddressRefused { .. } => Step::Connect,
        IntegrationError::TlsVerificationFailed { .. } => Step::Tls,
        _ => Step::Registry,
    }
}

/// How much an account sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// Projects, organisations or namespaces; none where it was not counted.
    pub namespaces: Option<u64>,
    /// Repositories; none where it was not counted.
    pub repositories: Option<u64>,
}

/// One step of a verification.
#[derive(Debug)]
pub struct Probe {
    /// The step.
    pub step: Step,
    /// What it was taken on: host, organisation, instance.
    pub subject: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub elapsed: Duration,
}

/// How a step ended.
#[derive(Debug)]
pub enum Outcome {
    /// As it should.
    Passed,
    /// With this error.
    Failed(IntegrationError),
    /// Not taken: an earlier step failed, or this registry or configuration has no such step.
    Skipped,
}

impl Outcome {
    /// The outcome's name in reports.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::Skipped => "skipped",
        }
    }

    /// What the outcome is called before an operator; in English as in reports.
    #[must_use]
    pub const fn name(&self, language: Language) -> &'static str {
        let chinese = match self {
            Self::Passed => "通过",
            Self::Failed(_) => "失败",
            Self::Skipped => "跳过",
        };
        language.choose(self.as_str(), chinese)
    }
}

/// What an operator should know although nothing failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The configuration is valid but unwise.
    Config(ConfigWarning),
    /// The server states a version that is not the configured one, but may state an old one.
    VersionDoubtful,
    /// The registry offers this account no totals: the lists were read twice in place of a proof.
    ReadTwice,
    /// Access over a VPC is not configured on the instance, which the product documents demand before
    /// its images may be scanned.
    VpcAccessNotConfigured,
    /// Whether access over a VPC is configured on the instance, the account may not ask.
    VpcAccessUnknown,
    /// The registry sends its clients for tokens to a host that may not receive the credentials.
    ForeignRealm {
        /// The host and port.
        host: String,
    },
}

impl Warning {
    /// The warning's stable name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Config(warning) => warning.code(),
            Self::VersionDoubtful => "version_doubtful",
            Self::ReadTwice => "read_twice",
            Self::VpcAccessNotConfigured => "vpc_access_not_configured",
            Self::VpcAccessUnknown => "vpc_access_unknown",
            Self::ForeignRealm { .. } => "foreign_realm",
        }
    }

    /// The warning in a sentence.
    #[must_use]
    pub fn message(&self, language: Language) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Config(warning) => warning.message(language),
            Self::VersionDoubtful => language.choose(
                "The server states another version than the configured one, though it may be newer than what it states.",
                "服务端报告的版本与配置的版本不一致，但其实际版本可能比它报告的更新。",
            ),
            Self::ReadTwice => language.choose(
                "The registry tells this account no totals, so what it shows was proved by asking twice; an image is marked as gone only after two complete runs.",
                "镜像仓库不向该账号提供总数，因此通过读取两次来证明清单完整；镜像须连续两次完整运行都未出现，才会标记为已消失。",
            ),
            Self::VpcAccessNotConfigured => language.choose(
                "The instance has no access over a VPC configured; the product scans its images only then: add a VPC to the instance's access control.",
                "实例未配置专有网络（VPC）访问，而产品只有在配置之后才会扫描其镜像：请在实例的访问控制中添加 VPC。",
            ),
            Self::VpcAccessUnknown => language.choose(
                "The account may not ask whether access over a VPC is configured: allow cr:GetInstanceVpcEndpoint to know.",
                "该账号无权查询是否已配置专有网络（VPC）访问：如需了解，请允许 cr:GetInstanceVpcEndpoint。",
            ),
            Self::ForeignRealm { host } => {
                let setting = realm_hosts(host);
                return Cow::Owned(match language {
                    Language::English => format!(
                        "The registry sends its clients to {host} for tokens, which may not receive the credentials: whoever pulls by this integration is refused there. If it is the registry's own token service, set {setting}; if not, correct the registry's external address."
                    ),
                    Language::SimplifiedChinese => format!(
                        "镜像仓库要求客户端到 {host} 获取令牌，而该主机不得接收凭据：使用此集成拉取镜像时会在此处被拒绝。如果它是该镜像仓库自己的令牌服务，请设置 {setting}；否则请更正镜像仓库的外部访问地址。"
                    ),
                });
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::assert_translated;

    #[test]
    fn every_warning_is_told_in_every_language() {
        let own = [
            Warning::VersionDoubtful,
            Warning::ReadTwice,
            Warning::VpcAccessNotConfigured,
            Warning::VpcAccessUnknown,
            Warning::ForeignRealm {
                host: "auth.example.com:443".to_owned(),
            },
        ];
        let of_config = ConfigWarning::ALL.iter().copied().map(Warning::Config);
        for warning in own.into_iter().chain(of_config) {
            assert_translated(
                &warning.message(Language::English),
                &warning.message(Language::SimplifiedChinese),
            );
        }
    }

    #[test]
    fn every_outcome_has_a_name_in_every_language() {
        for outcome in [Outcome::Passed, Outcome::Skipped] {
            assert_eq!(outcome.name(Language::English), outcome.as_str());
            assert_translated(outcome.as_str(), outcome.name(Language::SimplifiedChinese));
        }
    }
}
