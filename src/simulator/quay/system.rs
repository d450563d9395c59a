use serde_json::{Value, json};

use super::{asked::Asked, tokens::Scope};
use crate::simulator::exchange::Answer;

/// `/config` as it was recorded, without what differs from server to server.
const CONFIG: &str = include_str!("config.json");

impl Asked<'_> {
    /// `GET /config`
    pub(super) fn config(&self, version: &str) -> Answer {
        let mut config: Value = serde_json::from_str(CONFIG).unwrap_or_default();
        let settings = &self.registry.settings;
        config["config"]["SERVER_HOSTNAME"] = json!(self.server_name());
        config["features"]["ANONYMOUS_ACCESS"] = json!(settings.anonymous_access);
        config["features"]["SUPERUSERS_FULL_ACCESS"] = json!(settings.superusers_full_access);
        config["version_number"] = json!(format!("Quay v{version}"));
        Answer::json(200, "application/json", &config)
    }

    /// `GET /health/instance`
    pub(super) fn health() -> Answer {
        let body = json!({
            "data": {
                "services": {
                    "auth": true,
                    "database": true,
                    "disk_space": true,
                    "registry_gunicorn": true,
                    "service_key": true,
                    "web_gunicorn": true,
                },
            },
            "status_code": 200,
        });
        Answer::json(200, "application/json", &body)
    }

    /// `GET /v1/_ping`
    pub(super) fn ping() -> Answer {
        Answer::new(200, "application/octet-stream, text/plain", "true")
            .with("X-Docker-Registry-Version", "0.6.0")
            .with("X-Docker-Registry-Standalone", "0")
    }

    /// `GET /api/v1/discovery`: the head of it. The real one goes on for 169 kilobytes.
    pub(super) fn discovery(&self) -> Answer {
        let url = self.external_url();
        let scheme = url.split("://").next().unwrap_or_default();
        let scopes = Scope::ALL.map(|scope| (scope.name().to_owned(), json!("")));
        let body = json!({
            "swagger": "2.0",
            "host": self.server_name(),
            "basePath": "/",
            "schemes": [scheme],
            "info": {
                "version": "v1",
                "title": "Quay Frontend",
                "description": "This API allows you to perform many of the operations required to \
                                work with Quay repositories, users, and organizations.",
                "termsOfService": "",
                "contact": { "email": "admin@example.com" },
            },
            "securityDefinitions": {
                "oauth2_implicit": {
                    "type": "oauth2",
                    "flow": "implicit",
                    "authorizationUrl": format!("{url}/oauth/authorize"),
                    "scopes": Value::Object(scopes.into_iter().collect()),
                },
            },
            "paths": {},
        });
        Answer::json(200, "application/json", &body)
    }
}
