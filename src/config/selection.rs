use std::{num::NonZeroU32, ops::RangeInclusive, str::FromStr, time::Duration};

use super::{ConfigProblem, fault::shown, read::TableReader};
use crate::{
    image::ImageKind,
    selection::{Patterns, PlatformPattern, Selection},
};

const GLOBS: &str =
    "an array of names in which *, **, ?, [a-z] and {a,b} stand for others, such as \"team-*\"";
const KINDS: &str = "an array of \"image\", \"index\", \"chart\", \"other\"";
const PLATFORMS: &str =
    "an array of platforms such as \"linux\", \"linux/amd64\" or \"linux/arm/v7\"";
const TAGS: RangeInclusive<i128> = 1..=1000;
const DAYS: RangeInclusive<i128> = 1..=36_500;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Takes the keys of a `selection`.
pub(super) fn read(reader: &mut TableReader<'_>) -> Selection {
    let mut selection = Selection::default()
        .with_namespaces(patterns(reader, "namespaces", "exclude_namespaces"))
        .with_repositories(patterns(reader, "repositories", "exclude_repositories"))
        .with_tags(patterns(reader, "tags", "exclude_tags"));
    let newest = reader.integer_in("newest_tags", TAGS);
    if let Some(newest) = newest.and_then(|tags| NonZeroU32::new(u32::try_from(tags).ok()?)) {
        selection = selection.with_newest_tags(newest);
    }
    if let Some(time) = days(reader, "pushed_within_days") {
        selection = selection.with_pushed_within(time);
    }
    if let Some(time) = days(reader, "pulled_within_days") {
        selection = selection.with_pulled_within(time);
    }
    if reader.boolean("untagged") == Some(true) {
        selection = selection.with_untagged();
    }
    if let Some(kinds) = words(reader, "kinds", KINDS, kind) {
        selection = selection.with_kinds(kinds);
    }
    let platform = |text: &str| PlatformPattern::from_str(text).ok();
    if let Some(platforms) = words(reader, "platforms", PLATFORMS, platform) {
        selection = selection.with_platforms(platforms);
    }
    selection
}

fn patterns(
    reader: &mut TableReader<'_>,
    include: &'static str,
    exclude: &'static str,
) -> Patterns {
    let glob = |text: &str| Patterns::new([text], [""; 0]).ok().map(|_| text.to_owned());
    let include = words(reader, include, GLOBS, glob).unwrap_or_default();
    let exclude = words(reader, exclude, GLOBS, glob).unwrap_or_default();
    // Each was read alone, and the faulty ones are reported.
    Patterns::new(include, exclude).unwrap_or_default()
}

/// The items that can be read; the others are faults. None where the key is not given.
fn words<T>(
    reader: &mut TableReader<'_>,
    key: &'static str,
    allowed: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Option<Vec<T>> {
    let texts = reader.strings(key)?;
    let mut items = Vec::with_capacity(texts.len());
    if texts.is_empty() {
        let flaw = "is empty";
        reader.fault::<()>(key, ConfigProblem::Malformed { flaw }, allowed);
    }
    for text in texts {
        match read(&text) {
            Some(item) => items.push(item),
            None => {
                let found = shown(&text);
                reader.fault::<()>(key, ConfigProblem::NotAllowed { found }, allowed);
            }
        }
    }
    Some(items)
}

fn kind(word: &str) -> Option<ImageKind> {
    [
        ImageKind::Image,
        ImageKind::Index,
        ImageKind::Chart,
        ImageKind::Other,
    ]
    .into_iter()
    .find(|kind| kind.as_str() == word)
}

fn days(reader: &mut TableReader<'_>, key: &'static str) -> Option<Duration> {
    let days = reader.integer_in(key, DAYS)?;
    u32::try_from(days).ok().map(|days| DAY * days)
}
