//! The whole job on a simulated Harbor in this process.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use registry_intake::{
    clock::{Clock, SystemClock},
    config::{IntegrationConfig, Protocol, RegistryType, RegistryVersion, Secret, SpeedLimit},
    connector::{ConnectContext, connect_within},
    ingest::Until,
    inventory::{self, Inventory},
    simulator::HarborV2,
    sync::InventorySync,
};

use crate::{
    failure::{Failure, Verdict},
    ingest::{Printer, ingest_one},
    output::Output,
    records::to_the_second,
    sync::sync_one,
    verify::verify_one,
};

const IMAGES: u64 = 5;

/// Fast enough to watch.
const PER_HOUR: NonZeroU32 = NonZeroU32::new(3600).unwrap();

const NEXT: &str = "
Where to go next
  The same on your registry: write its integration into intake.toml,

    [[integrations]]
    name = \"harbor-prod\"
    type = \"harbor\"
    version = \"V2\"
    domain = \"harbor.example.com\"
    username = \"admin\"
    password = { env = \"HARBOR_PASSWORD\" }

  then, one after the other,

    cargo run --example intake -- --config intake.toml verify
    cargo run --example intake -- --config intake.toml sync
    cargo run --example intake -- --config intake.toml ingest

  docs/example-contract.md describes every command and its JSON.
  A simulated registry to try them on:
    cargo run --example simulator -- --kind harbor-v2 --port 8080";

pub(crate) async fn demonstrate(output: &Arc<Output>) -> Result<Verdict, Failure> {
    let harbor = HarborV2::builder().start().await?;
    output.say(&format!(
        "1. Start: a simulated Harbor {} listens at {}.",
        harbor.release().name(),
        harbor.url()
    ))?;

    let config = integration(&harbor)?;
    output.say(&format!(
        "\n2. Integrate: {:?}, user {:?}, speed_limit = {PER_HOUR} so that there is something to \
         watch; the default is {}.",
        config.name(),
        HarborV2::USERNAME,
        SpeedLimit::DEFAULT
    ))?;

    output.say("\n3. Verify: each step is proved, and a failure would name its remedy.")?;
    let store = inventory::open(":memory:").await?;
    let connections = ConnectContext::new();
    let verified = verify_one(&config, &connections, Some(&*store), output).await?;
    if verified != Verdict::Done {
        return Ok(verified);
    }

    output.say(
        "\n4. Sync: one complete listing goes into the inventory, here an SQLite in memory.",
    )?;
    let registry = connect_within(&config, &connections)?;
    let sync = InventorySync::new(config.name(), registry, Arc::clone(&store));
    let synced = sync_one(&config, &sync, output).await?;
    if synced != Verdict::Done {
        return Ok(synced);
    }

    output.say(&format!(
        "\n5. Ingest: {IMAGES} images go to the scanner, here a line of text, at 3,600 an hour: one \
         a second."
    ))?;
    let printer = Arc::new(Printer::new(Arc::clone(output), false));
    ingest_one(
        &config,
        &connections,
        &store,
        Until::images(IMAGES),
        &printer,
    )
    .await?;
    printer.finish()?;
    rest(&config, &*store, output).await?;
    store.close().await;
    output.say(NEXT)?;
    Ok(Verdict::Done)
}

fn integration(harbor: &HarborV2) -> Result<IntegrationConfig, Failure> {
    let address = harbor.address();
    Ok(IntegrationConfig::builder("demonstration")
        .registry_type(RegistryType::Harbor)
        .version(RegistryVersion::V2)
        .protocol(Protocol::Http)
        .region_id("cn-hangzhou")
        .domain(address.ip().to_string())
        .port(address.port())
        .username(HarborV2::USERNAME)
        .password(Secret::new(HarborV2::PASSWORD))
        .speed_limit(SpeedLimit::PerHour(PER_HOUR))
        .build()?)
}

/// When the images that still wait would be in at the default speed.
async fn rest(
    config: &IntegrationConfig,
    store: &dyn Inventory,
    output: &Output,
) -> Result<(), Failure> {
    let stored = store.integrations().await?;
    let waiting = stored
        .iter()
        .find(|stored| stored.binding.integration == config.name())
        .map_or(0, |stored| stored.images.pending);
    let Some(limit) = SpeedLimit::DEFAULT.per_hour() else {
        return Ok(());
    };
    let minutes = waiting * 60 / u64::from(limit.get());
    let at = SystemClock::new()
        .now()
        .saturating_add(Duration::from_secs(minutes * 60));
    output.say(&format!(
        "   {waiting} images are left. At {limit} an hour the last of them would be in after {minutes} \
         minutes, at {}.",
        to_the_second(at)
    ))
}
