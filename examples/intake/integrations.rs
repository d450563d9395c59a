//! `integrations`: the integrated registries and what is known of them.

use std::{
    io::{self, Write},
    net::IpAddr,
};

use registry_intake::{
    clock::Timestamp,
    config::{IntegrationConfig, NetworkType, SpeedLimit},
    error::ErrorCode,
    image::RegistryKind,
    inventory::{IntegrationSummary, RunReport, StateCounts, VerificationRecord},
};
use serde::Serialize;

use crate::{
    arguments::{Arguments, Name},
    failure::{Failure, Verdict},
    output::{Output, Report},
    records::to_the_second,
    selection, store,
    sync::RunRecord,
};

/// The configured integrations, or without a configuration those that are stored.
pub(crate) async fn integrations(
    arguments: &Arguments,
    name: &Name,
    output: &Output,
) -> Result<Verdict, Failure> {
    let configured = match arguments.config {
        Some(_) => Some(selection::configured(arguments, name)?),
        None => None,
    };
    let stored = store::with_existing(arguments, async |store| match (store, &configured) {
        (Some(store), _) => Ok(store.integrations().await?),
        (None, Some(_)) => Ok(Vec::new()),
        (None, None) => Err(store::missing()),
    })
    .await?;
    match &configured {
        Some(configured) => {
            for config in configured {
                let stored = stored
                    .iter()
                    .find(|stored| store::name_of(stored) == config.name());
                output.report(&IntegrationRecord::configured(config).with(stored))?;
            }
        }
        None => {
            for stored in &selection::named(stored, store::name_of, name)? {
                output.report(&IntegrationRecord::stored(stored).with(Some(stored)))?;
            }
        }
    }
    Ok(Verdict::Done)
}

/// Holds no secret, nor where one comes from.
#[derive(Serialize)]
struct IntegrationRecord<'a> {
    integration: &'a str,
    name: &'a str,
    #[serde(rename = "type")]
    registry_type: &'static str,
    version: Option<&'static str>,
    domain: Option<&'a str>,
    port: Option<u16>,
    ip: Option<IpAddr>,
    network: Option<NetworkType>,
    region_id: Option<&'a str>,
    speed_limit: Option<SpeedLimit>,
    schedule: Option<String>,
    timezone: Option<&'a str>,
    images: Option<StateCounts>,
    last_sync: Option<LastSync>,
    last_verification: Option<LastVerification>,
}

#[derive(Serialize)]
struct LastSync {
    at: Timestamp,
    #[serde(flatten)]
    run: RunRecord,
}

#[derive(Serialize)]
struct LastVerification {
    at: Timestamp,
    ok: bool,
    code: Option<ErrorCode>,
}

impl<'a> IntegrationRecord<'a> {
    fn configured(config: &'a IntegrationConfig) -> Self {
        let endpoint = config.endpoint();
        Self {
            domain: Some(endpoint.domain()),
            port: Some(endpoint.port()),
            ip: endpoint.ip(),
            network: Some(config.network()),
            region_id: config.region_id(),
            speed_limit: Some(config.speed_limit()),
            schedule: Some(config.schedule().to_string()),
            timezone: Some(config.schedule().time_zone()),
            ..Self::named(config.name(), config.registry())
        }
    }

    fn stored(stored: &'a IntegrationSummary) -> Self {
        let binding = &stored.binding;
        // An instance of ACR stands behind its API's host.
        let host = binding.registry.split('/').next().unwrap_or_default();
        let (domain, port) = host.rsplit_once(':').unzip();
        Self {
            domain,
            port: port.and_then(|port| port.parse().ok()),
            ..Self::named(&binding.integration, binding.kind)
        }
    }

    fn named(name: &'a str, kind: RegistryKind) -> Self {
        let (registry_type, version) = match kind {
            RegistryKind::HarborV1 => ("harbor", Some("V1")),
            RegistryKind::HarborV2 => ("harbor", Some("V2")),
            other => (other.as_str(), None),
        };
        Self {
            integration: name,
            name,
            registry_type,
            version,
            domain: None,
            port: None,
            ip: None,
            network: None,
            region_id: None,
            speed_limit: None,
            schedule: None,
            timezone: None,
            images: None,
            last_sync: None,
            last_verification: None,
        }
    }

    fn with(self, stored: Option<&IntegrationSummary>) -> Self {
        Self {
            images: stored.map(|stored| stored.images),
            last_sync: stored.and_then(|stored| stored.last_run.as_ref().map(LastSync::from)),
            last_verification: stored
                .and_then(|stored| stored.last_verification.as_ref())
                .map(LastVerification::from),
            ..self
        }
    }
}

impl From<&RunReport> for LastSync {
    fn from(run: &RunReport) -> Self {
        Self {
            at: run.finished_at,
            run: run.into(),
        }
    }
}

impl From<&VerificationRecord> for LastVerification {
    fn from(record: &VerificationRecord) -> Self {
        Self {
            at: record.at,
            ok: record.failure.is_none(),
            code: record.failure.as_ref().map(|failure| failure.code),
        }
    }
}

impl Report for IntegrationRecord<'_> {
    fn text(&self, to: &mut Vec<u8>) -> io::Result<()> {
        write!(to, "{}: {}", self.name, self.registry_type)?;
        if let Some(version) = self.version {
            write!(to, " {version}")?;
        }
        if let (Some(domain), Some(port)) = (self.domain, self.port) {
            write!(to, " at {domain}:{port}")?;
        }
        if let Some(ip) = self.ip {
            write!(to, ", dialled at {ip}")?;
        }
        if let Some(network) = self.network {
            write!(to, ", {network} network")?;
        }
        if let Some(region) = self.region_id {
            write!(to, ", region {region}")?;
        }
        writeln!(to)?;
        if let Some(limit) = self.speed_limit {
            writeln!(to, "  speed limit  {limit}")?;
        }
        if let Some(schedule) = &self.schedule {
            writeln!(to, "  synced       {schedule}")?;
        }
        match &self.images {
            Some(counts) => writeln!(
                to,
                "  images       {} pending, {} in hand, {} ingested, {} parked, {} left out, {} gone",
                counts.pending,
                counts.in_hand,
                counts.ingested,
                counts.parked,
                counts.left_out,
                counts.gone
            )?,
            None => writeln!(to, "  images       not synced yet")?,
        }
        match &self.last_sync {
            Some(LastSync { at, run }) => {
                let at = to_the_second(*at);
                writeln!(to, "  last sync    {at}: {}", run.summary())?;
            }
            None => writeln!(to, "  last sync    never")?,
        }
        match &self.last_verification {
            None => writeln!(to, "  verified     never"),
            Some(LastVerification { at, code, .. }) => {
                let at = to_the_second(*at);
                let outcome = code.map_or("ok", ErrorCode::as_str);
                writeln!(to, "  verified     {at}: {outcome}")
            }
        }
    }
}
