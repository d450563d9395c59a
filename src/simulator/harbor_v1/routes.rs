use percent_encoding::percent_decode_str;

use super::{Asked, refusal::Refusal};
use crate::simulator::{exchange::Answer, harbor::pages};

/// What Harbor serves under `/api` and the simulator does not.
const NOT_SIMULATED: &[&str] = &[
    "chartrepo",
    "configurations",
    "email",
    "health",
    "internal",
    "jobs",
    "labels",
    "ldap",
    "quotas",
    "registries",
    "replication",
    "retentions",
    "scanners",
    "scans",
    "system",
    "usergroups",
    "users",
];

/// Whether nginx hands this path on to core.
pub(super) fn reach_core(path: &str) -> bool {
    let mut starts = ["/api/", "/c/", "/service/", "/v2/"].iter();
    starts.any(|start| path.starts_with(start))
}

impl Asked<'_> {
    pub(super) fn route(&self) -> Answer {
        let path = percent_decode_str(&self.request.path).decode_utf8_lossy();
        // Of the four, `/api` alone is recorded.
        if ["/api", "/c", "/service", "/v2"].contains(&path.as_ref()) {
            let location = format!("{}{path}/", self.external_url);
            return pages::nginx(301, "301 Moved Permanently").with("Location", location);
        }
        if path.starts_with("/v1/") {
            return pages::nginx(404, "404 Not Found");
        }
        if let Some(rest) = path.strip_prefix("/v2/") {
            return self.distribution(rest);
        }
        if path == "/service/token" {
            return self.token();
        }
        if let Some(rest) = path.strip_prefix("/api/") {
            return self.api(rest).unwrap_or_else(Refusal::answer);
        }
        if path == "/c/login" && self.request.method == "POST" {
            return unprocessable();
        }
        if path.starts_with("/service/") || path.starts_with("/c/") {
            return pages::no_page();
        }
        pages::portal()
    }

    fn api(&self, path: &str) -> Result<Answer, Refusal> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let segments: Vec<_> = path.split('/').collect();
        let not_simulated = || Err(Refusal::NotSimulated(format!("/api/{path}")));
        match (self.request.method.as_str(), segments.as_slice()) {
            ("HEAD", ["projects"]) => self.head_project(),
            ("POST", ["projects"]) | ("PUT" | "DELETE", ["projects", _]) => not_simulated(),
            ("POST" | "PUT" | "DELETE", ["repositories", _, ..]) => not_simulated(),
            ("GET", ["ping"]) => Ok(super::json(&"Pong")),
            ("GET", ["systeminfo"]) => Ok(self.system_info()),
            ("GET", ["users", "current"]) => self.current_user(),
            ("GET", ["statistics"]) => self.statistics(),
            ("GET", ["search"]) => Ok(self.search()),
            ("GET", ["logs"]) => self.access_log(),
            ("GET", ["projects"]) => self.list_projects(),
            ("GET", ["projects", id]) => self.get_project(id),
            ("GET", ["repositories"]) => self.list_repositories(),
            ("GET", ["systeminfo", _] | ["projects", _, _, ..] | ["repositories", "top"]) => {
                not_simulated()
            }
            ("GET", ["repositories", rest @ ..]) => self.in_repository(&rest.join("/")),
            (_, [first, ..]) if NOT_SIMULATED.contains(first) => not_simulated(),
            _ => Err(Refusal::NoPage),
        }
    }

    /// What follows `/api/repositories/`.
    fn in_repository(&self, rest: &str) -> Result<Answer, Refusal> {
        if let Some(path) = rest.strip_suffix("/tags") {
            return self.list_tags(path);
        }
        match rest.rsplit_once("/tags/") {
            Some((path, tag)) if !tag.contains('/') => self.get_tag(path, tag),
            _ => Err(Refusal::NotSimulated(format!("/api/repositories/{rest}"))),
        }
    }
}

/// To a form without its token, recorded; with one it is not simulated.
fn unprocessable() -> Answer {
    let page = "<!DOCTYPE html>\n<html lang=\"en\">\n<head><title>Unprocessable Entity</title></head>\n\
                <body>'_xsrf' argument missing from POST</body>\n</html>\n";
    Answer::new(422, "text/html; charset=utf-8", page)
}
