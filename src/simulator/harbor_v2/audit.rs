use std::collections::BTreeSet;

use super::{contents::Contents, release::Release};
use crate::clock::Timestamp;

/// What was done, as the audit logs tell it.
#[derive(Debug, Clone, Default)]
pub(super) struct AuditLog {
    /// How many rows there were before those kept here.
    before: u64,
    entries: Vec<Entry>,
    off: bool,
    holds: bool,
    /// Types of events that are not written.
    pub(super) disabled: BTreeSet<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) at: Timestamp,
    pub(super) operation: Operation,
    pub(super) subject: Subject,
    /// The push of a digest that the repository had.
    is_repeated: bool,
    is_purged: bool,
    is_held: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Create,
    Delete,
    Pull,
}

#[derive(Debug, Clone)]
pub(super) enum Subject {
    Project(String),
    Repository(String),
    Tag {
        path: String,
        tag: String,
    },
    Artifact {
        path: String,
        digest: String,
        tag: Option<String>,
    },
}

impl Operation {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Pull => "pull",
        }
    }
}

impl Subject {
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Project(_) => "project",
            Self::Repository(_) => "repository",
            Self::Tag { .. } => "tag",
            Self::Artifact { .. } => "artifact",
        }
    }

    pub(super) fn project(&self) -> &str {
        let (Self::Project(path)
        | Self::Repository(path)
        | Self::Tag { path, .. }
        | Self::Artifact { path, .. }) = self;
        path.split_once('/').map_or(path, |(project, _)| project)
    }

    /// As the column `resource` shows it.
    pub(super) fn resource(&self, release: Release) -> String {
        match self {
            Self::Project(path) | Self::Repository(path) => path.clone(),
            Self::Tag { path, tag }
            | Self::Artifact {
                path,
                tag: Some(tag),
                ..
            } => format!("{path}:{tag}"),
            Self::Artifact { path, digest, .. } => {
                let separator = if release.logs_digests_behind_at() {
                    '@'
                } else {
                    ':'
                };
                format!("{path}{separator}{digest}")
            }
        }
    }
}

impl AuditLog {
    fn write(&mut self, at: Timestamp, operation: Operation, subject: Subject, is_repeated: bool) {
        let event = format!("{}_{}", operation.name(), subject.kind());
        if self.off || self.disabled.contains(&event) {
            return;
        }
        self.entries.push(Entry {
            at,
            operation,
            subject,
            is_repeated,
            is_purged: false,
            is_held: self.holds,
        });
    }

    pub(super) const fn is_off(&self) -> bool {
        self.off
    }

    /// The rows that there are, with their numbers.
    pub(super) fn rows(&self, release: Release) -> impl Iterator<Item = (u64, &Entry)> {
        let is_written = move |entry: &&Entry| {
            let is_push = entry.operation == Operation::Create;
            !(is_push && entry.is_repeated && release.forgets_repeated_pushes())
        };
        let written = self.entries.iter().filter(is_written);
        (self.before + 1..)
            .zip(written)
            .filter(|(_, entry)| !entry.is_purged && !entry.is_held)
    }
}

/// The audit log and its switches.
impl Contents {
    /// Somebody pulls, by tag or by digest. Says whether it was there.
    pub fn pull(&mut self, path: &str, reference: &str) -> bool {
        let repository = self.by_path.get(path).copied();
        let home = repository.and_then(|id| self.repositories.get(&id));
        let found = home.and_then(|home| self.find(home, reference));
        let (Some(id), Some(artifact)) = (repository, found) else {
            return false;
        };
        let digest = artifact.digest.clone();
        self.tick();
        if let Some(home) = self.repositories.get_mut(&id) {
            home.pulled = Some(self.now);
            home.pulls += 1;
        }
        let tag = (!reference.contains(':')).then(|| reference.to_owned());
        let path = path.to_owned();
        self.log(Operation::Pull, Subject::Artifact { path, digest, tag });
        true
    }

    /// Whether what is done is written into the audit log; it is unless told otherwise. The switch
    /// is the setting `skip_audit_log_database`.
    pub fn keep_audit_log(&mut self, keeps: bool) {
        self.audit.off = !keeps;
    }

    /// Writes no more events of these types, such as `create_artifact`, into the audit log.
    pub fn disable_audit_events<'a>(&mut self, events: impl IntoIterator<Item = &'a str>) {
        let events = events.into_iter().map(str::to_owned);
        self.audit.disabled.extend(events);
    }

    /// Whether rows of the audit log, from now on, take their numbers and are not shown, as those of
    /// a transaction that is slow to be committed.
    pub fn hold_audit_log(&mut self, holds: bool) {
        self.audit.holds = holds;
    }

    /// Shows the rows of the audit log that were held.
    pub fn commit_audit_log(&mut self) {
        for entry in &mut self.audit.entries {
            entry.is_held = false;
        }
    }

    /// Deletes all rows of the audit log, up to now.
    pub fn purge_audit_log(&mut self) {
        for entry in &mut self.audit.entries {
            entry.is_purged = true;
        }
    }

    /// The next row of the audit log has this number, and those before it are gone.
    pub fn number_audit_log(&mut self, next: u64) {
        self.audit.entries.clear();
        self.audit.before = next.saturating_sub(1);
    }

    pub(super) fn log(&mut self, operation: Operation, subject: Subject) {
        self.audit.write(self.now, operation, subject, false);
    }

    /// The push of an artifact by a tag, or without one.
    pub(super) fn log_push(&mut self, path: &str, digest: &str, tag: Option<&str>, repeated: bool) {
        let subject = Subject::Artifact {
            path: path.to_owned(),
            digest: digest.to_owned(),
            tag: tag.map(str::to_owned),
        };
        self.audit
            .write(self.now, Operation::Create, subject, repeated);
    }
}
