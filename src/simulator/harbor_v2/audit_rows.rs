use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Asked,
    account::{Kind, Permission},
    audit::{Entry, Operation, Subject},
    query::{Query, Style, directed},
    refusal::{self, Refusal},
    stamp,
};
use crate::{clock::Timestamp, simulator::exchange::Answer};

const SORT_KEYS: &[&str] = &["id", "op_time"];

/// Everything is done by the one who is always there.
const DONE_BY: &str = "admin";

/// As recorded on 2.15.
const CONFIGURATIONS: &str = include_str!("configurations.json");

#[derive(Serialize)]
struct Row {
    id: u64,
    op_time: String,
    operation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_result: Option<bool>,
    resource: String,
    resource_type: &'static str,
    username: &'static str,
}

impl Asked<'_> {
    /// `GET /audit-logs`, and `GET /auditlog-exts` in releases that have it: there the former shows
    /// old rows only, that is none.
    pub(super) fn audit_logs(&self, extended: bool) -> Result<Answer, Refusal> {
        if self.viewer.account.is_none() {
            return Ok(refusal::error(401, "UNAUTHORIZED", ""));
        }
        let query = Query::parse(self.request, self.release(), Style::Usual)?;
        let is_current = extended == self.release().has_extended_audit_log();
        let mut rows = Vec::new();
        for (id, entry) in self.contents.audit.rows(self.release()) {
            if is_current && self.may_see(entry) && self.entry_matches(id, entry, &query)? {
                rows.push((id, entry));
            }
        }
        rows.sort_by(|(a, one), (b, other)| {
            query
                .sort(SORT_KEYS)
                .map(|(key, reversed)| {
                    let ordering = match key {
                        "id" => a.cmp(b),
                        _ => one.at.cmp(&other.at),
                    };
                    directed(ordering, reversed)
                })
                .find(|ordering| ordering.is_ne())
                .unwrap_or_else(|| (other.at, b).cmp(&(one.at, a)))
        });
        let page = query.page(&rows).iter();
        let shown: Vec<_> = page
            .map(|(id, entry)| self.log_row(*id, entry, extended))
            .collect();
        let answer = Answer::json(200, "application/json", &shown);
        let total = rows.len() as u64;
        Ok(query.paged(answer, &self.request.path, total, Style::Usual))
    }

    /// `GET /configurations`. What others than administrators are answered, and what releases
    /// before 2.15 answer, is recorded nowhere, save that strangers are refused.
    pub(super) fn configurations(&self) -> Result<Answer, Refusal> {
        if !self.viewer.is_administrator() {
            return Err(self.viewer.denied());
        }
        let mut settings: Value =
            serde_json::from_str(CONFIGURATIONS).map_err(|_| Refusal::Internal)?;
        let log = &self.contents.audit;
        let disabled: Vec<_> = log.disabled.iter().map(String::as_str).collect();
        settings["skip_audit_log_database"]["value"] = json!(log.is_off());
        settings["disabled_audit_log_event_types"]["value"] = json!(disabled.join(","));
        settings["auth_mode"]["value"] = json!(self.auth_mode.name());
        if let Value::Object(settings) = &mut settings {
            if !self.release().has_extended_audit_log() {
                settings.remove("disabled_audit_log_event_types");
            }
            if !self.release().can_skip_audit_log() {
                settings.remove("audit_log_forward_endpoint");
                settings.remove("skip_audit_log_database");
            }
        }
        Ok(Answer::json(200, "application/json", &settings))
    }

    /// An administrator sees every row, a user those of the own projects, a robot all or none.
    fn may_see(&self, entry: &Entry) -> bool {
        match self.viewer.account.as_ref().map(|account| &account.kind) {
            Some(Kind::Administrator) => true,
            Some(Kind::User { roles }) => roles.contains_key(entry.subject.project()),
            Some(Kind::Robot { permissions, .. }) => {
                permissions.contains(&Permission::AuditLogList)
            }
            None => false,
        }
    }

    fn entry_matches(&self, id: u64, entry: &Entry, query: &Query) -> Result<bool, Refusal> {
        for (key, pattern) in query.filters() {
            let holds = match key.as_str() {
                "id" => pattern.holds_number(id)?,
                "op_time" => pattern.holds_time(entry.at)?,
                "operation" => pattern.holds_text(entry.operation.name()),
                "resource_type" => pattern.holds_text(entry.subject.kind()),
                "resource" => pattern.holds_text(&entry.subject.resource(self.release())),
                "username" => pattern.holds_text(DONE_BY),
                _ => true,
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn log_row(&self, id: u64, entry: &Entry, extended: bool) -> Row {
        let release = self.release();
        Row {
            id,
            op_time: if release.is_legacy() {
                legacy_stamp(entry.at)
            } else {
                stamp(entry.at)
            },
            operation: entry.operation.name(),
            operation_description: extended.then(|| described(entry)),
            operation_result: extended.then_some(true),
            resource: entry.subject.resource(release),
            resource_type: entry.subject.kind(),
            username: DONE_BY,
        }
    }
}

fn described(entry: &Entry) -> String {
    let kind = entry.subject.kind();
    let verb = match (entry.operation, kind) {
        (Operation::Create, "artifact") => "push",
        (operation, _) => operation.name(),
    };
    let what = match &entry.subject {
        Subject::Project(path) | Subject::Repository(path) => path.clone(),
        Subject::Tag { path, tag } => format!("{path}:{tag}"),
        Subject::Artifact { path, digest, .. } => format!("{path}@{digest}"),
    };
    format!("{verb} {kind}: {what}")
}

/// As 2.0 writes it: `2026-11-21 20:11:00.314307 +0000 UTC`.
fn legacy_stamp(time: Timestamp) -> String {
    let stamp = stamp(time);
    let (date, clock) = stamp.split_once('T').unwrap_or((&stamp, ""));
    format!("{date} {}000 +0000 UTC", clock.trim_end_matches('Z'))
}
