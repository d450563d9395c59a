use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::{
    api::{Api, is_unknown_path},
    wire::Row,
};
use crate::{
    connector::harbor::answers::{Identity, refusal, total_of},
    error::{Incompleteness, IntegrationError, Step, Violation},
    http::Answer,
    image::{Cursor, Next},
};

/// The largest page that every 2.x takes: one more is refused with 422.
pub(super) const PAGE_SIZE: u64 = 100;

/// After so many empty pages of a keyset, everything that is left is asked for at once.
const EMPTY_PAGES: u32 = 10;

/// How often a page-numbered list is read before it counts as restless.
const READINGS: u32 = 4;

/// A list of the API, walked by the ascending numbers of its rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct List<'a> {
    /// Its path.
    pub(super) path: &'a str,
    /// The key that both filters and sorts it by row number. Others are ignored in silence.
    pub(super) key: &'static str,
    /// The number of the first row to ask for; nothing is filtered where it is zero.
    pub(super) first: u64,
    /// What else a row must fulfil.
    pub(super) filter: Option<&'a str>,
    /// What else to ask for.
    pub(super) options: &'static [(&'static str, &'static str)],
}

/// Where in a list the next page begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Position {
    /// All rows numbered `from` or above are left; `page` is above 1 only behind empty pages.
    Keyset {
        from: u64,
        page: u32,
        count: Option<Count>,
    },
    /// The server does not sort by number: by page, to be proved at the end.
    Numbered {
        total: u64,
        seen: u64,
        /// A fingerprint of each page read, to tell repetition and change.
        pages: Vec<u64>,
    },
}

/// What a keyset counted so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Count {
    /// The rows read.
    seen: u64,
    /// What must be left, unless rows were deleted.
    left: u64,
}

impl Position {
    const BY_PAGES: Self = Self::Numbered {
        total: 0,
        seen: 0,
        pages: Vec::new(),
    };

    pub(super) fn of(cursor: &Cursor) -> Option<Self> {
        serde_json::from_str(cursor.as_str()).ok()
    }

    /// How many rows are left, where that is told.
    pub(super) fn left(&self) -> Option<u64> {
        match self {
            Self::Keyset { count, .. } => count.map(|count| count.left),
            Self::Numbered { .. } => None,
        }
    }

    fn cursor(&self) -> Cursor {
        // A position holds numbers only, so it has a JSON form.
        Cursor::new(serde_json::to_string(self).unwrap_or_default())
    }
}

/// One page of a list, and what follows.
#[derive(Debug)]
pub(super) struct Rows<T> {
    pub(super) rows: Vec<T>,
    /// Whether the rows stand whatever follows.
    pub(super) settled: bool,
    pub(super) next: Next,
}

impl List<'_> {
    pub(super) const fn start(self) -> Position {
        Position::Keyset {
            from: self.first,
            page: 1,
            count: None,
        }
    }
}

/// A page, or the news that this version has no such list.
#[derive(Debug)]
pub(super) enum Reply<T> {
    Page(Rows<T>),
    NoSuchList(IntegrationError),
}

impl<T> Reply<T> {
    pub(super) fn page(self) -> Result<Rows<T>, IntegrationError> {
        match self {
            Self::Page(rows) => Ok(rows),
            Self::NoSuchList(error) => Err(error),
        }
    }
}

impl Api {
    /// One page of a list.
    pub(super) async fn page<T: Row>(
        &self,
        list: List<'_>,
        position: Position,
        identity: Identity,
    ) -> Result<Reply<T>, IntegrationError> {
        let (filter, page) = match &position {
            Position::Keyset { from: 0, page, .. } => (None, *page),
            Position::Keyset { from, page, .. } => (Some(format!("{}=[{from}~]", list.key)), *page),
            Position::Numbered { total, seen, pages } => (None, next_page(*total, *seen, pages)),
        };
        let answer = self.ask(list, filter.as_deref(), page, PAGE_SIZE).await?;
        if is_unknown_path(&answer) {
            return Ok(Reply::NoSuchList(refusal(&answer, identity)));
        }
        let (rows, total) = read::<T>(&answer, identity)?;
        let rows = match position {
            Position::Keyset { from, page, count } if ascend(&rows, from) => {
                let count = count.unwrap_or_default();
                if total < count.left {
                    self.look_behind::<T>(list, from, count, identity).await?;
                }
                let total = total.max(told_by_link(&answer, rows.len() as u64));
                if rows.is_empty() && total > 0 && page >= EMPTY_PAGES {
                    self.rest(list, filter.as_deref(), identity).await?
                } else {
                    keyset(rows, total, from, page, count.seen)
                }
            }
            Position::Keyset { count: None, .. } => numbered(rows, total, total, 0, Vec::new()),
            Position::Keyset { .. } => return Err(answer.violation(Violation::PagingLoop)),
            Position::Numbered { pages, .. } if pages.is_empty() => {
                numbered(rows, total, total, 0, pages)
            }
            Position::Numbered {
                total: known,
                seen,
                pages,
            } if seen == known => recheck(&rows, total == known, &pages),
            Position::Numbered { pages, .. } if pages.contains(&fingerprint(&rows)) => {
                return Err(answer.violation(Violation::PagingLoop));
            }
            Position::Numbered {
                total: known,
                seen,
                pages,
            } => numbered(rows, total, known, seen, pages),
        };
        Ok(Reply::Page(rows))
    }

    /// A whole list, read again as long as it changes under the reading. A list that lets itself be
    /// taken for one by number, and then is none, is read by pages: 2.0 orders projects by name
    /// and knows no filter for them.
    pub(super) async fn all<T: Row>(
        &self,
        list: List<'_>,
        identity: Identity,
    ) -> Result<Vec<T>, IntegrationError> {
        let mut start = list.start();
        for _ in 0..READINGS {
            match self.whole(list, start.clone(), identity).await {
                Ok(Some(rows)) => return Ok(rows),
                Ok(None) => {}
                Err(IntegrationError::ProtocolViolation {
                    violation: Violation::PagingLoop,
                    ..
                }) => start = Position::BY_PAGES,
                Err(error) => return Err(error),
            }
        }
        Err(IntegrationError::IncompleteListing {
            context: Box::new(
                self.harbor
                    .client
                    .context(Step::Listing)
                    .with_subject(list.path),
            ),
            reason: Incompleteness::KeptChanging { attempts: READINGS },
        })
    }

    async fn whole<T: Row>(
        &self,
        list: List<'_>,
        mut position: Position,
        identity: Identity,
    ) -> Result<Option<Vec<T>>, IntegrationError> {
        let mut rows = Vec::new();
        loop {
            let mut page = self.page(list, position, identity).await?.page()?;
            rows.append(&mut page.rows);
            match page.next {
                Next::End => return Ok(Some(rows)),
                Next::Page(cursor) if let Some(next) = Position::of(&cursor) => {
                    position = next;
                }
                _ => return Ok(None),
            }
        }
    }

    /// Looks behind the cursor where fewer rows are left than must be. Deletions explain that; a
    /// list that is not in the order of its numbers has its lost rows there.
    async fn look_behind<T: Row>(
        &self,
        list: List<'_>,
        from: u64,
        count: Count,
        identity: Identity,
    ) -> Result<(), IntegrationError> {
        let behind = format!("{}=[{}~{}]", list.key, list.first, from - 1);
        let answer = self.ask(list, Some(&behind), 1, 1).await?;
        if total_of(&answer, identity)? <= count.seen {
            return Ok(());
        }
        // 2.5.0 counts signatures that it does not show.
        let answer = self.ask(list, Some(&behind), 1, 0).await?;
        let (rows, _) = read::<T>(&answer, identity)?;
        let missed = (rows.len() as u64).saturating_sub(count.seen);
        if missed == 0 {
            return Ok(());
        }
        Err(IntegrationError::IncompleteListing {
            context: Box::new(answer.context()),
            reason: Incompleteness::RowsMissing { missed },
        })
    }

    /// What a keyset still holds behind empty pages, in one answer: page size zero means all.
    async fn rest<T: Row>(
        &self,
        list: List<'_>,
        filter: Option<&str>,
        identity: Identity,
    ) -> Result<Rows<T>, IntegrationError> {
        let answer = self.ask(list, filter, 1, 0).await?;
        let (rows, _) = read::<T>(&answer, identity)?;
        Ok(Rows {
            rows,
            settled: true,
            next: Next::End,
        })
    }

    async fn ask(
        &self,
        list: List<'_>,
        filter: Option<&str>,
        page: u32,
        page_size: u64,
    ) -> Result<Answer, IntegrationError> {
        let (page, page_size) = (page.to_string(), page_size.to_string());
        let mut query = vec![("page", page.as_str()), ("page_size", page_size.as_str())];
        let filters: Vec<_> = filter.into_iter().chain(list.filter).collect();
        let filters = filters.join(",");
        query.extend((!filters.is_empty()).then_some(("q", filters.as_str())));
        query.push(("sort", list.key));
        query.extend(list.options);
        self.get(Step::Listing, list.path, &query).await
    }
}

fn read<T: Row>(answer: &Answer, identity: Identity) -> Result<(Vec<T>, u64), IntegrationError> {
    let total = total_of(answer, identity)?;
    // An empty list may be `null`.
    let rows: Option<Vec<T>> = answer.json()?;
    Ok((rows.unwrap_or_default(), total))
}

/// One row more than these, where the answer has a next page: a total that denies it is wrong. The
/// link itself is not followed, and its absence proves nothing.
pub(super) fn told_by_link(answer: &Answer, rows: u64) -> u64 {
    match answer.header("link") {
        Some(link) if link.contains("rel=\"next\"") => rows + 1,
        _ => 0,
    }
}

fn ascend<T: Row>(rows: &[T], from: u64) -> bool {
    rows.first().is_none_or(|row| row.id() >= from) && rows.is_sorted_by(|a, b| a.id() < b.id())
}

/// The total of a keyset answer is what remains, so the answer that holds that many rows is the
/// last. Nothing else ends it: 2.5 takes signatures out of its pages after cutting them, which
/// leaves short and empty pages in mid-list.
fn keyset<T: Row>(rows: Vec<T>, total: u64, from: u64, page: u32, seen: u64) -> Rows<T> {
    let read = rows.len() as u64;
    let (from, page) = match rows.last() {
        Some(last) => (last.id() + 1, 1),
        None => (from, page + 1),
    };
    let next = if read == total {
        Next::End
    } else {
        let count = Some(Count {
            seen: seen + read,
            left: total.saturating_sub(read),
        });
        Next::Page(Position::Keyset { from, page, count }.cursor())
    };
    Rows {
        rows,
        settled: true,
        next,
    }
}

/// A page-numbered list has ended when as many rows were read as it counts, and it counted the
/// same in every answer; beyond one page, page 1 must then be as it was.
fn numbered<T: Row>(
    rows: Vec<T>,
    total: u64,
    known: u64,
    seen: u64,
    mut pages: Vec<u64>,
) -> Rows<T> {
    let seen = seen + rows.len() as u64;
    pages.push(fingerprint(&rows));
    let next = if total != known || seen > total || rows.is_empty() {
        Next::Restart
    } else if seen == total && pages.len() == 1 {
        Next::End
    } else {
        Next::Page(Position::Numbered { total, seen, pages }.cursor())
    };
    Rows {
        rows,
        settled: false,
        next,
    }
}

fn recheck<T: Row>(first: &[T], same_total: bool, pages: &[u64]) -> Rows<T> {
    let unchanged = same_total && pages.first() == Some(&fingerprint(first));
    Rows {
        rows: Vec::new(),
        settled: false,
        next: if unchanged { Next::End } else { Next::Restart },
    }
}

fn next_page(total: u64, seen: u64, pages: &[u64]) -> u32 {
    if seen == total && !pages.is_empty() {
        1
    } else {
        u32::try_from(pages.len() + 1).unwrap_or(u32::MAX)
    }
}

fn fingerprint<T: Row>(rows: &[T]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for row in rows {
        row.id().hash(&mut hasher);
    }
    hasher.finish()
}
