use std::{borrow::Cow, cmp::Ordering};

use percent_encoding::percent_decode_str;

use super::{refusal::Refusal, release::Release};
use crate::{
    clock::Timestamp,
    simulator::exchange::{Answer, Request},
};

/// The parameters of a list.
#[derive(Debug)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
    page: i64,
    size: i64,
    sort: Vec<(String, bool)>,
    filters: Vec<(String, Pattern)>,
}

/// The right side of one `key=...` within `q`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pattern {
    Exactly(String),
    Like(String),
    Between(Option<String>, Option<String>),
}

/// How a list that 2.0 still makes with the code of 1.x differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Usual,
    Legacy,
}

impl Query {
    /// # Errors
    ///
    /// 422 and 400 as Harbor answers them.
    pub(super) fn parse(
        request: &Request,
        release: Release,
        style: Style,
    ) -> Result<Self, Refusal> {
        let pairs = request.parameters();
        let number = |name: &str, default| match value(&pairs, name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| {
                Refusal::Unprocessable(format!("{name} in query must be of type int64: {text:?}"))
            }),
        };
        let page = number("page", 1)?;
        // 500 is the default of 1.x, read from its source; the recording has five rows.
        let size: i64 = number("page_size", if style == Style::Legacy { 500 } else { 10 })?;
        if style == Style::Legacy && size <= 0 {
            return Err(Refusal::BadRequest("invalid page_size".to_owned()));
        }
        if release.caps_page_size() && size > 100 {
            let message = "page_size in query should be less than or equal to 100";
            return Err(Refusal::Unprocessable(message.to_owned()));
        }
        let sort = value(&pairs, "sort").filter(|_| release.sorts());
        let sort = sort.unwrap_or_default().split(',');
        let sort = sort.filter(|key| !key.is_empty()).map(|key| {
            let bare = key.strip_prefix('-');
            (bare.unwrap_or(key).to_owned(), bare.is_some())
        });
        let filters = filters(value(&pairs, "q").unwrap_or_default())?;
        Ok(Self {
            sort: sort.collect(),
            page,
            size,
            filters,
            pairs,
        })
    }

    /// A parameter outside `q`.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        value(&self.pairs, name)
    }

    pub(super) fn filters(&self) -> &[(String, Pattern)] {
        &self.filters
    }

    /// The sort keys that order anything, each with whether it reverses; others are ignored in
    /// silence.
    pub(super) fn sort<'a>(&'a self, known: &'a [&str]) -> impl Iterator<Item = (&'a str, bool)> {
        self.sort
            .iter()
            .filter(|(key, _)| known.contains(&key.as_str()))
            .map(|(key, reversed)| (key.as_str(), *reversed))
    }

    pub(super) fn offset(&self) -> u64 {
        // Overflows as Go's int64 does, which leads back to the first page.
        let rows = self.page.wrapping_sub(1).wrapping_mul(self.size);
        if self.size > 0 {
            u64::try_from(rows).unwrap_or_default()
        } else {
            0
        }
    }

    /// `None` where 0 or less was asked for: all rows.
    pub(super) fn limit(&self) -> Option<u64> {
        u64::try_from(self.size).ok().filter(|size| *size > 0)
    }

    /// The rows of the page.
    pub(super) fn page<'a, T>(&self, rows: &'a [T]) -> &'a [T] {
        let index = |count| usize::try_from(count).unwrap_or(usize::MAX);
        let rest = rows.get(index(self.offset())..).unwrap_or_default();
        let limit = self.limit().map_or(rest.len(), index);
        rest.get(..limit).unwrap_or(rest)
    }

    /// Adds the total and the `Link` in the form of the real server, which is no URL: its query is
    /// not escaped.
    pub(super) fn paged(&self, answer: Answer, path: &str, total: u64, style: Style) -> Answer {
        let answer = answer.with("X-Total-Count", total.to_string());
        let total = i64::try_from(total).unwrap_or(i64::MAX);
        let before = self.page.wrapping_sub(1);
        let mut links = Vec::new();
        if self.size != 0 && self.page > 1 && before.wrapping_mul(self.size) < total {
            links.push(self.link(path, before, "prev"));
        }
        if self.size != 0 && self.page.wrapping_mul(self.size) < total {
            links.push(self.link(path, self.page.wrapping_add(1), "next"));
        }
        if links.is_empty() {
            return answer;
        }
        let separator = if style == Style::Legacy { ", " } else { " , " };
        answer.with("Link", links.join(separator))
    }

    fn link(&self, path: &str, page: i64, relation: &str) -> String {
        let mut pairs: Vec<(&str, Cow<'_, str>)> = self
            .pairs
            .iter()
            .filter(|(name, _)| name != "page" && name != "page_size")
            .map(|(name, value)| (name.as_str(), value.as_str().into()))
            .collect();
        pairs.push(("page", page.to_string().into()));
        pairs.push(("page_size", self.size.to_string().into()));
        pairs.sort_by_key(|(name, _)| *name);
        let query: Vec<_> = pairs
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!("<{path}?{}>; rel=\"{relation}\"", query.join("&"))
    }
}

impl Pattern {
    /// # Errors
    ///
    /// 500 where the pattern holds no number.
    pub(super) fn holds_number(&self, number: u64) -> Result<bool, Refusal> {
        let parse = |text: &String| text.parse::<i64>().map_err(|_| Refusal::Internal);
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        self.holds(&number, parse)
    }

    /// # Errors
    ///
    /// 500 where the pattern holds no time.
    pub(super) fn holds_time(&self, time: Timestamp) -> Result<bool, Refusal> {
        self.holds(&time, |text| moment(text).ok_or(Refusal::Internal))
    }

    pub(super) fn holds_text(&self, text: &str) -> bool {
        match self {
            Self::Exactly(wanted) => text == wanted,
            Self::Like(part) => text.contains(part),
            Self::Between(..) => false,
        }
    }

    /// The lowest and the highest number that it lets through.
    ///
    /// # Errors
    ///
    /// 500 where the pattern holds no number.
    pub(super) fn bounds(&self) -> Result<(u64, u64), Refusal> {
        let parse = |text: &String| text.parse::<u64>().map_err(|_| Refusal::Internal);
        match self {
            Self::Exactly(number) | Self::Like(number) => parse(number).map(|n| (n, n)),
            Self::Between(first, last) => {
                let first = first.as_ref().map(parse).transpose()?;
                let last = last.as_ref().map(parse).transpose()?;
                Ok((first.unwrap_or(0), last.unwrap_or(u64::MAX)))
            }
        }
    }

    fn holds<T: Ord>(
        &self,
        value: &T,
        parse: impl Fn(&String) -> Result<T, Refusal>,
    ) -> Result<bool, Refusal> {
        match self {
            Self::Exactly(wanted) | Self::Like(wanted) => Ok(parse(wanted)? == *value),
            Self::Between(first, last) => {
                let first = first.as_ref().map(&parse).transpose()?;
                let last = last.as_ref().map(&parse).transpose()?;
                Ok(first.is_none_or(|first| first <= *value)
                    && last.is_none_or(|last| *value <= last))
            }
        }
    }
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(present, _)| present == name)
        .map(|(_, value)| value.as_str())
}

fn decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

fn filters(q: &str) -> Result<Vec<(String, Pattern)>, Refusal> {
    // Decoded a second time, as the real server does: a plus needs `%252B`.
    let q = decoded(q);
    q.split(',')
        .filter(|term| !term.is_empty())
        .map(|term| {
            let parts = term.split_once('=');
            let (key, pattern) = parts
                .filter(|(key, pattern)| !key.is_empty() && !pattern.is_empty())
                .ok_or_else(|| {
                    let message = "the query string must contain \"=\" and the key/value cannot \
                                   be empty";
                    Refusal::BadRequest(message.to_owned())
                })?;
            Ok((key.to_owned(), parse_pattern(pattern)))
        })
        .collect()
}

fn parse_pattern(text: &str) -> Pattern {
    let bound = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let inner = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Some((first, last)) = inner.and_then(|inner| inner.split_once('~')) {
        return Pattern::Between(bound(first), bound(last));
    }
    match text.strip_prefix('~') {
        Some(part) => Pattern::Like(part.to_owned()),
        None => Pattern::Exactly(text.to_owned()),
    }
}

/// RFC 3339, the same with a space, without zone, or the date alone. An offset is not applied.
fn moment(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
    let time = time.trim_end_matches('Z');
    let time = time.split_once('+').map_or(time, |(time, _)| time);
    if time.contains(' ') {
        return None;
    }
    format!("{date}T{time}Z").parse().ok()
}

/// `ordering`, reversed where the key asks for it.
pub(super) fn directed(ordering: Ordering, reversed: bool) -> Ordering {
    if reversed {
        ordering.reverse()
    } else {
        ordering
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn filters_are_decoded_twice_and_split_at_the_first_equals_sign() {
        assert_eq!(
            filters("id=[5~],tags=~a%2Bb").unwrap(),
            [
                (
                    "id".to_owned(),
                    Pattern::Between(Some("5".to_owned()), None)
                ),
                ("tags".to_owned(), Pattern::Like("a+b".to_owned())),
            ]
        );
        assert!(filters("broken").is_err());
    }

    #[test]
    fn a_bound_that_is_no_number_is_an_internal_error() {
        let pattern = parse_pattern("[abc~]");
        assert_eq!(pattern.holds_number(1), Err(Refusal::Internal));
        assert_eq!(pattern.bounds(), Err(Refusal::Internal));
    }

    #[test]
    fn times_are_read_in_the_forms_that_the_real_server_reads() {
        let noon: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        for text in [
            "2026-11-21T12:00:00Z",
            "2026-11-21 12:00:00",
            "2026-11-21T12:00:00+01:00",
        ] {
            assert_eq!(moment(text), Some(noon), "{text}");
        }
        assert_eq!(moment("1795289650"), None);
        assert_eq!(moment("2026-11-21T20:34:10 01:00"), None);
    }
}
