use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    api::Api,
    wire::{RepositoryWire, Row},
};
use crate::{
    clock::Timestamp,
    connector::harbor::answers::{Identity, total_of},
    error::{IntegrationError, Step},
};

/// How much earlier than the newest row a row may still turn up: several servers share a database,
/// and rows are written in another order than their times.
const MARGIN: Duration = Duration::from_secs(60);

/// How many pages are read to remember the rows within the margin; others count as changed.
const REMEMBERED_PAGES: usize = 10;

/// How often the list is read before its restlessness sends for a full listing.
const READINGS: u32 = 3;

const PAGE_SIZE: usize = 100;

/// How far the list of repositories by `update_time` had come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Newest {
    /// The newest time; none while there was no repository.
    time: Option<Timestamp>,
    /// The server's clock then.
    at: Timestamp,
    /// The repositories within the margin, by number.
    recent: BTreeMap<u64, Timestamp>,
}

/// The repositories that changed, and how far the list has come with that.
#[derive(Debug)]
pub(super) struct Updated {
    pub(super) repositories: Vec<RepositoryWire>,
    pub(super) newest: Newest,
    pub(super) identity: Identity,
    /// Whether every repository that the account sees was read, changed or not.
    pub(super) rest: Option<Vec<RepositoryWire>>,
}

/// The beginning of the list, newest first.
#[derive(Debug)]
struct Reading {
    rows: Vec<RepositoryWire>,
    /// How many there are in all.
    total: u64,
    at: Timestamp,
}

impl Newest {
    fn of(reading: &Reading) -> Self {
        let time = reading.rows.first().and_then(RepositoryWire::updated_at);
        let newest = time.map(|time| time.min(reading.at));
        let recent = reading.rows.iter().filter_map(|row| {
            let updated = row.updated_at()?;
            (Some(updated) >= newest.map(before)).then_some((row.id(), updated))
        });
        Self {
            time: newest,
            at: reading.at,
            recent: recent.collect(),
        }
    }

    /// The rows that are others than when this was read. None where they contradict it: the server
    /// was set back, or its clock was.
    fn changed(&self, reading: &Reading) -> Option<HashSet<u64>> {
        let newest = reading.rows.first().and_then(RepositoryWire::updated_at);
        if reading.at < self.at || newest < self.time {
            return None;
        }
        let floor = self.time.map(before);
        let mut changed = HashSet::new();
        for row in &reading.rows {
            let updated = row.updated_at();
            let known = self.recent.get(&row.id()).copied();
            if known > updated {
                return None;
            }
            if updated >= floor && updated != known {
                changed.insert(row.id());
            }
        }
        Some(changed)
    }
}

impl Api {
    /// How far the list of repositories has come by now; none where it cannot be told.
    pub(super) async fn newest(&self) -> Result<Option<Newest>, IntegrationError> {
        let reading = self.read_updated(None).await?;
        Ok(reading.map(|reading| Newest::of(&reading)))
    }

    /// The repositories that changed since, by an account that saw all of them throughout. None
    /// where that cannot be told.
    pub(super) async fn updated_since(
        &self,
        mark: &Newest,
    ) -> Result<Option<Updated>, IntegrationError> {
        for _ in 0..READINGS {
            let lockouts = self.account.lockouts();
            let Some(reading) = self.read_updated(Some(mark.time.map(before))).await? else {
                continue;
            };
            let (identity, _) = self.identify().await?;
            if self.count_repositories(identity).await? != reading.total
                || self.account.lockouts() != lockouts
            {
                continue;
            }
            let newest = Newest::of(&reading);
            let Some(changed) = mark.changed(&reading) else {
                return Ok(None);
            };
            let is_whole = reading.rows.len() as u64 == reading.total;
            let (repositories, rest) = reading
                .rows
                .into_iter()
                .partition(|row| changed.contains(&row.id()));
            return Ok(Some(Updated {
                repositories,
                newest,
                identity,
                rest: is_whole.then_some(rest),
            }));
        }
        Ok(None)
    }

    /// How many repositories the account sees, told another way where there is one: an
    /// administrator alone is told the true totals.
    async fn count_repositories(&self, identity: Identity) -> Result<u64, IntegrationError> {
        if identity == Identity::Admin {
            return Ok(self.statistics().await?.total_repo_count);
        }
        let query = [("page", "1"), ("page_size", "1")];
        let answer = self.get(Step::Listing, "/repositories", &query).await?;
        total_of(&answer, identity)
    }

    /// The list down to the first row older than `floor`, or, without one, to the margin. Page by
    /// page: what moves up in between repeats the rows behind it, and what is deleted or made
    /// changes the total. None where it did, and where the list is in another order.
    async fn read_updated(
        &self,
        floor: Option<Option<Timestamp>>,
    ) -> Result<Option<Reading>, IntegrationError> {
        let (mut rows, mut seen) = (Vec::<RepositoryWire>::new(), HashSet::new());
        let mut known: Option<(u64, Timestamp)> = None;
        for page in 1.. {
            let number = page.to_string();
            let query = [
                ("page", number.as_str()),
                ("page_size", "100"),
                ("sort", "-update_time"),
            ];
            let answer = self.get(Step::Listing, "/repositories", &query).await?;
            // The account is proved afterwards: until then it is anybody's.
            let total = total_of(&answer, Identity::User)?;
            let found: Option<Vec<RepositoryWire>> = answer.json()?;
            let found = found.unwrap_or_default();
            if known.is_none() {
                known = answer.date().map(|at| (total, at));
            }
            let Some((first_total, at)) = known else {
                return Ok(None);
            };
            let is_sorted = found.is_sorted_by(|a, b| a.updated_at() >= b.updated_at());
            let is_timed = found.iter().all(|row| row.updated_at().is_some());
            if total != first_total || !is_sorted || !is_timed {
                return Ok(None);
            }
            let (oldest, is_last) = (found.last().and_then(RepositoryWire::updated_at), {
                found.len() < PAGE_SIZE
            });
            rows.extend(found.into_iter().filter(|row| seen.insert(row.id())));
            if is_last && (rows.len() as u64) < total {
                return Ok(None);
            }
            let margin = || {
                rows.first()?
                    .updated_at()
                    .map(|newest| before(newest.min(at)))
            };
            let is_enough = match floor {
                Some(floor) => oldest < floor,
                None => oldest < margin() || page == REMEMBERED_PAGES,
            };
            if is_last || is_enough || rows.len() as u64 >= total {
                return Ok(Some(Reading { rows, total, at }));
            }
        }
        Ok(None)
    }
}

fn before(time: Timestamp) -> Timestamp {
    time.saturating_sub(MARGIN)
}
