use std::{collections::BTreeSet, sync::Arc};

use futures_util::StreamExt;

use crate::{
    connector::{ListingEvent, RegistryConnector, RequestCount, RunProof, list},
    error::IntegrationError,
    image::{Exclusion, Scope},
};

/// An image as a listing shows it, reduced to what identifies it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shown {
    /// The full path of its repository.
    pub repository: String,
    /// Its digest.
    pub digest: String,
    /// Its tags in alphabetical order.
    pub tags: Vec<String>,
}

/// Everything that one listing has told.
#[derive(Debug)]
pub struct Observation {
    /// The images.
    pub images: BTreeSet<Shown>,
    /// The scopes read to their end.
    pub listed: Vec<Scope>,
    /// The scopes left out on purpose.
    pub excluded: Vec<(Scope, Exclusion)>,
    /// The scopes that could not be read.
    pub skipped: Vec<(Scope, IntegrationError)>,
    /// How the listing ended.
    pub end: Result<RunProof, IntegrationError>,
    /// How many requests it counted.
    pub requests: u64,
}

impl Observation {
    /// Whether the listing says that it has shown everything.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.end.as_ref().is_ok_and(RunProof::is_complete)
    }

    /// Holds the listing to the rule: if it calls itself complete, it shows everything. Returns
    /// whether it does.
    ///
    /// # Panics
    /// Where it is short and calls itself complete.
    pub fn keeps_its_word(&self, contents: &BTreeSet<Shown>, case: &str) -> bool {
        if self.is_complete() {
            assert_eq!(&self.images, contents, "{case}: complete, but not all");
        } else {
            assert!(
                self.images.is_subset(contents),
                "{case}: shows what is not there"
            );
        }
        self.is_complete()
    }
}

/// Lists everything and keeps what was told.
///
/// # Panics
/// Where an image is told twice, or a stream goes on behind its end.
pub async fn observe(connector: Arc<dyn RegistryConnector>) -> Observation {
    let requests = RequestCount::new();
    let mut events = list(connector, requests.clone());
    let (mut images, mut listed) = (BTreeSet::new(), Vec::new());
    let (mut excluded, mut skipped) = (Vec::new(), Vec::new());
    let end = loop {
        match events.next().await {
            Some(Ok(ListingEvent::Page { images: page, .. })) => {
                for image in page {
                    let shown = Shown {
                        repository: image.repository.to_string(),
                        digest: image.digest.to_string(),
                        tags: image.tags.iter().map(|tag| tag.name.to_string()).collect(),
                    };
                    assert!(images.insert(shown), "{image:?} was told twice");
                }
            }
            Some(Ok(ListingEvent::Listed(scope))) => listed.push(scope),
            Some(Ok(ListingEvent::Excluded(scope, reason))) => excluded.push((scope, reason)),
            Some(Ok(ListingEvent::Skipped(scope, error))) => skipped.push((scope, error)),
            Some(Ok(ListingEvent::Finished(proof))) => break Ok(proof),
            Some(Err(error)) => break Err(error),
            None => panic!("the listing ended without a proof or an error"),
        }
    };
    assert!(events.next().await.is_none(), "an event behind the end");
    Observation {
        images,
        listed,
        excluded,
        skipped,
        end,
        requests: requests.get(),
    }
}
