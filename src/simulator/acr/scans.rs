use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use super::refusal::Refusal;

/// What ACR's own scanner was told to scan.
#[derive(Debug, Default)]
pub(super) struct Scans {
    created: Mutex<BTreeSet<String>>,
}

impl Scans {
    pub(super) fn create(&self, image: &str) {
        let mut created = self.created.lock().unwrap_or_else(PoisonError::into_inner);
        created.insert(image.to_owned());
    }

    /// The code of what was never scanned is made up.
    pub(super) fn find(&self, image: &str) -> Result<(), Refusal> {
        let created = self.created.lock().unwrap_or_else(PoisonError::into_inner);
        if created.contains(image) {
            return Ok(());
        }
        let message = "scan task is not exist.".to_owned();
        Err(Refusal::Service("SCAN_TASK_NOT_EXIST", message))
    }
}
