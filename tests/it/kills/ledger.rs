//! What the processes saw and did, in a file that outlives them.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::Path,
};

use registry_intake::{
    clock::Timestamp,
    image::{Digest, Tag},
    inventory::ChangeKind,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Entry {
    /// A process has started, and the inventory says that these are ingested or gone.
    Found {
        ingested: Vec<Digest>,
        gone: Vec<Digest>,
    },
    /// A claim was granted.
    Granted { at: Timestamp },
    /// The sink of this process has an image.
    Handed { digest: Digest, fence: i64, by: u32 },
    /// The sink gave it back.
    Refused { digest: Digest },
    /// The inventory has heard that the image is ingested.
    Acknowledged { digest: Digest, by: u32 },
    /// A run has ended, after so many processes had left it unfinished.
    Synced { takeovers: u32, by: u32 },
    /// The inventory has refused this of a process that had lost the right to it.
    TooLate { method: String, by: u32 },
    /// The sink knows of a change.
    Told {
        kind: ChangeKind,
        digest: Digest,
        tags: Vec<Tag>,
    },
}

#[derive(Debug)]
pub(crate) struct Ledger(File);

impl Ledger {
    pub(super) fn append_to(path: &Path) -> Self {
        let mut options = OpenOptions::new();
        Self(options.create(true).append(true).open(path).unwrap())
    }

    pub(super) fn write(&self, entry: &Entry) {
        let line = serde_json::to_string(entry).unwrap();
        // A kill can cut a write short: what follows stands apart from it.
        (&self.0)
            .write_all(format!("\n{line}\n").as_bytes())
            .unwrap();
    }

    pub(crate) fn read(path: &Path) -> Vec<Entry> {
        let text = fs::read_to_string(path).unwrap_or_default();
        let whole = text.lines().filter(|line| line.ends_with('}'));
        whole
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}
