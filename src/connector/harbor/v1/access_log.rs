use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    api::Api,
    wire::{LogRowWire, Row},
};
use crate::{
    clock::Timestamp,
    connector::harbor::answers::{Identity, total_of},
    error::{IntegrationError, Step},
    http::Answer,
    image::{ChangeMark, RepositoryName},
};

/// What changes what a repository shows. Pulls would flood the reading.
const OPERATIONS: [&str; 2] = ["push", "delete"];

/// How many of the last rows of each are remembered, and read again: rows are committed in another
/// order than that of their times.
const REMEMBERED: usize = 100;

/// How far before its end an empty log is read again, for the same reason.
const MARGIN: Duration = Duration::from_secs(60);

/// The largest page.
const PAGE_SIZE: &str = "500";

/// How often the log is read before its restlessness sends for a full listing.
const READINGS: u32 = 3;

const NANOS: i64 = 1_000_000_000;

/// How far the access log had come: of each operation that is followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AccessLog {
    /// The server's clock then.
    at: Timestamp,
    ends: [LogEnd; OPERATIONS.len()],
}

/// How far the log of one operation had come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct LogEnd {
    /// The second from which on to read again.
    begin: i64,
    /// The rows since, by number. Where one is missing the log was purged, or is another.
    seen: BTreeMap<u64, Timestamp>,
}

/// The repositories that the log names, with their projects, and how far it has come with that.
#[derive(Debug)]
pub(super) struct Logged {
    pub(super) repositories: BTreeMap<RepositoryName, u64>,
    pub(super) log: AccessLog,
}

/// The rows of the log since a second, in no order.
struct Reading {
    rows: Vec<LogRowWire>,
    at: Timestamp,
}

impl LogEnd {
    /// The end of a log whose newest rows are these, read at that time.
    fn new(rows: &[LogRowWire], at: Timestamp) -> Self {
        let mut newest: Vec<_> = rows.iter().map(|row| (row.op_time, row.id())).collect();
        newest.sort_unstable();
        let newest = newest.split_off(newest.len().saturating_sub(REMEMBERED));
        let oldest = newest.first().map(|(time, _)| *time);
        let begin = oldest.unwrap_or_else(|| at.saturating_sub(MARGIN));
        Self {
            begin: begin.as_unix_nanos().div_euclid(NANOS),
            seen: newest.into_iter().map(|(time, id)| (id, time)).collect(),
        }
    }

    /// The rows that are new. None where what was seen before is not there any more.
    fn news<'a>(&self, rows: &'a [LogRowWire]) -> Option<Vec<&'a LogRowWire>> {
        let times: BTreeMap<_, _> = rows.iter().map(|row| (row.id(), row.op_time)).collect();
        let is_there = |(id, time): (&u64, &Timestamp)| times.get(id) == Some(time);
        if !self.seen.iter().all(is_there) {
            return None;
        }
        // Where not every row was remembered, those before them share a second with the oldest.
        let is_full = self.seen.len() == REMEMBERED;
        let oldest = self.seen.values().min().filter(|_| is_full);
        let is_new = |row: &&LogRowWire| {
            !self.seen.contains_key(&row.id()) && oldest.is_none_or(|oldest| row.op_time >= *oldest)
        };
        Some(rows.iter().filter(is_new).collect())
    }
}

impl AccessLog {
    /// None where it is not this connector's.
    pub(super) fn read(mark: &ChangeMark) -> Option<Self> {
        serde_json::from_str(mark.as_str()).ok()
    }

    pub(super) fn write(&self) -> Option<ChangeMark> {
        serde_json::to_string(self).ok().map(ChangeMark::new)
    }
}

impl Api {
    /// How far the access log has come by now. None where it is not known to tell everything: to
    /// others than administrators it tells of their own projects, and of the releases 1.10 alone was
    /// recorded. That it cannot be told is no reason not to list.
    pub(super) async fn log_end(&self, identity: Identity) -> Option<AccessLog> {
        let end = async {
            if identity != Identity::Admin || !self.is_recorded_release().await? {
                return Ok(None);
            }
            let [pushed, deleted] = [
                self.newest(OPERATIONS[0]).await?,
                self.newest(OPERATIONS[1]).await?,
            ];
            Ok::<_, IntegrationError>(pushed.zip(deleted).map(|(pushed, deleted)| AccessLog {
                at: pushed.at,
                ends: [pushed, deleted].map(|reading| LogEnd::new(&reading.rows, reading.at)),
            }))
        };
        end.await.unwrap_or_else(|error| {
            tracing::debug!(%error, "no mark for the changes after this listing");
            None
        })
    }

    /// What the log tells since. None where it contradicts what it told before.
    pub(super) async fn logged_since(
        &self,
        mark: &AccessLog,
    ) -> Result<Option<Logged>, IntegrationError> {
        let (mut repositories, mut ends, mut at) = (BTreeMap::new(), Vec::new(), None);
        for (operation, end) in OPERATIONS.into_iter().zip(&mark.ends) {
            let Some(reading) = self.log_since(operation, end.begin).await? else {
                return Ok(None);
            };
            let news = end.news(&reading.rows).filter(|_| reading.at >= mark.at);
            let Some(news) = news else {
                return Ok(None);
            };
            // Rows of projects are of none of their repositories.
            repositories.extend(
                news.into_iter()
                    .filter_map(|row| Some((row.repo_name.parse().ok()?, row.project_id))),
            );
            at = at.or(Some(reading.at));
            ends.push(LogEnd::new(&reading.rows, reading.at));
        }
        let log = at.zip(ends.try_into().ok());
        Ok(log.map(|(at, ends)| Logged {
            repositories,
            log: AccessLog { at, ends },
        }))
    }

    /// The newest rows; none where the answer does not tell its time.
    async fn newest(&self, operation: &str) -> Result<Option<Reading>, IntegrationError> {
        let count = REMEMBERED.to_string();
        let query = [
            ("operation", operation),
            ("page", "1"),
            ("page_size", count.as_str()),
        ];
        let answer = self.get(Step::Listing, "/logs", &query).await?;
        let (_, rows) = read(&answer)?;
        Ok(answer.date().map(|at| Reading { rows, at }))
    }

    /// All rows since a second; none where they do not add up to their total. The newest come first,
    /// so that one that is written meanwhile shows another twice, and hides none.
    async fn log_since(
        &self,
        operation: &str,
        begin: i64,
    ) -> Result<Option<Reading>, IntegrationError> {
        let begin = begin.to_string();
        for _ in 0..READINGS {
            let (mut rows, mut shown, mut began) = (Vec::new(), BTreeSet::new(), None);
            for page in 1.. {
                let page = u32::to_string(&page);
                let query = [
                    ("operation", operation),
                    ("begin_timestamp", begin.as_str()),
                    ("page", page.as_str()),
                    ("page_size", PAGE_SIZE),
                ];
                let answer = self.get(Step::Listing, "/logs", &query).await?;
                let Some(at) = answer.date() else {
                    return Ok(None);
                };
                let began = *began.get_or_insert(at);
                let (total, found) = read(&answer)?;
                let is_empty = found.is_empty();
                rows.extend(found.into_iter().filter(|row| shown.insert(row.id())));
                if shown.len() as u64 == total {
                    return Ok(Some(Reading { rows, at: began }));
                }
                if is_empty || shown.len() as u64 > total {
                    break;
                }
            }
        }
        Ok(None)
    }
}

fn read(answer: &Answer) -> Result<(u64, Vec<LogRowWire>), IntegrationError> {
    let total = total_of(answer, Identity::Admin)?;
    Ok((total, answer.json::<Option<_>>()?.unwrap_or_default()))
}
