//! The calls of ACR's own scanner, which here is done at once and finds nothing in made-up images.
//! The inner fields of their answers are a guess.

use serde_json::{Value, json};

use super::calls::Asked;
use crate::simulator::acr::refusal::Refusal;

impl Asked<'_> {
    /// `PUT /repos/NAMESPACE/NAME/tags/TAG/scan`
    pub(super) fn scan(&self, path: [&str; 3]) -> Result<(), Refusal> {
        let image = self.scanned(path)?;
        self.call.gateway.scans.create(&image);
        Ok(())
    }

    /// `GET /repos/NAMESPACE/NAME/tags/TAG/scanStatus`
    pub(super) fn scan_status(&self, path: [&str; 3]) -> Result<Value, Refusal> {
        self.call.gateway.scans.find(&self.scanned(path)?)?;
        Ok(json!({ "status": "COMPLETE" }))
    }

    /// The same with `scanCount`.
    pub(super) fn scan_count(&self, path: [&str; 3]) -> Result<Value, Refusal> {
        self.call.gateway.scans.find(&self.scanned(path)?)?;
        Ok(json!({
            "highSeverity": 0,
            "mediumSeverity": 0,
            "lowSeverity": 0,
            "unknownSeverity": 0,
            "totalSeverity": 0,
        }))
    }

    /// The same with `scanResult`.
    pub(super) fn scan_result(&self, path: [&str; 3]) -> Result<Value, Refusal> {
        self.call.gateway.scans.find(&self.scanned(path)?)?;
        let paging = self.call.numbered("Page")?;
        Ok(self.page("vulnerabilities", &[], &paging, 0))
    }

    /// What is unique to the image of the tag that is named.
    fn scanned(&self, path: [&str; 3]) -> Result<String, Refusal> {
        let tag = self.tagged(path)?;
        let [namespace, name, _] = path;
        Ok(format!("{namespace}/{name}@{}", tag.digest))
    }
}
