//! `verify`: each step of an integration, and what to do about the one that fails.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use registry_intake::{
    clock::{Clock, SystemClock},
    config::IntegrationConfig,
    connector::{ConnectContext, Outcome, Probe, Verification, Warning, connect_within},
    error::{ErrorCode, ErrorRecord, IntegrationError, Language, Step},
    inventory::{Binding, Inventory, InventoryError, VerificationRecord},
};
use serde::Serialize;

use crate::{
    arguments::{Arguments, Name},
    failure::{Failure, Verdict},
    output::{Output, Report},
    selection, store,
};

/// Verifies, and keeps the outcome in the inventory where one is given or there already.
pub(crate) async fn verify(
    arguments: &Arguments,
    name: &Name,
    output: &Output,
) -> Result<Verdict, Failure> {
    let integrations = selection::configured(arguments, name)?;
    let store = match arguments.inventory {
        Some(_) => Some(store::open(arguments).await?),
        None => store::existing(arguments).await.or_else(|failure| {
            // Nobody asked for it, so it keeps nobody from the reports.
            selection::tell(failure, None, output).map(|()| None)
        })?,
    };
    let connections = ConnectContext::new();
    let ended = selection::in_order(&integrations, output, async |config| {
        verify_one(config, &connections, store.as_deref(), output).await
    })
    .await;
    if let Some(store) = store {
        store.close().await;
    }
    ended
}

pub(crate) async fn verify_one(
    config: &IntegrationConfig,
    connections: &ConnectContext,
    store: Option<&dyn Inventory>,
    output: &Output,
) -> Result<Verdict, Failure> {
    output.spin();
    output.progress(|| format!("verifying {}", config.name()));
    let verification = match connect_within(config, connections) {
        Ok(connector) => connector.verify().await,
        Err(error) => no_connection(config, error),
    };
    output.at_rest();
    output.report(&VerifyReport::new(config, &verification, output.language()))?;
    // The verdict is the report's, whatever becomes of its copy.
    if let Some(store) = store
        && let Err(error) = record(config, &verification, store).await
    {
        selection::tell(error.into(), Some(config.name()), output)?;
    }
    Ok(if verification.is_ok() {
        Verdict::Done
    } else {
        Verdict::Failed
    })
}

/// A name is bound to its registry by its first success, so that a mistyped domain binds nothing.
async fn record(
    config: &IntegrationConfig,
    verification: &Verification,
    inventory: &dyn Inventory,
) -> Result<(), InventoryError> {
    if verification.is_ok() {
        let binding = Binding {
            integration: config.name().to_owned(),
            kind: config.registry(),
            registry: config.registry_name(),
        };
        inventory.bind(&binding).await?;
    }
    let record = VerificationRecord {
        at: SystemClock::new().now(),
        failure: verification.failure().map(ErrorRecord::from),
    };
    match inventory.record_verification(config.name(), &record).await {
        Err(InventoryError::UnknownIntegration { .. }) => Ok(()),
        recorded => recorded,
    }
}

/// The report of an integration for which no connector could be made.
fn no_connection(config: &IntegrationConfig, error: IntegrationError) -> Verification {
    let warnings = config.warnings().iter().copied();
    let mut verification =
        Verification::new(config.registry(), warnings.map(Warning::Config).collect());
    let host = config.endpoint().authority();
    verification.probes.push(Probe {
        step: Step::Config,
        subject: host.clone(),
        outcome: Outcome::Failed(error),
        elapsed: std::time::Duration::ZERO,
    });
    verification.skip_the_rest(&host);
    verification
}

#[derive(Serialize)]
pub(crate) struct VerifyReport<'a> {
    integration: &'a str,
    ok: bool,
    registry: RegistryRecord<'a>,
    seen: SeenRecord,
    warnings: Vec<WarningRecord<'a>>,
    probes: Vec<ProbeRecord<'a>>,
    #[serde(skip)]
    language: Language,
}

#[derive(Serialize)]
struct RegistryRecord<'a> {
    #[serde(rename = "type")]
    registry_type: &'static str,
    version: Option<&'a str>,
}

#[derive(Clone, Copy, Serialize)]
struct SeenRecord {
    namespaces: Option<u64>,
    repositories: Option<u64>,
}

#[derive(Serialize)]
struct WarningRecord<'a> {
    code: &'static str,
    message: Cow<'static, str>,
    #[serde(skip)]
    warning: &'a Warning,
}

#[derive(Serialize)]
struct ProbeRecord<'a> {
    step: Step,
    subject: &'a str,
    outcome: &'static str,
    elapsed_ms: u128,
    code: Option<ErrorCode>,
    message: Option<String>,
    remedy: Option<String>,
    #[serde(skip)]
    probe: &'a Probe,
}

impl<'a> VerifyReport<'a> {
    pub(crate) fn new(
        config: &'a IntegrationConfig,
        verification: &'a Verification,
        language: Language,
    ) -> Self {
        Self {
            integration: config.name(),
            ok: verification.is_ok(),
            registry: RegistryRecord {
                registry_type: config.registry_type().as_str(),
                version: verification.version.as_deref(),
            },
            seen: SeenRecord {
                namespaces: verification.seen.namespaces,
                repositories: verification.seen.repositories,
            },
            warnings: verification
                .warnings
                .iter()
                .map(|warning| WarningRecord {
                    code: warning.code(),
                    message: warning.message(Language::English),
                    warning,
                })
                .collect(),
            probes: verification.probes.iter().map(ProbeRecord::from).collect(),
            language,
        }
    }
}

impl<'a> From<&'a Probe> for ProbeRecord<'a> {
    fn from(probe: &'a Probe) -> Self {
        let error = match &probe.outcome {
            Outcome::Failed(error) => Some(ErrorRecord::from(error)),
            _ => None,
        };
        let code = error.as_ref().map(|error| error.code);
        let (message, remedy) = error.map(|error| (error.message, error.remedy)).unzip();
        Self {
            step: probe.step,
            subject: &probe.subject,
            outcome: probe.outcome.as_str(),
            elapsed_ms: probe.elapsed.as_millis(),
            code,
            message,
            remedy,
            probe,
        }
    }
}

impl Report for VerifyReport<'_> {
    fn text(&self, to: &mut Vec<u8>) -> io::Result<()> {
        let words = Words::of(self.language);
        let RegistryRecord {
            registry_type,
            version,
        } = &self.registry;
        let version = version.unwrap_or(words.unknown_version);
        let colon = words.colon;
        writeln!(to, "{}{colon}{registry_type} {version}", self.integration)?;
        let width = self.probes.iter().map(|probe| probe.subject.len()).max();
        for probe in &self.probes {
            probe.text(to, width.unwrap_or_default(), self.language)?;
        }
        for WarningRecord { code, warning, .. } in &self.warnings {
            let message = warning.message(self.language);
            writeln!(to, "  {}{code}{colon}{message}", words.warning)?;
        }
        let SeenRecord {
            namespaces,
            repositories,
        } = self.seen;
        match self.probes.iter().find_map(|probe| probe.code) {
            None => writeln!(to, "  {}", (words.verified)(namespaces, repositories)),
            Some(code) => writeln!(to, "  {}{code}", words.not_verified),
        }
    }
}

impl ProbeRecord<'_> {
    fn text(&self, to: &mut Vec<u8>, width: usize, language: Language) -> io::Result<()> {
        let words = Words::of(language);
        let outcome = self.probe.outcome.name(language);
        let step = self.step.name(language);
        // The names in Chinese are each as wide as the others.
        match language {
            Language::SimplifiedChinese => write!(to, "  {outcome}  {step}  ")?,
            _ => write!(to, "  {outcome:<8} {step:<12} ")?,
        }
        let Outcome::Failed(error) = &self.probe.outcome else {
            return match self.probe.outcome {
                Outcome::Skipped => writeln!(to, "{}", self.subject),
                _ => writeln!(to, "{:<width$} {:>6} ms", self.subject, self.elapsed_ms),
            };
        };
        writeln!(to, "{:<width$} {:>6} ms", self.subject, self.elapsed_ms)?;
        let message = error.message_with_causes(language);
        writeln!(to, "           {message}")?;
        let remedy = error.remedy(language);
        writeln!(to, "           {}{remedy}", words.remedy)
    }
}

/// What a verification is told with.
struct Words {
    unknown_version: &'static str,
    colon: &'static str,
    warning: &'static str,
    remedy: &'static str,
    not_verified: &'static str,
    verified: fn(Option<u64>, Option<u64>) -> String,
}

impl Words {
    fn of(language: Language) -> Self {
        match language {
            Language::SimplifiedChinese => Self {
                unknown_version: "（版本未知）",
                colon: "：",
                warning: "告警  ",
                remedy: "处理办法：",
                not_verified: "验证未通过：",
                verified: |namespaces, repositories| {
                    let count = |number: Option<u64>| {
                        number.map_or_else(
                            || "数量未知的".to_owned(),
                            |number| format!(" {number} 个"),
                        )
                    };
                    format!(
                        "验证通过：该账号可以看到{}命名空间和{}仓库",
                        count(namespaces),
                        count(repositories)
                    )
                },
            },
            _ => Self {
                unknown_version: "of unknown version",
                colon: ": ",
                warning: "warning  ",
                remedy: "What to do: ",
                not_verified: "not verified: ",
                verified: |namespaces, repositories| {
                    let count = |number: Option<u64>, what| match number {
                        Some(number) => format!("{number} {what}"),
                        None => format!("an unknown number of {what}"),
                    };
                    format!(
                        "verified: the account sees {} and {}",
                        count(namespaces, "namespaces"),
                        count(repositories, "repositories"),
                    )
                },
            },
        }
    }
}
