use percent_encoding::percent_decode_str;

use super::{Asked, refusal::Refusal};
use crate::simulator::{exchange::Answer, harbor::pages};

/// What Harbor serves under `/api/v2.0` and the simulator does not.
const NOT_SIMULATED: &[&str] = &[
    "export",
    "health",
    "icons",
    "internalconfig",
    "jobservice",
    "labels",
    "ldap",
    "p2p",
    "permissions",
    "quotas",
    "registries",
    "replication",
    "retentions",
    "robots",
    "scanners",
    "scans",
    "schedules",
    "search",
    "security",
    "system",
    "usergroups",
    "users",
    "webhook",
];

/// Whether nginx hands this path on to core.
pub(super) fn reach_core(path: &str) -> bool {
    let mut starts = ["/api/", "/c/", "/service/", "/v2/"].iter();
    starts.any(|start| path.starts_with(start)) && !path.contains("%00")
}

impl Asked<'_> {
    pub(super) fn route(&self) -> Answer {
        // nginx decodes the path once; core splits it and decodes what it took apart again.
        let path = percent_decode_str(&self.request.path).decode_utf8_lossy();
        if path.contains('\0') {
            return pages::nginx(400, "400 Bad Request");
        }
        if path == "/v2" {
            let location = format!("{}/v2/", self.external_url);
            return pages::nginx(301, "301 Moved Permanently").with("Location", location);
        }
        if let Some(rest) = path.strip_prefix("/v2/") {
            return self.distribution(rest);
        }
        if path == "/service/token" {
            return self.token();
        }
        if path == "/api/v2.0" || path.starts_with("/api/v2.0/") {
            return self.api(&path).unwrap_or_else(Refusal::answer);
        }
        if path == "/api/version" && self.request.method == "GET" {
            return Self::version();
        }
        if path.starts_with("/api/") || path.starts_with("/service/") || path.starts_with("/c/") {
            return pages::no_page();
        }
        if path.starts_with("/v1/") {
            return pages::nginx(404, "404 Not Found");
        }
        pages::portal()
    }

    fn api(&self, path: &str) -> Result<Answer, Refusal> {
        let no_path = || Refusal::NoPath(path.to_owned());
        let segments: Vec<String> = path
            .split('/')
            .skip(3)
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if self.is_missing(&segments) {
            return Err(no_path());
        }
        match (self.request.method.as_str(), segments.as_slice()) {
            (_, ["users", "current"]) => self.only_get(|| self.current_user()),
            (
                "GET",
                ["systeminfo", _, ..] | ["projects", _, "summary" | "logs" | "members", ..],
            ) => Err(Refusal::NotSimulated(path.to_owned())),
            (_, [first, ..]) if NOT_SIMULATED.contains(first) => {
                Err(Refusal::NotSimulated(path.to_owned()))
            }
            ("HEAD", ["projects"]) => self.head_project(),
            ("GET", ["auditlog-exts", _, ..]) => Err(Refusal::NotSimulated(path.to_owned())),
            (_, ["audit-logs"]) => self.only_get(|| self.audit_logs(false)),
            (_, ["auditlog-exts"]) => self.only_get(|| self.audit_logs(true)),
            (_, ["configurations"]) => self.only_get(|| self.configurations()),
            (_, ["systeminfo"]) => self.only_get(|| Ok(self.system_info())),
            (_, ["ping"]) => Ok(self.ping()),
            (_, ["statistics"]) => self.only_get(|| self.statistics()),
            (_, ["projects"]) => self.only_get(|| self.list_projects()),
            (_, ["repositories"]) => self.only_get(|| self.list_all_repositories()),
            (_, ["projects", project]) => self.only_get(|| self.get_project(project)),
            (_, ["projects", project, "artifacts"]) => {
                self.only_get(|| self.list_artifacts_of_project(project))
            }
            (_, ["projects", project, "repositories"]) => {
                self.only_get(|| self.list_repositories_of(project))
            }
            (_, ["projects", project, "repositories", name]) => {
                self.only_get(|| self.get_repository(project, name))
            }
            (_, ["projects", project, "repositories", name, "artifacts"]) => {
                self.only_get(|| self.list_artifacts(project, name))
            }
            (
                _,
                [
                    "projects",
                    project,
                    "repositories",
                    name,
                    "artifacts",
                    reference,
                ],
            ) => self.only_get(|| self.get_artifact(project, name, reference)),
            (_, ["projects", _, "repositories", _, "artifacts", _, ..]) => {
                Err(Refusal::NotSimulated(path.to_owned()))
            }
            _ => Err(no_path()),
        }
    }

    /// Routes that the release does not have yet.
    fn is_missing(&self, segments: &[&str]) -> bool {
        let release = self.release();
        match segments {
            ["repositories"] => !release.lists_all_repositories(),
            ["projects", _, "artifacts"] => !release.lists_artifacts_of_projects(),
            ["projects", name] => !release.gets_projects_by_name() && name.parse::<u64>().is_err(),
            ["robots"] => release.is_legacy(),
            ["auditlog-exts", ..] => !release.has_extended_audit_log(),
            _ => false,
        }
    }

    /// Refuses other methods and other types than JSON before anything else is looked at.
    fn only_get(&self, get: impl FnOnce() -> Result<Answer, Refusal>) -> Result<Answer, Refusal> {
        if self.request.method != "GET" {
            return Err(Refusal::NotAllowed(self.request.method.clone()));
        }
        let accept = self.request.header("Accept").unwrap_or("*/*");
        if !accept.contains('*') && !accept.contains("json") {
            let message = "unsupported media type requested, only [application/json] are available";
            return Err(Refusal::Unprocessable(message.to_owned()));
        }
        get()
    }
}
