use super::contents::Contents;
use crate::clock::Timestamp;

/// Whose changes are those of [`Contents`].
pub(super) const ADMINISTRATOR: &str = "admin";

/// What was done, as `/api/logs` tells it.
#[derive(Debug, Clone, Default)]
pub(super) struct AccessLog {
    /// How many rows there were before those kept here.
    before: u64,
    entries: Vec<Entry>,
    holds: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) id: u64,
    pub(super) at: Timestamp,
    pub(super) user: String,
    pub(super) operation: Operation,
    pub(super) project: u64,
    /// The full path; of a project its name and a slash.
    pub(super) repository: String,
    pub(super) tag: String,
    is_held: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Create,
    Delete,
    Push,
    Pull,
}

impl Operation {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Push => "push",
            Self::Pull => "pull",
        }
    }
}

impl AccessLog {
    /// The rows that there are, oldest first.
    pub(super) fn rows(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter().filter(|entry| !entry.is_held)
    }
}

/// The access log and its switches.
impl Contents {
    /// Whether rows of the access log, from now on, take their numbers and times and are not shown:
    /// Harbor writes them beside what they tell of, so that they can be late.
    pub fn hold_log(&mut self, holds: bool) {
        self.log.holds = holds;
    }

    /// Shows the rows of the access log that were held.
    pub fn commit_log(&mut self) {
        for entry in &mut self.log.entries {
            entry.is_held = false;
        }
    }

    /// The next row of the access log has this number, and those before it are gone.
    pub fn number_log(&mut self, next: u64) {
        self.log.entries.clear();
        self.log.before = next.saturating_sub(1);
    }

    pub(super) fn write_log(&mut self, operation: Operation, project: u64, path: &str, tag: &str) {
        self.write_log_as(ADMINISTRATOR, operation, project, path, tag);
    }

    pub(super) fn write_log_as(
        &mut self,
        user: &str,
        operation: Operation,
        project: u64,
        path: &str,
        tag: &str,
    ) {
        self.log.entries.push(Entry {
            id: self.log.before + self.log.entries.len() as u64 + 1,
            at: self.now,
            user: user.to_owned(),
            operation,
            project,
            repository: path.to_owned(),
            tag: tag.to_owned(),
            is_held: self.log.holds,
        });
    }
}
