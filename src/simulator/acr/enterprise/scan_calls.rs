//! The calls of ACR's own scanner, which here is done at once and finds nothing in made-up images.

use serde_json::{Value, json};

use super::calls::Asked;
use crate::simulator::acr::{readings::Model, refusal::Refusal};

impl Asked<'_> {
    /// `CreateRepoTagScanTask`
    pub(super) fn create_repo_tag_scan_task(&self) -> Result<Value, Refusal> {
        let scanned = self.scanned()?;
        self.call.gateway.scans.create(&scanned);
        Ok(json!({}))
    }

    /// `GetRepoTagScanStatus`
    pub(super) fn get_repo_tag_scan_status(&self) -> Result<Value, Refusal> {
        self.call.gateway.scans.find(&self.scanned()?)?;
        Ok(json!({ "Status": "COMPLETE", "ScanService": "ACR_SCAN_SERVICE" }))
    }

    /// `GetRepoTagScanSummary`
    pub(super) fn get_repo_tag_scan_summary(&self) -> Result<Value, Refusal> {
        self.call.gateway.scans.find(&self.scanned()?)?;
        Ok(json!({
            "HighSeverity": 0,
            "MediumSeverity": 0,
            "LowSeverity": 0,
            "UnknownSeverity": 0,
            "TotalSeverity": 0,
        }))
    }

    /// `ListRepoTagScanResult`
    pub(super) fn list_repo_tag_scan_result(&self) -> Result<Value, Refusal> {
        self.call.gateway.scans.find(&self.scanned()?)?;
        let paging = self.call.numbered("PageNo")?;
        let mut body = json!({ "Vulnerabilities": [] });
        self.call.add_paging(&mut body, &paging, 0, Model::Number);
        Ok(body)
    }

    /// What is unique to the image of the tag that is named.
    fn scanned(&self) -> Result<String, Refusal> {
        let (home, tag) = self.tagged()?;
        let instance = self.instance()?.id();
        Ok(format!(
            "{instance}/{}@{}",
            home.settings.path(),
            tag.digest
        ))
    }
}
