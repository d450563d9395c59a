//! `confirm`: an operator's word that what was held back is gone.

use std::io::{self, Write};

use serde::Serialize;

use crate::{
    arguments::{Arguments, Confirm, Name},
    failure::{Failure, Verdict},
    output::{Output, Report},
    selection, store,
};

pub(crate) async fn confirm(
    arguments: &Arguments,
    wish: &Confirm,
    output: &Output,
) -> Result<Verdict, Failure> {
    store::with_existing(arguments, async |store| {
        let store = store.ok_or_else(store::missing)?;
        let only = Name {
            name: Some(wish.name.clone()),
        };
        selection::named(store.integrations().await?, store::name_of, &only)?;
        output.report(&Confirmed {
            integration: &wish.name,
            gone: store.confirm_held(&wish.name).await?,
        })?;
        Ok(Verdict::Done)
    })
    .await
}

#[derive(Serialize)]
struct Confirmed<'a> {
    integration: &'a str,
    gone: u64,
}

impl Report for Confirmed<'_> {
    fn text(&self, to: &mut Vec<u8>) -> io::Result<()> {
        let Self { integration, gone } = self;
        writeln!(
            to,
            "{integration}: {gone} images that were held back are gone"
        )
    }
}
