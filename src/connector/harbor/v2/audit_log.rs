use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    api::{Api, is_unknown_path},
    pager::{List, Position, Reply},
    wire::{LogRowWire, Row},
};
use crate::{
    connector::harbor::answers::{Identity, refusal, total_of},
    error::{IntegrationError, Step},
    image::{Next, RepositoryName},
};

/// Only what may show an image or a tag. Pulls would flood it.
const CREATED: &str = "operation=create";

/// How many of the last rows are remembered, and read again: rows are committed in another order
/// than that of their numbers.
const REMEMBERED: usize = 100;

/// How far an audit log had come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogEnd {
    /// The log's path.
    log: String,
    /// The lowest number to read again.
    from: u64,
    /// The rows from there on, with their times. Where one is missing the log was purged, or is
    /// another.
    seen: BTreeMap<u64, String>,
}

/// The repositories that the log names, and how far it has come with that.
#[derive(Debug)]
pub(super) struct Logged {
    pub(super) repositories: BTreeSet<RepositoryName>,
    pub(super) end: LogEnd,
}

/// A setting of the server.
#[derive(Debug, Deserialize)]
struct Setting {
    #[serde(default)]
    value: Value,
}

impl LogEnd {
    fn new(log: &str, first: u64, rows: impl IntoIterator<Item = LogRowWire>) -> Self {
        let mut seen: BTreeMap<_, _> = rows
            .into_iter()
            .map(|row| (row.id(), row.op_time))
            .collect();
        let surplus = seen.len().saturating_sub(REMEMBERED);
        let kept = seen.keys().nth(surplus).copied().filter(|_| surplus > 0);
        let from = kept.unwrap_or(first);
        Self {
            log: log.to_owned(),
            from,
            seen: seen.split_off(&from),
        }
    }

    pub(super) fn is_of(&self, log: &str) -> bool {
        self.log == log
    }
}

impl Api {
    /// How far the log has come by now; none where it is empty or does not tell everything.
    pub(super) async fn log_end(
        &self,
        log: &'static str,
    ) -> Result<Option<LogEnd>, IntegrationError> {
        if !self.keeps_log().await? {
            return Ok(None);
        }
        let query = [
            ("page", "1"),
            ("page_size", "100"),
            ("q", CREATED),
            ("sort", "-id"),
        ];
        let answer = self.get(Step::Listing, log, &query).await?;
        if is_unknown_path(&answer) {
            return Ok(None);
        }
        let total = total_of(&answer, Identity::Admin)?;
        let rows: Option<Vec<LogRowWire>> = answer.json()?;
        let rows = rows.unwrap_or_default();
        let is_newest_first = rows.is_sorted_by(|a, b| a.id() > b.id());
        let oldest = rows.last().map(Row::id).filter(|_| is_newest_first);
        let first = oldest.map(|oldest| {
            if rows.len() as u64 == total {
                1
            } else {
                oldest
            }
        });
        Ok(first.map(|first| LogEnd::new(log, first, rows)))
    }

    /// The repositories of which the log tells something new. None where it does not tell
    /// everything, or contradicts what it told before.
    pub(super) async fn logged_since(
        &self,
        mark: &LogEnd,
        log: &'static str,
    ) -> Result<Option<Logged>, IntegrationError> {
        if !self.keeps_log().await? {
            return Ok(None);
        }
        let list = List {
            path: log,
            key: "id",
            first: mark.from,
            filter: Some(CREATED),
            options: &[],
        };
        let (mut rows, mut position) = (Vec::<LogRowWire>::new(), list.start());
        loop {
            let page = match self.page(list, position, Identity::Admin).await? {
                // A log that is not walked by number may be walked past its news.
                Reply::Page(page) if page.settled => page,
                _ => return Ok(None),
            };
            rows.extend(page.rows);
            match page.next {
                Next::End => break,
                Next::Page(cursor) if let Some(next) = Position::of(&cursor) => position = next,
                _ => return Ok(None),
            }
        }
        let found: BTreeMap<_, _> = rows.iter().map(|row| (row.id(), &row.op_time)).collect();
        if mark.seen.is_empty()
            || mark
                .seen
                .iter()
                .any(|(id, time)| found.get(id) != Some(&time))
        {
            return Ok(None);
        }
        let is_news = |row: &&LogRowWire| !mark.seen.contains_key(&row.id()) && row.shows_image();
        let mut repositories = BTreeSet::new();
        for row in rows.iter().filter(is_news) {
            let Some(repository) = row.repository() else {
                return Ok(None);
            };
            repositories.insert(repository);
        }
        Ok(Some(Logged {
            repositories,
            end: LogEnd::new(log, mark.from, rows),
        }))
    }

    /// Whether the server writes every push into its log. It tells its settings to administrators
    /// alone, so that others, who may be shown a part of the log, are not believed.
    async fn keeps_log(&self) -> Result<bool, IntegrationError> {
        let answer = self.get(Step::Listing, "/configurations", &[]).await?;
        match answer.status() {
            200 => {}
            500.. => return Err(refusal(&answer, Identity::User)),
            _ => return Ok(false),
        }
        let settings: BTreeMap<String, Setting> = answer.json()?;
        let value = |name: &str| settings.get(name).map(|setting| &setting.value);
        // Versions before 2.6 have no such setting, and before 2.13 no list of events.
        let is_off = value("skip_audit_log_database").is_some_and(|it| *it != Value::Bool(false));
        let disabled =
            value("disabled_audit_log_event_types").map(|it| it.as_str().unwrap_or("create"));
        Ok(!is_off && !disabled.is_some_and(|events| events.contains("create")))
    }
}
