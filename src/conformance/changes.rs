use std::collections::{BTreeMap, BTreeSet};

use super::{Shown, Subject};
use crate::{
    connector::{Changes, Disposition, Listing, RequestCount},
    error::IntegrationError,
    image::{BlindSpot, ChangeMark, Cursor, Entry, Next, Scope},
    simulator::{Action, Fault},
};

/// How many changes lie between two listings.
const CHANGES: u64 = 6;

/// Whatever has changed since a mark is told afterwards, save what lies in a blind spot that is
/// told too, or a full listing is said to be due: on a quiet registry, with credentials that are
/// stripped from any request, and with any answer that is wrong or fails. What is told is there.
///
/// Passes where the subject does not [change](Subject::change).
///
/// # Panics
/// Where the connector fails the case.
pub async fn what_changed_is_told_or_a_full_listing_is_due<S: Subject>(start: impl AsyncFn() -> S) {
    let Some(requests) = changed_and_told(&start().await, 0, |_| {}).await else {
        return;
    };
    let actions = [
        Action::StripCredentials,
        Action::TotalOffBy(-1),
        Action::TotalOffBy(1),
        Action::ReverseRows,
        Action::TruncateBody,
        Action::status(403),
        Action::status(404),
        Action::status(500),
    ];
    for (seed, action) in (1..).zip(actions) {
        let is_stripped = action == Action::StripCredentials;
        for k in (0..=requests).filter(|k| is_stripped || (k + seed) % 4 == 0) {
            let fault = Fault::new(action.clone()).nth(k + 1);
            changed_and_told(&start().await, seed * 1000 + k, |subject| {
                subject.faults().arm(fault);
            })
            .await;
        }
    }
}

/// Lists everything, then twice what has changed meanwhile. Gives the requests of the last two
/// listings; none where nothing can be changed.
async fn changed_and_told<S: Subject>(
    subject: &S,
    seed: u64,
    disturb: impl FnOnce(&S),
) -> Option<u64> {
    let connector = subject.connector();
    let requests = RequestCount::new();
    let whole = connector.open_listing(&requests).await;
    let whole = whole.expect("a quiet registry is listed");
    let whole = told_by(whole).await.expect("a quiet registry is listed");
    let before_first = requests.get();
    let (mut mark, mut disturb) = (whole.mark, Some(disturb));
    for round in 0..2 {
        let before = subject.contents();
        for number in 0..CHANGES {
            if !subject.change(seed * 100 + round * CHANGES + number) {
                return None;
            }
        }
        let after = subject.contents();
        if let Some(disturb) = disturb.take() {
            disturb(subject);
        }
        let Some(since) = mark.take() else { break };
        let case = format!("seed {seed}, round {round}");
        match connector.open_changes(&since, &requests).await {
            Err(_) | Ok(None) => {
                // The mark stays good as long as nobody has listed by it.
                break;
            }
            Ok(Some(Changes {
                listing, blind_to, ..
            })) => {
                let Ok(told) = told_by(listing).await else {
                    break;
                };
                judge(&told, &blind_to, &before, &after, &case);
                mark = told.mark.filter(|_| told.unread.is_empty());
            }
        }
    }
    Some(requests.get() - before_first)
}

/// What a listing told, read as it is.
struct Told {
    images: BTreeSet<Shown>,
    /// The scopes that could not be read.
    unread: Vec<Scope>,
    mark: Option<ChangeMark>,
}

async fn told_by(listing: Box<dyn Listing>) -> Result<Told, IntegrationError> {
    listing.mark().await;
    let (mut images, mut unread) = (BTreeMap::new(), Vec::new());
    let mut after: Option<Cursor> = None;
    loop {
        let page = listing.scopes(after.as_ref()).await?;
        for entry in page.scopes {
            match entry.disposition {
                Disposition::Read => {
                    if read(&*listing, &entry.scope, &mut images).await.is_err() {
                        unread.push(entry.scope);
                    }
                }
                Disposition::Unreadable(_) => unread.push(entry.scope),
                Disposition::Empty | Disposition::Exclude(_) => {}
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mark = listing.mark().await;
    listing.finish().await?;
    let images = images
        .into_iter()
        .map(|((repository, digest), tags)| Shown {
            repository,
            digest,
            tags: tags.into_iter().collect(),
        });
    Ok(Told {
        images: images.collect(),
        unread,
        mark,
    })
}

type Images = BTreeMap<(String, String), BTreeSet<String>>;

async fn read(
    listing: &dyn Listing,
    scope: &Scope,
    images: &mut Images,
) -> Result<(), IntegrationError> {
    let (mut found, mut after) = (Images::new(), None);
    loop {
        let page = listing.entries(scope, after.as_ref()).await?;
        for entry in page.entries {
            let (Entry::Manifest(image) | Entry::Tag(image)) = entry;
            let place = (image.repository.to_string(), image.digest.to_string());
            let tags = image.tags.iter().map(|tag| tag.name.to_string());
            found.entry(place).or_default().extend(tags);
        }
        match page.next {
            Next::End => break,
            Next::Page(cursor) => after = Some(cursor),
            Next::Restart => (found, after) = (Images::new(), None),
        }
    }
    images.extend(found);
    Ok(())
}

fn judge(
    told: &Told,
    blind_to: &[BlindSpot],
    before: &BTreeSet<Shown>,
    after: &BTreeSet<Shown>,
    case: &str,
) {
    let is_unread = |image: &Shown| {
        let repository = image.repository.parse();
        repository.is_ok_and(|name| told.unread.iter().any(|scope| scope.covers(&name)))
    };
    for image in &told.images {
        assert!(after.contains(image), "{case}: {image:?} is not there");
    }
    let is_blind = |spot| blind_to.contains(&spot);
    for image in after.difference(before) {
        let known = before
            .iter()
            .find(|known| (&known.repository, &known.digest) == (&image.repository, &image.digest));
        let explained = match known {
            Some(known) => {
                let gained = image.tags.iter().any(|tag| !known.tags.contains(tag));
                is_blind(BlindSpot::MovedTags) || (!gained && is_blind(BlindSpot::RemovedTags))
            }
            None => {
                is_blind(BlindSpot::NewScopes)
                    && before
                        .iter()
                        .all(|known| known.repository != image.repository)
            }
        };
        assert!(
            explained || is_unread(image) || told.images.contains(image),
            "{case}: {image:?} was {known:?} and is not told"
        );
    }
}
