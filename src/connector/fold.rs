use std::collections::{HashMap, hash_map};

use crate::image::{Digest, Entry, Image, RepositoryName};

/// Makes whole images of a scope's entries.
///
/// Manifests of settled pages are whole already. Everything else is held until the scope has
/// ended: tags, since one digest can have tags on many pages, and pages by number, since a change
/// of the list voids them.
#[derive(Debug, Default)]
pub(super) struct Fold {
    held: Vec<Image>,
    places: HashMap<(RepositoryName, Digest), usize>,
}

impl Fold {
    /// Takes a page's entries and gives back the images that are whole by now.
    pub(super) fn take(&mut self, entries: Vec<Entry>, settled: bool) -> Vec<Image> {
        let mut whole = Vec::new();
        for entry in entries {
            match entry {
                Entry::Manifest(image) if settled => whole.push(image),
                Entry::Manifest(image) | Entry::Tag(image) => self.hold(image),
            }
        }
        whole
    }

    /// Whether every entry taken was given back.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Forgets what is held: the scope starts over.
    pub(super) fn void(&mut self) {
        *self = Self::default();
    }

    /// What was held, whole now that the scope has ended.
    pub(super) fn finish(&mut self) -> Vec<Image> {
        let mut images = std::mem::take(self).held;
        for image in &mut images {
            image.tags.sort_by(|one, other| one.name.cmp(&other.name));
            image.tags.dedup_by(|one, other| one.name == other.name);
        }
        images
    }

    fn hold(&mut self, image: Image) {
        match self
            .places
            .entry((image.repository.clone(), image.digest.clone()))
        {
            hash_map::Entry::Occupied(place) => {
                let known = &mut self.held[*place.get()];
                known.tags.extend(image.tags);
                known.pushed_at = known.pushed_at.max(image.pushed_at);
                known.pulled_at = known.pulled_at.max(image.pulled_at);
            }
            hash_map::Entry::Vacant(place) => {
                place.insert(self.held.len());
                self.held.push(image);
            }
        }
    }
}
