use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::Omission;
use crate::{
    clock::Timestamp,
    error::{ErrorCode, ErrorRecord},
    image::{BlindSpot, ChangeMark, Cursor, Exclusion, Location, Proof, Scope, Tag},
};

/// What a run reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// Everything: proves the inventory and may find images gone.
    Full,
    /// What has changed since the change mark. Marks nothing as gone, and neither makes nor breaks
    /// a row of complete runs.
    Incremental,
}

impl RunKind {
    /// The kind's name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
        }
    }
}

/// What to do about a run of the integration that has begun and not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RunStart {
    /// Wait for it while its lease is good, and take it over once the lease has ended. One that is
    /// of another kind, or began longer ago than [`RunRequest::RESUMED_WITHIN`], is given up for a
    /// new one.
    #[default]
    Resume,
    /// Give it up even where somebody is at work on it.
    Anew,
}

/// A wish for the right to write a run.
#[derive(Debug, Clone)]
pub struct RunRequest<'a> {
    /// The integration's name.
    pub integration: &'a str,
    /// What it is to read.
    pub kind: RunKind,
    /// How long the right is good without a sign of life. Every write of the run is one.
    pub lease: Duration,
    /// What to do about an unfinished one.
    pub start: RunStart,
    /// The change mark taken before anything is read, for a run that begins anew: what changes
    /// while the run lists is then read again by the next incremental one.
    pub mark: Option<&'a ChangeMark>,
}

impl RunRequest<'_> {
    /// For how long after its beginning an unfinished run is worth to be gone on with: what it saw
    /// first is no news any more.
    pub const RESUMED_WITHIN: Duration = Duration::from_secs(12 * 3600);
}

/// The right to write a run. Fenced: whoever begins or takes over a run later voids it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunTicket {
    /// The integration's name.
    pub integration: String,
    /// The run's number. Later runs have higher ones.
    pub run: i64,
    /// The fencing token. Grows with every run of the integration, and when one is taken over.
    pub fence: i64,
}

/// A run that has begun or was taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BegunRun {
    /// The right to write it.
    pub ticket: RunTicket,
    /// When it began; for one that was taken over, when the first process began it.
    pub started_at: Timestamp,
    /// When the right ends without a sign of life.
    pub lease_until: Timestamp,
    /// The change mark that was taken before anything was read.
    pub mark: Option<ChangeMark>,
    /// What is done already, where an unfinished run was taken over.
    pub resumed: Option<ResumedRun>,
}

/// How far an unfinished run had come.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResumedRun {
    /// How often it was taken over, this time included.
    pub takeovers: u32,
    /// How far its list of scopes was read.
    pub scope_list: ScopeList,
    /// The scopes that have ended. A skipped one may be read again.
    pub closed: Vec<ClosedScope>,
    /// The scopes that are still to be read.
    pub open: Vec<OpenScope>,
}

/// How far a run's list of scopes was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ScopeList {
    /// It is to be read from its start.
    #[default]
    Unread,
    /// It goes on from here.
    ReadTo(Cursor),
    /// Read to its end.
    Read,
}

/// A scope of a run that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedScope {
    /// The scope.
    pub scope: Scope,
    /// How it ended.
    pub outcome: ScopeOutcome,
}

/// A scope of a run that is still to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenScope {
    /// The scope.
    pub scope: Scope,
    /// Where to go on. Without it the scope starts over, and what was seen in it before the
    /// takeover counts as not seen by this run.
    pub cursor: Option<Cursor>,
}

/// How a scope ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScopeOutcome {
    /// Read to its end.
    Listed,
    /// Left out on purpose.
    Excluded(Exclusion),
    /// Could not be read.
    Skipped(ErrorRecord),
}

/// A scope that the list of scopes names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedScope {
    /// The scope.
    pub scope: Scope,
    /// How it ended, where the list alone tells; none where it is to be read.
    pub outcome: Option<ScopeOutcome>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunEnd {
    /// What proves that the lists of scopes were whole. Without it nothing is marked as gone.
    pub proof: Option<Proof>,
    /// Why the run is not complete. Beside a proof it says that single scopes could not be read:
    /// what the others cover is still judged.
    pub failure: Option<ErrorRecord>,
    /// The change mark to keep where the run was successful; for none, the one with which it began.
    pub mark: Option<ChangeMark>,
    /// What the run could not see.
    pub blind_to: Vec<BlindSpot>,
    /// HTTP requests sent by the process that ended the run.
    pub requests: u64,
    /// How long that process was at it.
    pub elapsed: Duration,
}

/// How many images of a page were new, changed or as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PageChanges {
    /// Not in the inventory before, or gone and back.
    pub new: u64,
    /// Known, with other tags or facts.
    pub changed: u64,
    /// Known and the same.
    pub unchanged: u64,
}

/// A run that has begun and not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenRun {
    /// The run's number.
    pub run: i64,
    /// What it reads.
    pub kind: RunKind,
    /// When it began.
    pub started_at: Timestamp,
    /// When it may be taken over.
    pub lease_until: Timestamp,
}

/// A run that has ended. Counts are of images, that is of digests in repositories, save `skipped`
/// and `excluded`, which are of scopes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunReport {
    /// The run's number. None where the inventory does not know the run: the listing of an
    /// integration that was never synced failed before anything was read.
    pub run: Option<i64>,
    /// What it read.
    pub kind: RunKind,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended, or was given up for another.
    pub finished_at: Timestamp,
    /// How often another process took it over.
    pub takeovers: u32,
    /// What proved its lists of scopes; none where nothing did.
    pub proof: Option<Proof>,
    /// Images seen.
    pub listed: u64,
    /// Images not known before, or gone and back.
    pub new: u64,
    /// Images with other tags or facts.
    pub changed: u64,
    /// Images as before.
    pub unchanged: u64,
    /// Images marked as gone, by the run or by whoever confirmed what it held back.
    pub gone: u64,
    /// Images that look gone but wait for confirmation.
    pub held: u64,
    /// Images seen that are not for ingestion.
    pub left_out: BTreeMap<Omission, u64>,
    /// Scopes that could not be read.
    pub skipped: u64,
    /// The same, by what went wrong.
    pub skipped_by: BTreeMap<ErrorCode, u64>,
    /// Scopes left out on purpose.
    pub excluded: u64,
    /// The same, by reason.
    pub excluded_by: BTreeMap<Exclusion, u64>,
    /// What the run could not see.
    pub blind_to: Vec<BlindSpot>,
    /// HTTP requests sent by the process that ended the run.
    pub requests: u64,
    /// How long that process was at it, in milliseconds.
    pub elapsed_ms: u64,
    /// Why it is not complete.
    pub failure: Option<ErrorRecord>,
}

impl RunReport {
    /// The report of a run that failed before the inventory knew of it.
    pub(crate) fn unbegun(
        kind: RunKind,
        started_at: Timestamp,
        finished_at: Timestamp,
        end: RunEnd,
    ) -> Self {
        Self {
            run: None,
            kind,
            started_at,
            finished_at,
            takeovers: 0,
            proof: end.proof,
            listed: 0,
            new: 0,
            changed: 0,
            unchanged: 0,
            gone: 0,
            held: 0,
            left_out: BTreeMap::new(),
            skipped: 0,
            skipped_by: BTreeMap::new(),
            excluded: 0,
            excluded_by: BTreeMap::new(),
            blind_to: end.blind_to,
            requests: end.requests,
            elapsed_ms: u64::try_from(end.elapsed.as_millis()).unwrap_or(u64::MAX),
            failure: end.failure,
        }
    }

    /// Whether it was a full run that proved that it saw everything, and read all of it.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        is_complete(self.kind, self.proof, self.failure.is_some())
    }

    /// Whether it did what a run of its kind is to do: a full one is complete, an incremental one
    /// read all that it knew to have changed.
    #[must_use]
    pub const fn is_successful(&self) -> bool {
        is_successful(self.kind, self.proof, self.failure.is_some())
    }
}

pub(super) const fn is_complete(kind: RunKind, proof: Option<Proof>, failed: bool) -> bool {
    matches!(kind, RunKind::Full) && proof.is_some() && !failed
}

pub(super) const fn is_successful(kind: RunKind, proof: Option<Proof>, failed: bool) -> bool {
    match kind {
        RunKind::Full => is_complete(kind, proof, failed),
        RunKind::Incremental => !failed,
    }
}

/// How a run found an image to differ from what was known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunChange {
    /// Its place in the run's changes.
    pub sequence: i64,
    /// What changed.
    pub kind: RunChangeKind,
    /// The location as the run found it, or as it was when it went.
    pub location: Location,
    /// The tags before, where they are others now.
    pub tags_before: Option<Vec<Tag>>,
}

/// What a run found changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RunChangeKind {
    /// Not known before.
    New,
    /// Gone before, and back.
    Returned,
    /// Its tags are others now.
    Retagged,
    /// Some other fact about it is: its size, its platforms, a tag's times.
    Updated,
    /// No longer there.
    Gone,
}

impl RunChangeKind {
    /// The kind's name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Returned => "returned",
            Self::Retagged => "retagged",
            Self::Updated => "updated",
            Self::Gone => "gone",
        }
    }
}
