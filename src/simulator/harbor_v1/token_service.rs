use serde_json::{Value, json};

use super::{Asked, JSON};
use crate::simulator::{exchange::Answer, harbor::tokens};

const SERVICE: &str = "harbor-registry";

impl Asked<'_> {
    /// `GET /service/token`: a token for everybody; what is not granted is not in it.
    pub(super) fn token(&self) -> Answer {
        let service = self.parameter("service").unwrap_or_default();
        if service != SERVICE {
            let body = format!("Unable to handle service: {service}");
            return Answer::new(400, "text/plain; charset=utf-8", body);
        }
        let pairs = self.request.parameters();
        let scopes = pairs.iter().filter(|(name, _)| name == "scope");
        let access: Vec<_> = scopes.map(|(_, scope)| self.access(scope)).collect();
        let token = tokens::issue(Some(self.viewer.name()), access, self.now);
        Answer::json(200, JSON, &token).compressible()
    }

    fn access(&self, scope: &str) -> Value {
        let mut parts = scope.splitn(3, ':');
        let kind = parts.next().unwrap_or_default();
        let name = parts.next().unwrap_or_default();
        let actions: &[&str] = match kind {
            "registry" if self.viewer.is_administrator() => &["*"],
            "repository" => {
                let (project, _) = name.split_once('/').unwrap_or((name, ""));
                let project = self.contents.project_named(project);
                project.map_or(&[], |project| self.viewer.actions_in(project))
            }
            _ => &[],
        };
        json!({ "type": kind, "name": name, "actions": actions })
    }

    /// Where clients are sent for a token.
    pub(super) fn realm(&self) -> String {
        format!(
            "Bearer realm=\"{}/service/token\",service=\"{SERVICE}\"",
            self.external_url
        )
    }
}
