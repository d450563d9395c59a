//! Listings of what has changed, driven by hand.

use std::{collections::BTreeSet, sync::Arc};

use registry_intake::{
    connector::{Changes, Disposition, Listing, RegistryConnector, RequestCount},
    image::{BlindSpot, ChangeMark, Cursor, Entry, Next, Scope},
};

/// What a listing of changes told.
#[derive(Debug)]
pub(crate) struct Told {
    /// Repositories with the tags of what they hold.
    pub(crate) images: BTreeSet<(String, Vec<String>)>,
    pub(crate) scopes: BTreeSet<Scope>,
    pub(crate) blind_to: Vec<BlindSpot>,
    pub(crate) requests: u64,
    pub(crate) mark: Option<ChangeMark>,
}

/// The mark that a full listing leaves.
pub(crate) async fn full(connector: &Arc<dyn RegistryConnector>) -> Option<ChangeMark> {
    let listing = connector.open_listing(&RequestCount::new()).await.unwrap();
    let (_, _, mark) = drive(&*listing).await;
    let end = listing.finish().await.unwrap();
    assert!(end.proof.is_some());
    mark
}

/// What has changed; none where a full listing is due.
pub(crate) async fn since(
    connector: &Arc<dyn RegistryConnector>,
    mark: &ChangeMark,
) -> Option<Told> {
    let requests = RequestCount::new();
    let changes = connector.open_changes(mark, &requests).await.unwrap();
    let Changes {
        listing, blind_to, ..
    } = changes?;
    let (images, scopes, mark) = drive(&*listing).await;
    let end = listing.finish().await.unwrap();
    assert_eq!((end.proof, end.is_complete()), (None, false));
    Some(Told {
        images,
        scopes,
        blind_to,
        requests: requests.get(),
        mark,
    })
}

type Driven = (
    BTreeSet<(String, Vec<String>)>,
    BTreeSet<Scope>,
    Option<ChangeMark>,
);

async fn drive(listing: &dyn Listing) -> Driven {
    listing.mark().await;
    let (mut images, mut scopes, mut after) = (BTreeSet::new(), BTreeSet::new(), None::<Cursor>);
    loop {
        let page = listing.scopes(after.as_ref()).await.unwrap();
        for entry in page.scopes {
            if let Disposition::Read = entry.disposition {
                images.append(&mut read(listing, &entry.scope).await);
                scopes.insert(entry.scope);
            }
        }
        after = page.next;
        if after.is_none() {
            return (images, scopes, listing.mark().await);
        }
    }
}

async fn read(listing: &dyn Listing, scope: &Scope) -> BTreeSet<(String, Vec<String>)> {
    let (mut found, mut after) = (BTreeSet::new(), None);
    loop {
        let page = listing.entries(scope, after.as_ref()).await.unwrap();
        for entry in page.entries {
            let (Entry::Manifest(image) | Entry::Tag(image)) = entry else {
                panic!("an entry of another kind");
            };
            let tags = image.tags.iter().map(|tag| tag.name.to_string());
            found.insert((image.repository.to_string(), tags.collect()));
        }
        match page.next {
            Next::End => return found,
            Next::Page(cursor) => after = Some(cursor),
            Next::Restart => (found, after) = (BTreeSet::new(), None),
        }
    }
}

pub(crate) fn repositories(names: &[&str]) -> BTreeSet<Scope> {
    let names = names.iter().map(|name| name.parse().unwrap());
    names.map(Scope::Repository).collect()
}
