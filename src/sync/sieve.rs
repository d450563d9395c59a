//! Which images of a listing are for ingestion.

use std::collections::{BTreeSet, HashMap};

use crate::{
    clock::Timestamp,
    image::{Digest, Image, ImageKind, RepositoryName, Scope, Tag, TagRecord},
    inventory::{Omission, Sighting},
    selection::Selection,
};

/// An image of which it is decided whether it is for ingestion.
#[derive(Debug)]
pub(super) struct Sifted {
    pub(super) image: Image,
    pub(super) omission: Option<Omission>,
}

impl Sifted {
    pub(super) const fn sighting(&self) -> Sighting<'_> {
        Sighting {
            image: &self.image,
            omission: self.omission,
        }
    }
}

/// Sifts the images of a listing, scope by scope.
///
/// Where only the newest tags of a repository are taken, its images may lie on any pages of the
/// scope. Each is decided as soon as enough newer tags have been seen, which leaves it out; those
/// that bear the newest so far are held until the scope has ended. So no image is written twice,
/// none waits for ingestion that turns out to be surplus, and what is held is bounded by the tags
/// taken of each repository of the scopes in flight. A scope that holds something cannot be gone
/// on with from the middle, and of one that breaks off what is held stays as it was.
#[derive(Debug)]
pub(super) struct Sieve {
    selection: Selection,
    now: Timestamp,
    held: HashMap<Scope, HashMap<RepositoryName, Shortlist>>,
}

/// The newest tags of a repository, with their images.
#[derive(Debug, Default)]
struct Shortlist {
    tags: BTreeSet<(Option<Timestamp>, Tag, Digest)>,
    /// Each with how many of the tags are its own.
    images: HashMap<Digest, (Image, usize)>,
}

impl Sieve {
    pub(super) fn new(selection: Selection, now: Timestamp) -> Self {
        Self {
            selection,
            now,
            held: HashMap::new(),
        }
    }

    /// Takes images of a scope, and gives back those that are decided by now.
    pub(super) fn sift(&mut self, scope: &Scope, images: Vec<Image>) -> Vec<Sifted> {
        let mut decided = Vec::with_capacity(images.len());
        for image in images {
            let omission = omission(&self.selection, &image, self.now);
            let limit = self.selection.newest_tags();
            let Some(limit) = limit.filter(|_| omission.is_none() && !image.tags.is_empty()) else {
                decided.push(Sifted { image, omission });
                continue;
            };
            let repositories = self.held.entry(scope.clone()).or_default();
            let shortlist = repositories.entry(image.repository.clone()).or_default();
            let tags = self.selection.tags_of(&image).cloned().collect();
            shortlist.admit(image, tags);
            shortlist.shorten(limit.get() as usize, &mut decided);
        }
        decided
    }

    /// Whether anything of the scope is held back.
    pub(super) fn holds(&self, scope: &Scope) -> bool {
        self.held.contains_key(scope)
    }

    /// What was held of a scope that has ended: it is for ingestion.
    pub(super) fn end(&mut self, scope: &Scope) -> Vec<Sifted> {
        let held = self.held.remove(scope).into_iter().flatten();
        held.flat_map(|(_, shortlist)| shortlist.images.into_values())
            .map(|(image, _)| Sifted {
                image,
                omission: None,
            })
            .collect()
    }

    /// Forgets what was held of a scope that could not be read to its end.
    pub(super) fn void(&mut self, scope: &Scope) {
        self.held.remove(scope);
    }
}

impl Shortlist {
    fn admit(&mut self, image: Image, tags: Vec<TagRecord>) {
        if self.images.remove(&image.digest).is_some() {
            self.tags.retain(|(_, _, digest)| *digest != image.digest);
        }
        self.tags.extend(tags.iter().map(|tag| rank(tag, &image)));
        self.images
            .insert(image.digest.clone(), (image, tags.len()));
    }

    fn shorten(&mut self, limit: usize, decided: &mut Vec<Sifted>) {
        while self.tags.len() > limit {
            let Some((_, _, digest)) = self.tags.pop_first() else {
                return;
            };
            let Some((_, tags)) = self.images.get_mut(&digest) else {
                continue;
            };
            *tags -= 1;
            if *tags == 0
                && let Some((image, _)) = self.images.remove(&digest)
            {
                let omission = Some(Omission::Surplus);
                decided.push(Sifted { image, omission });
            }
        }
    }
}

/// Later is newer.
fn rank(tag: &TagRecord, image: &Image) -> (Option<Timestamp>, Tag, Digest) {
    let set_at = tag.pushed_at.or(image.pushed_at);
    (set_at, tag.name.clone(), image.digest.clone())
}

/// Why the selection leaves an image out, whatever else its repository holds.
fn omission(selection: &Selection, image: &Image, now: Timestamp) -> Option<Omission> {
    if !selection.takes_repository(&image.repository) {
        return Some(Omission::Repository);
    }
    match (selection.takes_kind(image.kind), image.kind) {
        (Some(true), _) | (None, ImageKind::Image | ImageKind::Index | ImageKind::Unknown) => {}
        (Some(false), _) => return Some(Omission::Kind),
        (None, _) => return Some(Omission::NotAnImage),
    }
    if image.tags.is_empty() {
        if !selection.takes_untagged() {
            return Some(Omission::Untagged);
        }
    } else if image.tags.iter().all(|tag| tag.name.is_cosign()) {
        return Some(Omission::Companion);
    } else if selection.tags_of(image).next().is_none() {
        return Some(Omission::Tag);
    }
    if !selection.takes_platforms_of(image) {
        return Some(Omission::Platform);
    }
    (!selection.takes_age_of(image, now)).then_some(Omission::Age)
}

#[cfg(test)]
mod tests;
