use serde::Serialize;

use super::{Asked, access_log::Entry, json, paging::Paging, refusal::Refusal};
use crate::{clock::Timestamp, simulator::exchange::Answer};

#[derive(Serialize)]
struct Row<'a> {
    log_id: u64,
    username: &'a str,
    project_id: u64,
    repo_name: &'a str,
    repo_tag: &'a str,
    guid: &'a str,
    operation: &'a str,
    op_time: String,
}

impl Asked<'_> {
    /// `GET /api/logs`, newest first: an administrator sees all rows, others those of their
    /// projects.
    pub(super) fn access_log(&self) -> Result<Answer, Refusal> {
        if self.viewer.account.is_none() {
            return Err(Refusal::Unauthorized("Unauthorized"));
        }
        let paging = Paging::of(self.request)?;
        let begin = self.moment("begin_timestamp")?;
        let end = self.moment("end_timestamp")?;
        let projects = self.contents.projects.values();
        let own: Vec<_> = projects
            .filter(|project| self.viewer.is_member(project))
            .map(|project| project.id)
            .collect();
        let is_administrator = self.viewer.is_administrator();
        if own.is_empty() && !is_administrator {
            return Ok(paging.head(json(&None::<()>), 0));
        }
        let operations = self.request.parameters().into_iter();
        let operations: Vec<_> = operations
            .filter(|(name, value)| name == "operation" && !value.is_empty())
            .map(|(_, value)| value)
            .collect();
        let [user, repository, tag] =
            ["username", "repository", "tag"].map(|name| self.parameter(name).unwrap_or_default());
        let is_asked_for = |row: &&Entry| {
            (is_administrator || own.contains(&row.project))
                && (operations.is_empty() || operations.iter().any(|it| it == row.operation.name()))
                && row.user.contains(&user)
                && row.repository.contains(&repository)
                && row.tag.contains(&tag)
                // Both ends are included (read from the source).
                && begin.is_none_or(|begin| begin <= row.at)
                && end.is_none_or(|end| row.at <= end)
        };
        let mut rows: Vec<_> = self.contents.log.rows().filter(is_asked_for).collect();
        rows.sort_by_key(|row| row.at);
        rows.reverse();
        let page: Vec<_> = paging
            .of_rows(&rows)
            .iter()
            .map(|entry| row(entry))
            .collect();
        Ok(paging.head(json(&page), rows.len()))
    }

    /// In seconds since 1970. The refusal is read from the source.
    fn moment(&self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        let given = self.parameter(name).filter(|text| !text.is_empty());
        given
            .map(|text| match text.parse::<i64>() {
                Ok(seconds) => {
                    let nanos = seconds.saturating_mul(1_000_000_000);
                    Ok(Timestamp::from_unix_nanos(nanos))
                }
                Err(_) => Err(Refusal::BadRequest(format!("invalid {name}: {text}"))),
            })
            .transpose()
    }
}

fn row(entry: &Entry) -> Row<'_> {
    Row {
        log_id: entry.id,
        username: &entry.user,
        project_id: entry.project,
        repo_name: &entry.repository,
        repo_tag: &entry.tag,
        guid: "",
        operation: entry.operation.name(),
        op_time: entry.at.to_string(),
    }
}
