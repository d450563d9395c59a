use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    asked::{Asked, seconds},
    refusal::Refusal,
    rights::{RepoRole, Viewer},
    settings::State,
};
use crate::simulator::{
    exchange::{Answer, basic},
    jwt,
};

/// How many seconds a token lasts.
const LIFETIME: i64 = 3600;

impl Asked<'_> {
    /// `GET /v2/auth`: a token for whoever the credentials name. What is not granted is not in it.
    pub(super) fn token(&self) -> Result<Answer, Refusal> {
        let (viewer, kind) = self.logged_in()?;
        let scopes = self.parameters.iter().filter(|(name, _)| name == "scope");
        let scopes: Vec<_> = scopes.map(|(_, scope)| scope.as_str()).collect();
        if viewer.is_anonymous() && scopes.is_empty() {
            return Err(Refusal::Unauthorized(None));
        }
        let mut access = Vec::new();
        let mut roots = BTreeMap::new();
        for scope in scopes.into_iter().filter(|scope| !scope.is_empty()) {
            let entry = self.access(&viewer, scope)?;
            let name = entry["name"].as_str().unwrap_or_default();
            roots.insert(name.to_owned(), "$disabled");
            access.push(entry);
        }
        let mut context = json!({
            "com.apostille.roots": roots,
            "com.apostille.root": "$disabled",
        });
        if let Some(name) = viewer.name() {
            context["version"] = json!(2);
            context["entity_kind"] = json!(kind);
            context["entity_reference"] = json!(name);
            context["kind"] = json!(if kind == "oauthtoken" {
                "oauth"
            } else {
                "user"
            });
            context["user"] = json!(name);
            if kind == "oauthtoken" {
                context["oauth"] = json!(name);
            }
        }
        let now = seconds(self.now);
        let claims = json!({
            "iss": "quay",
            "aud": self.parameter("service"),
            "nbf": now,
            "iat": now,
            "exp": now + LIFETIME,
            "sub": viewer.name().unwrap_or("(anonymous)"),
            "access": access,
            "context": context,
        });
        let body = json!({ "token": jwt::sign(&claims) });
        Ok(Answer::json(200, "application/json", &body)
            .with("Cache-Control", "no-cache, no-store, must-revalidate"))
    }

    /// Who logs in by Basic credentials, and as what.
    fn logged_in(&self) -> Result<(Viewer, &'static str), Refusal> {
        let accounts = &self.registry.accounts;
        let Some(sent) = self.request.authorization() else {
            return match self.registry.settings.anonymous_access {
                true => Ok((Viewer::nobody(), "")),
                false => Err(Refusal::anonymous()),
            };
        };
        let invalid = |message: &str| Err(Refusal::InvalidLogin(message.to_owned()));
        let attempt = match basic(sent) {
            // What is no Basic credentials is recorded nowhere.
            None => invalid("Invalid basic auth format"),
            Some((name, value)) => match name.as_str() {
                "$oauthtoken" => accounts
                    .oauth(&value)
                    .map(|(user, token)| (Viewer::token(user, token, false), "oauthtoken"))
                    .map_err(Refusal::from),
                // Tokens for applications and the old ones are not simulated; none is right.
                "$app" => invalid("Invalid token"),
                "$token" => invalid("Invalid access token"),
                _ if name.contains('+') => accounts
                    .robot(&name, &value)
                    .map(|robot| (Viewer::robot(robot), "robot"))
                    .map_err(Refusal::from),
                _ => accounts
                    .log_in(&name, &value)
                    .map(|user| (Viewer::user(user, false), "user"))
                    .map_err(Refusal::from),
            },
        };
        // Read from the source: where anonymous clients are shown nothing, wrong credentials are
        // told nothing.
        match attempt {
            Err(Refusal::InvalidLogin(_)) if !self.registry.settings.anonymous_access => {
                Err(Refusal::anonymous())
            }
            attempt => attempt,
        }
    }

    /// What of a scope is granted: as an entry of a token, which may hold nothing.
    fn access(&self, viewer: &Viewer, scope: &str) -> Result<Value, Refusal> {
        let undecodable = || {
            let message = format!("Unable to decode repository and actions: {scope}");
            Refusal::Registry(400, "INVALID_REQUEST", message)
        };
        let asked = scope.strip_prefix("repository:").ok_or_else(undecodable)?;
        let (asked_path, actions) = asked.rsplit_once(':').ok_or_else(undecodable)?;
        let host = format!("{}/", self.server_name());
        let path = asked_path.strip_prefix(&host).unwrap_or(asked_path);
        let is_name = |name: &str| {
            let mut bytes = name.bytes();
            !name.is_empty()
                && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        let actions: Vec<_> = actions.split(',').collect();
        let are_known = actions
            .iter()
            .all(|action| ["pull", "push", "*"].contains(action));
        if !path.split('/').all(is_name) || !are_known {
            return Err(undecodable());
        }
        let (namespace, name) = path.split_once('/').unwrap_or(("library", path));
        let home = self.contents.home_at(&format!("{namespace}/{name}"));
        let role = viewer.repo_role(self.contents, namespace, name);
        let is_normal = home.is_some_and(|home| home.settings.state == State::Normal);
        let is_public = home.is_some_and(|home| home.settings.public);
        let mut granted = Vec::new();
        if actions.contains(&"push") && is_normal && role >= Some(RepoRole::Write) {
            granted.push("push");
        }
        if actions.contains(&"pull") && (role.is_some() || is_public) {
            granted.push("pull");
        }
        if actions.contains(&"*") && is_normal && role == Some(RepoRole::Admin) {
            granted.push("*");
        }
        Ok(json!({ "type": "repository", "name": asked_path, "actions": granted }))
    }
}
