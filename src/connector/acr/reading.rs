//! Lists by pages, of which nothing is trusted.
//!
//! A list ends where its rows equal the total that every page has told alike, and, beyond one page,
//! where page 1 read again is as it was. Anything else means that the list has changed meanwhile, and
//! it is read anew.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

/// How often a list that changes while it is read is begun anew.
pub(super) const RESTARTS: u32 = 3;

/// Which page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum At {
    /// By its number, from 1.
    Number(u64),
    /// By the token that the page before it has told.
    Token(String),
    /// Page 1 once more, to see whether it is as it was.
    Again,
}

impl At {
    pub(super) const FIRST: Self = Self::Number(1);

    /// The page's number, where it is asked for by that.
    pub(super) const fn number(&self) -> u64 {
        match self {
            Self::Number(number) => *number,
            Self::Token(_) | Self::Again => 1,
        }
    }
}

/// What a page shows.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) rows: Vec<T>,
    /// How many rows the list has in all. A page by token may leave it out.
    pub(super) total: Option<u64>,
    /// The next page's token, where the server goes on by tokens.
    pub(super) next_token: Option<String>,
}

/// What follows a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    At(At),
    End,
    /// The list has changed: all that was read of it is void.
    Restart,
}

/// One reading of a list from its beginning.
#[derive(Debug, Default)]
pub(super) struct Reading {
    seen: HashSet<u64>,
    total: Option<u64>,
    /// A fingerprint of page 1.
    first: u64,
}

impl Reading {
    /// Takes a page. `key` names a row in its list, `mark` all that may change about it.
    pub(super) fn take<T, K: Hash, M: Hash>(
        &mut self,
        at: &At,
        page: &Page<T>,
        key: impl Fn(&T) -> K,
        mark: impl Fn(&T) -> M,
    ) -> Next {
        let fingerprint = fingerprint(page.rows.iter().map(mark));
        if *at == At::Again {
            let is_unchanged = fingerprint == self.first && self.agrees(page.total);
            return if is_unchanged {
                Next::End
            } else {
                Next::Restart
            };
        }
        let is_first = *at == At::FIRST;
        if is_first {
            *self = Self {
                total: page.total,
                first: fingerprint,
                ..Self::default()
            };
        } else if !self.agrees(page.total) {
            return Next::Restart;
        }
        for row in &page.rows {
            // A row that comes twice was pushed onto the next page by another.
            if !self.seen.insert(hash(&key(row))) {
                return Next::Restart;
            }
        }
        let read = self.seen.len() as u64;
        let end = || {
            if is_first {
                Next::End
            } else {
                Next::At(At::Again)
            }
        };
        match self.total {
            // Whether the last page by tokens has one more is an open fact, so the total comes first.
            Some(total) if read == total => return end(),
            Some(total) if read > total => return Next::Restart,
            // Rows are missing, and a page without any leads to no more.
            Some(_) if page.rows.is_empty() => return Next::Restart,
            None if page.rows.is_empty() => return end(),
            _ => {}
        }
        match (&page.next_token, at) {
            (Some(token), _) => Next::At(At::Token(token.clone())),
            (None, At::Number(number)) => Next::At(At::Number(number + 1)),
            // The tokens have ended, before the total or without one.
            (None, _) if self.total.is_none() => end(),
            (None, _) => Next::Restart,
        }
    }

    fn agrees(&self, total: Option<u64>) -> bool {
        self.total.is_none() || total.is_none() || self.total == total
    }
}

/// A whole list. None where it kept changing.
pub(super) async fn whole<'a, T, E>(
    key: fn(&T) -> String,
    page_at: impl Fn(At) -> BoxFuture<'a, Result<Page<T>, E>>,
) -> Result<Option<Vec<T>>, E> {
    for _ in 0..=RESTARTS {
        let (mut reading, mut at, mut rows) = (Reading::default(), At::FIRST, Vec::new());
        loop {
            let page = page_at(at.clone()).await?;
            let follows = reading.take(&at, &page, key, key);
            if at != At::Again {
                rows.extend(page.rows);
            }
            match follows {
                Next::At(next) => at = next,
                Next::End => return Ok(Some(rows)),
                Next::Restart => break,
            }
        }
    }
    Ok(None)
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn fingerprint(marks: impl Iterator<Item = impl Hash>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for mark in marks {
        mark.hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use proptest::prelude::*;

    use super::*;

    /// How a list is served.
    #[derive(Debug, Clone, Copy)]
    struct Server {
        cap: usize,
        by_token: bool,
        tells_total: bool,
    }

    impl Server {
        fn page(self, list: &[u32], at: &At) -> Page<u32> {
            let start = match at {
                At::Number(number) => (usize::try_from(*number).unwrap_or_default() - 1) * self.cap,
                At::Token(token) => token.parse().unwrap_or_default(),
                At::Again => 0,
            };
            let rows: Vec<u32> = list.iter().skip(start).take(self.cap).copied().collect();
            let end = start + rows.len();
            Page {
                next_token: (self.by_token && end < list.len()).then(|| end.to_string()),
                rows,
                total: self.tells_total.then_some(list.len() as u64),
            }
        }
    }

    /// Reads a list which `change` changes before each request. None where it kept changing.
    fn read(
        server: Server,
        list: &mut Vec<u32>,
        mut change: impl FnMut(u32, &mut Vec<u32>),
    ) -> Option<(Vec<u32>, u32)> {
        let mut requests = 0;
        for _ in 0..4 {
            let (mut reading, mut at, mut rows) = (Reading::default(), At::FIRST, Vec::new());
            loop {
                change(requests, list);
                requests += 1;
                assert!(requests < 10_000, "an endless list");
                let page = server.page(list, &at);
                let next = reading.take(&at, &page, |row| *row, |row| *row);
                if at != At::Again {
                    rows.extend(page.rows);
                }
                match next {
                    Next::At(next) => at = next,
                    Next::End => return Some((rows, requests)),
                    Next::Restart => break,
                }
            }
        }
        None
    }

    fn servers() -> impl Strategy<Value = Server> {
        (1_usize..120, any::<bool>(), any::<bool>()).prop_map(|(cap, by_token, tells_total)| {
            Server {
                cap,
                by_token,
                tells_total,
            }
        })
    }

    proptest! {
        #[test]
        fn a_list_that_stands_still_is_read_whole_in_its_pages_and_one(
            server in servers(),
            rows in 0_u32..400,
        ) {
            let mut list: Vec<u32> = (0..rows).collect();
            let (read, requests) = read(server, &mut list, |_, _| ()).expect("no change");
            prop_assert_eq!(&read, &list);
            let pages = u32::try_from(list.len().div_ceil(server.cap).max(1)).unwrap_or_default();
            if server.tells_total {
                prop_assert_eq!(requests, pages + u32::from(pages > 1));
            } else {
                // Without a total only an empty page says that the pages have ended.
                prop_assert!(requests <= pages + 2);
            }
        }

        #[test]
        fn nothing_is_missed_of_what_was_there_throughout_when_rows_go(
            server in servers(),
            rows in 1_u32..400,
            when in 0_u32..8,
            which in 0_usize..400,
        ) {
            let server = Server { tells_total: true, ..server };
            let mut list: Vec<u32> = (0..rows).collect();
            let which = which % list.len();
            let gone = list[which];
            let outcome = read(server, &mut list, |request, list| {
                if request == when && list.len() as u32 == rows {
                    list.remove(which);
                }
            });
            let (read, _) = outcome.expect("one change ends");
            for row in &list {
                prop_assert!(read.contains(row), "{row} was missed when {gone} went");
            }
        }

        #[test]
        fn what_comes_meanwhile_hides_nothing(
            server in servers(),
            rows in 1_u32..400,
            when in 0_u32..8,
            on_top: bool,
        ) {
            let server = Server { tells_total: true, ..server };
            let mut list: Vec<u32> = (0..rows).collect();
            let outcome = read(server, &mut list, |request, list| {
                if request == when && list.len() as u32 == rows {
                    let place = if on_top { 0 } else { list.len() };
                    list.insert(place, 1_000);
                }
            });
            let (read, _) = outcome.expect("one change ends");
            for row in 0..rows {
                prop_assert!(read.contains(&row), "{row} was missed");
            }
        }
    }

    #[test]
    fn a_page_that_is_served_again_ends_the_reading_and_not_the_program() {
        let page = |rows: &[u32], token: Option<&str>| Page {
            rows: rows.to_vec(),
            total: Some(4),
            next_token: token.map(str::to_owned),
        };
        let take = |reading: &mut Reading, at: &At, page: &Page<u32>| {
            reading.take(at, page, |row| *row, |row| *row)
        };
        let mut reading = Reading::default();
        let next = take(&mut reading, &At::FIRST, &page(&[1, 2], None));
        assert_eq!(next, Next::At(At::Number(2)));
        assert_eq!(
            take(&mut reading, &At::Number(2), &page(&[1, 2], None)),
            Next::Restart
        );
        let mut reading = Reading::default();
        take(&mut reading, &At::FIRST, &page(&[1, 2], Some("a")));
        assert_eq!(
            take(
                &mut reading,
                &At::Token("a".to_owned()),
                &page(&[], Some("a"))
            ),
            Next::Restart
        );
        // Tokens that end before the total does.
        assert_eq!(
            take(&mut reading, &At::Token("a".to_owned()), &page(&[3], None)),
            Next::Restart
        );
    }
}
