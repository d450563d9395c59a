//! `inventory`: every stored image.

use std::io::{self, Write};

use registry_intake::{
    clock::Timestamp,
    error::ErrorCode,
    image::{Digest, RepositoryName},
    inventory::{Inventory, StoredImage},
};
use serde::Serialize;

use crate::{
    arguments::{Arguments, Name},
    failure::{Failure, Verdict},
    output::{Output, Report},
    records::ImageRecord,
    selection, store,
};

const PAGE: u32 = 500;

/// Of the configured integrations, or without a configuration of all that are stored.
pub(crate) async fn inventory(
    arguments: &Arguments,
    name: &Name,
    output: &Output,
) -> Result<Verdict, Failure> {
    let configured = match arguments.config {
        Some(_) => Some(selection::configured(arguments, name)?),
        None => None,
    };
    store::with_existing(arguments, async |store| {
        let store = store.ok_or_else(store::missing)?;
        match &configured {
            Some(configured) => {
                for config in configured {
                    show(config.name(), store, output).await?;
                }
            }
            None => {
                let stored = store.integrations().await?;
                for stored in selection::named(stored, store::name_of, name)? {
                    show(store::name_of(&stored), store, output).await?;
                }
            }
        }
        Ok(Verdict::Done)
    })
    .await
}

async fn show(integration: &str, store: &dyn Inventory, output: &Output) -> Result<(), Failure> {
    let mut after: Option<(RepositoryName, Digest)> = None;
    loop {
        let behind = after.as_ref().map(|(name, digest)| (name, digest));
        let images = store.images(integration, behind, PAGE).await?;
        let Some(last) = images.last() else {
            return Ok(());
        };
        after = Some((last.image.repository.clone(), last.image.digest.clone()));
        for stored in &images {
            output.report(&StoredReport::new(integration, stored))?;
        }
    }
}

#[derive(Serialize)]
struct StoredReport<'a> {
    integration: &'a str,
    #[serde(flatten)]
    image: ImageRecord<'a>,
    first_seen_at: Timestamp,
    ingested_at: Option<Timestamp>,
    code: Option<ErrorCode>,
}

impl<'a> StoredReport<'a> {
    fn new(integration: &'a str, stored: &'a StoredImage) -> Self {
        Self {
            integration,
            image: ImageRecord::from(&stored.image).in_state(stored.state),
            first_seen_at: stored.first_seen_at,
            ingested_at: stored.ingested_at,
            code: stored.failure.as_ref().map(|failure| failure.code),
        }
    }
}

impl Report for StoredReport<'_> {
    fn text(&self, to: &mut Vec<u8>) -> io::Result<()> {
        write!(to, "{}  ", self.integration)?;
        self.image.text(to)
    }
}
