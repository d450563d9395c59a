//! Which images of a registry are for ingestion.
//!
//! A selection never makes anything gone: what it leaves out is stored with the reason, or, where it
//! rules out a whole namespace or repository, not asked for at all. What a registry does not tell of
//! an image cannot rule it out.

mod patterns;
mod platform;

pub use patterns::{ParsePatternError, Patterns};
pub use platform::{ParsePlatformError, PlatformPattern};

use std::{num::NonZeroU32, time::Duration};

use crate::{
    clock::Timestamp,
    image::{Image, ImageKind, RepositoryName, Scope, Tag, TagRecord},
};

/// Which images of a registry are for ingestion. By default every tagged image, and no chart, nor
/// anything else that the registry knows to be no image, nor signatures and the like.
///
/// ```
/// use registry_intake::{image::Scope, selection::{Patterns, Selection}};
///
/// let selection = Selection::default()
///     .with_namespaces(Patterns::new(["prod-*"], ["prod-legacy"])?)
///     .with_newest_tags(3.try_into()?);
/// assert!(selection.takes_scope(&Scope::Namespace("prod-web".to_owned())));
/// assert!(!selection.takes_scope(&Scope::Namespace("prod-legacy".to_owned())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Selection {
    namespaces: Patterns,
    repositories: Patterns,
    tags: Patterns,
    newest_tags: Option<NonZeroU32>,
    pushed_within: Option<Duration>,
    pulled_within: Option<Duration>,
    takes_untagged: bool,
    kinds: Option<Vec<ImageKind>>,
    platforms: Vec<PlatformPattern>,
}

impl Selection {
    /// Takes the namespaces (a Harbor's projects, a Quay's organisations) that these patterns take.
    /// The others are not asked for.
    #[must_use]
    pub fn with_namespaces(mut self, namespaces: Patterns) -> Self {
        self.namespaces = namespaces;
        self
    }

    /// Takes the repositories whose full path, with the namespace, these patterns take. The others
    /// are not asked for where the registry lists by repository.
    #[must_use]
    pub fn with_repositories(mut self, repositories: Patterns) -> Self {
        self.repositories = repositories;
        self
    }

    /// Takes images of which these patterns take at least one tag.
    #[must_use]
    pub fn with_tags(mut self, tags: Patterns) -> Self {
        self.tags = tags;
        self
    }

    /// Takes, of each repository, the images that bear one of so many tags: of those that are
    /// selected otherwise, the ones that were set last. Where a registry does not tell when a tag
    /// was set, the push of its image counts; without either it is older than all others, and of two
    /// that were set at once the one is newer whose name sorts later.
    #[must_use]
    pub const fn with_newest_tags(mut self, tags: NonZeroU32) -> Self {
        self.newest_tags = Some(tags);
        self
    }

    /// Takes images that were pushed, or tagged, so recently. With
    /// [`with_pulled_within`](Self::with_pulled_within), one of both is enough.
    #[must_use]
    pub const fn with_pushed_within(mut self, time: Duration) -> Self {
        self.pushed_within = Some(time);
        self
    }

    /// Takes images that were pulled so recently, by a scanner too. Only Harbor tells; elsewhere
    /// nothing is ever found to have been pulled.
    #[must_use]
    pub const fn with_pulled_within(mut self, time: Duration) -> Self {
        self.pulled_within = Some(time);
        self
    }

    /// Takes images without a tag too.
    #[must_use]
    pub const fn with_untagged(mut self) -> Self {
        self.takes_untagged = true;
        self
    }

    /// Takes these kinds in place of images and indexes. What the registry does not name counts as
    /// each of them.
    #[must_use]
    pub fn with_kinds(mut self, kinds: impl IntoIterator<Item = ImageKind>) -> Self {
        self.kinds = Some(kinds.into_iter().collect());
        self
    }

    /// Takes images for one of these platforms, and indexes that hold one.
    #[must_use]
    pub fn with_platforms(mut self, platforms: impl IntoIterator<Item = PlatformPattern>) -> Self {
        self.platforms = platforms.into_iter().collect();
        self
    }

    /// Whether anything in the scope may be taken.
    #[must_use]
    pub fn takes_scope(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Registry => true,
            Scope::Namespace(namespace) => self.namespaces.takes(namespace),
            Scope::Repository(repository) => self.takes_repository(repository),
        }
    }

    /// Whether images of the repository may be taken.
    #[must_use]
    pub fn takes_repository(&self, repository: &RepositoryName) -> bool {
        self.namespaces.takes(repository.namespace())
            && self.repositories.takes(repository.as_str())
    }

    /// Whether the tag may be what an image is taken for.
    #[must_use]
    pub fn takes_tag(&self, tag: &Tag) -> bool {
        self.tags.takes(tag.as_str())
    }

    /// Whether images of this kind are taken; none where the selection does not say.
    #[must_use]
    pub fn takes_kind(&self, kind: ImageKind) -> Option<bool> {
        let kinds = self.kinds.as_ref()?;
        Some(kind == ImageKind::Unknown || kinds.contains(&kind))
    }

    /// Whether images without a tag are taken.
    #[must_use]
    pub const fn takes_untagged(&self) -> bool {
        self.takes_untagged
    }

    /// Whether the image is for one of the selected platforms, or the registry does not say.
    #[must_use]
    pub fn takes_platforms_of(&self, image: &Image) -> bool {
        let taken = || {
            image
                .platforms
                .iter()
                .any(|platform| self.platforms.iter().any(|pattern| pattern.takes(platform)))
        };
        self.platforms.is_empty() || image.platforms.is_empty() || taken()
    }

    /// Whether the image was pushed or pulled recently enough, or the registry does not say.
    #[must_use]
    pub fn takes_age_of(&self, image: &Image, now: Timestamp) -> bool {
        let since = |time: Option<Timestamp>, within: Option<Duration>| {
            within
                .zip(time)
                .is_some_and(|(within, time)| now.since(time) <= within)
        };
        let pushed_at = image.tags.iter().map(|tag| tag.pushed_at).max().flatten();
        let pushed_at = pushed_at.max(image.pushed_at);
        match (self.pushed_within, self.pulled_within) {
            (None, None) => true,
            (Some(_), _) if pushed_at.is_none() => true,
            (pushed, pulled) => since(pushed_at, pushed) || since(image.pulled_at, pulled),
        }
    }

    /// How recently an image must have been pulled, where that is asked for.
    #[must_use]
    pub const fn pulled_within(&self) -> Option<Duration> {
        self.pulled_within
    }

    /// How many of a repository's newest tags are taken; none for all of them.
    #[must_use]
    pub const fn newest_tags(&self) -> Option<NonZeroU32> {
        self.newest_tags
    }

    /// The tags for which the image may be taken.
    pub(crate) fn tags_of<'a>(&self, image: &'a Image) -> impl Iterator<Item = &'a TagRecord> {
        image
            .tags
            .iter()
            .filter(|tag| !tag.name.is_cosign() && self.takes_tag(&tag.name))
    }
}
